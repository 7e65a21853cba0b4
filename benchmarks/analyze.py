"""How fast `app.py analyze` is with one and two processes and on a Dask cluster, and whether a kill costs a file.

python benchmarks/analyze.py --data data/     every file of a folder, each way as often as --rounds says; then kills

Each way is the real command as a process of its own, from its start to the finished table. CPU time is that of all
processes, so it tells what a clip costs where other programs share the cores. In the end the command is killed
(`kill -9`) again and again while it works; then it must end with the very table that the others wrote, each file
judged exactly once. The figures go to docs/analyze.md.
"""

import argparse
import hashlib
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the cluster's workers start with the same path

from distributed import LocalCluster
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "analyze.md"


@dataclass
class Way:
    """One way to do it, and what each round took."""

    name: str
    options: tuple[str, ...]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main() -> int:
    """The exit code is 1 when a table differs from another, or a file was judged twice."""
    options = _parser().parse_args()
    progress = Console(stderr=True, highlight=False)
    ways = [
        Way("1 process", ("--workers", "1")),
        Way("2 processes", ("--workers", "2")),
        Way("Dask, 2 workers", ("--dask",)),
    ]
    tables: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for way in ways:
                progress.print(f"{way.name}, round {number + 1} of {options.rounds} ...")
                output = Path(folder, f"{number}-{len(way.options[0])}-{way.options[-1]}.csv")
                measure(way, options, output)
                tables.add(_digest(output))
                files = len(_judged(output))
        output = Path(folder, "killed.csv")
        kills = kill(options, output, statistics.median(ways[1].seconds), progress)
        tables.add(_digest(output))
        judged = _judged(output)
    once = len(judged) == len(set(judged)) == files
    lines = _lines(ways, files, options.rounds, kills, len(tables) == 1 and once)
    print("\n".join(lines))
    if options.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        table = "\n".join(lines)
        marks = r"(<!-- measured -->\n).*?(<!-- /measured -->)"
        filled = re.sub(marks, lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.S)
        DOCUMENT.write_text(filled, encoding="utf-8")
    return 0 if len(tables) == 1 and once else 1


def measure(way: Way, options: argparse.Namespace, output: Path) -> None:
    """One round of one way; a cluster is up before the clock starts."""
    before = _children_cpu()
    with _addressed(way) as asked:
        began = time.perf_counter()
        done = subprocess.run(_command(options, output, *asked), stderr=subprocess.PIPE, text=True)
        way.seconds.append(time.perf_counter() - began)
    if " files in " not in done.stderr:  # the last sentence of a run that came to its end
        raise SystemExit(f"{way.name}: {done.stderr}")
    way.cpu.append(_children_cpu() - before)


@contextmanager
def _addressed(way: Way) -> Iterator[tuple[str, ...]]:
    """The way's options, and a cluster of two worker processes where it needs one."""
    if "--dask" not in way.options:
        yield way.options
        return
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield ("--dask", cluster.scheduler_address)


def kill(options: argparse.Namespace, output: Path, seconds: float, progress: Console) -> int:
    """Kills the command at random moments until it gets to its end; how often."""
    chance = random.Random(options.seed)  # noqa: S311 (no secret)
    for kills in range(options.kills):
        progress.print(f"kill {kills + 1} of {options.kills} ...")
        process = subprocess.Popen(_command(options, output, "--workers", "2"), stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.05, 1.2) * seconds / options.kills)
            return kills
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    subprocess.run(_command(options, output, "--workers", "2"), stderr=subprocess.DEVNULL)
    return options.kills


def _command(options: argparse.Namespace, output: Path, *more: str) -> list[str]:
    start = [sys.executable, str(ROOT / "app.py"), "analyze", str(options.data), "--models", str(options.models)]
    return [*start, "--out", str(output), *more]


def _digest(table: Path) -> str:
    return hashlib.sha256(table.read_bytes()).hexdigest()


def _judged(output: Path) -> list[str]:
    """The files in an output's journal, as often as they were judged."""
    with output.with_name(f"{output.name}.journal").open() as journal:
        next(journal)
        return [json.loads(line)["file"] for line in journal]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _lines(ways: list[Way], files: int, rounds: int, kills: int, good: bool) -> list[str]:
    """The table and its sentences, in Markdown."""
    one = statistics.median(ways[0].seconds)
    lines = [
        f"By `python benchmarks/analyze.py --write`: {files:,} files, {os.cpu_count()} cores, Python "
        f"{sys.version.split()[0]}, {f'medians of {rounds} rounds' if rounds > 1 else 'each way once'}. "
        "The start of the program and of its processes is in the times.",
        "",
        "| | clips a second | beside 1 process | CPU time a clip |",
        "|---|---|---|---|",
    ]
    for way in ways:
        seconds = statistics.median(way.seconds)
        cpu = f"{statistics.median(way.cpu) / files * 1000:.1f} ms"
        lines.append(f"| {way.name} | {files / seconds:.0f} | {one / seconds:.2f} | {cpu} |")
    verdict = (
        "every file was judged exactly once, and the table is byte for byte that of the runs that nobody killed"
        if good
        else "SOMETHING WAS LOST OR DONE TWICE"
    )
    return [*lines, "", f"Killed {kills} times with `kill -9` and started again: {verdict}."]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=ROOT / "data", help="folder of sound files (default: data/)")
    add("--models", type=Path, default=ROOT / "models", help="the bundle (default: models/)")
    add("--rounds", type=int, default=3, help="how often each way is measured (default: 3)")
    add("--kills", type=int, default=5, help="how often the command is killed (default: 5)")
    add("--seed", type=int, default=0, help="of the moments (default: 0)")
    add("--write", action="store_true", help="put the figures into docs/analyze.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
