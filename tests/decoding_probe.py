"""Load every file of a folder, say what came of each in a JSON line: run apart, so that memory can be seen.

`python -m tests.decoding_probe FOLDER`
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from utils.decoding import load_audio
from utils.errors import AudioError


def outcome(path: Path) -> str:
    try:
        samples = load_audio(path.read_bytes())
    except AudioError as error:
        return error.code
    assert samples.dtype == np.float32 and samples.ndim == 1 and samples.size > 0 and samples.flags.c_contiguous
    assert np.abs(samples).max() <= 1  # also false for NaN
    return "decoded"


def peak_kilobytes() -> int:
    """This process' own peak and its largest child's. getrusage would count what the process that started us used."""
    status = Path("/proc/self/status")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():
        own = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def main(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        start = time.perf_counter()
        came = outcome(path)
        line = {"name": path.name, "outcome": came, "seconds": time.perf_counter() - start}
        print(json.dumps({**line, "peak_mb": peak_kilobytes() / 1024}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
