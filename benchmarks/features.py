"""How long the features of every recording in data/ take, from scratch and from the cache.

python benchmarks/features.py [--data data/] [--jobs -1] [--json]
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the recordings are worked on side by side

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from utils.dataset_loader import Recording, load_features, scan
from utils.emotions import ALL_EMOTIONS
from utils.errors import DataError
from utils.features import FeatureSettings

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Prints a table; the exit code is 1 where data/ holds nothing."""
    options = _parser().parse_args()
    try:
        recordings = scan(options.data, ALL_EMOTIONS)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as cache:
        seconds = {when: _load(recordings, Path(cache), options.jobs, when) for when in ("from scratch", "from cache")}
    rows = [
        {"features": when, "clips": len(recordings), "seconds": taken, "clips_a_second": len(recordings) / taken}
        for when, taken in seconds.items()
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    table = Table("features", "clips", "seconds", "clips/s", title=f"{os.cpu_count()} cores, {options.jobs} jobs")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)
    return 0


def _load(recordings: list[Recording], cache: Path, jobs: int, when: str) -> float:
    started = time.perf_counter()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"features {when}", total=len(recordings))
        load_features(
            recordings,
            FeatureSettings(),
            cache=cache,
            jobs=jobs,
            progress=lambda done, _: progress.update(bar, completed=done),
        )
    return time.perf_counter() - started


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=ROOT / "data", help="what organize_*.py filled (default: data/)")
    add("--jobs", type=int, default=-1, help="processes (default: one for each core)")
    add("--json", action="store_true", help="JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
