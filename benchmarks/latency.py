"""How fast a clip is heard, next to the way student projects do it; how fast the doors are.

python benchmarks/latency.py             a table; what can't be measured here is named with the reason
python benchmarks/latency.py --json      the same as JSON
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["OMP_NUM_THREADS"] = "1"  # this and the following are read when the libraries are loaded
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
os.environ["TF_NUM_INTEROP_THREADS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.usual import usual_way
from benchmarks.voices import speak
from utils.audio_preprocessing import find_voice, fit_clip
from utils.decoding import encode_wav, load_audio
from utils.errors import VoiceError
from utils.features import extract_features
from utils.predictor import Predictor

ROOT = Path(__file__).resolve().parents[1]
Doing = Callable[[], object]
WHOLE, USUAL = "WAV to emotion, all of it", "the usual way"
START_SECONDS = 60  # that a server may take to be ready before we give up


@dataclass(frozen=True)
class Figure:
    """One line of the result: `value` in `unit`, or None with the reason in `note`. `goal` is what it should keep."""

    what: str
    value: float | None
    unit: str
    goal: str = ""
    note: str = ""


class CannotMeasure(Exception):  # noqa: N818 (it is no error: it is a line of the table)
    """Something that a figure needs isn't here; the message says what."""


def main() -> int:
    """Measures what can be measured here; the exit code is always 0."""
    options = _parser().parse_args()
    progress = Console(stderr=True)
    figures = []
    for what, measure in (("one clip", one_clip), ("web_app.py", server), ("app.py", terminal)):
        progress.print(f"measuring {what} ...")
        try:
            figures += measure(options, progress)
        except CannotMeasure as missing:
            figures.append(Figure(what, None, "", note=str(missing)))
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        Console().print(_table(figures))
    return 0


# --- One clip


def one_clip(options: argparse.Namespace, progress: Console) -> list[Figure]:
    """A 3 s WAV, warm, on one thread: whole, by stage, and side by side with the usual way."""
    content = options.clip.read_bytes() if options.clip else encode_wav(speak(3))
    samples = load_audio(content)
    clip, _ = fit_clip(samples, find_voice(samples))
    figures = []
    with tempfile.TemporaryDirectory() as folder, _one_core():
        path = Path(folder, "clip.wav")
        path.write_bytes(content)
        doings: dict[str, Doing] = {
            "decode": lambda: load_audio(path),
            "find the voice, fit 3 s": lambda: fit_clip(samples, find_voice(samples)),
        }
        try:
            predictor = _predictor(options.models)
            features = extract_features(clip, predictor.settings)[None]
            doings["features"] = lambda: extract_features(clip, predictor.settings)
            doings["network"] = lambda: predictor.hear(features)
            doings[WHOLE] = lambda: predictor.predict(path)
            hear = _usual_way(options.models)
            doings[USUAL] = lambda: hear(path)
        except CannotMeasure as missing:
            figures.append(Figure("with a network, and the usual way", None, "ms", note=str(missing)))
        taken = _times(doings, options.rounds, progress)
    for what, times in taken.items():
        low, median, high = np.percentile(times, [5, 50, 95]) * 1000
        goal = "25 at most" if what == WHOLE else ""
        figures.append(Figure(what, float(median), "ms", goal, f"5% to 95%: {low:.2f} to {high:.2f}"))
    if USUAL in taken:
        figures.append(
            Figure("the usual way / ours", float(np.median(taken[USUAL]) / np.median(taken[WHOLE])), "times")
        )
    return figures


def _times(doings: dict[str, Doing], rounds: int, progress: Console) -> dict[str, list[float]]:
    """Seconds that each took, `rounds` times by turns, after a warm-up."""
    taken: dict[str, list[float]] = {what: [] for what in doings}
    for turn in track(range(-5, rounds), "one clip", console=progress, transient=True):
        for what, doing in doings.items():
            started = time.perf_counter()
            doing()
            if turn >= 0:
                taken[what].append(time.perf_counter() - started)
    return taken


@contextmanager
def _one_core() -> Iterator[None]:
    """Keeps this process, whatever threads its libraries start, on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# --- The doors


def server(options: argparse.Namespace, progress: Console) -> list[Figure]:
    """From `python web_app.py` to ready, then uploads, then its peak memory."""
    _need("web_app.py")
    _predictor(options.models)
    clip = options.clip.read_bytes() if options.clip else encode_wav(speak(3))
    with tempfile.TemporaryDirectory() as instance:
        command = [sys.executable, "web_app.py", "--port", "0", "--instance", instance, "--models", str(options.models)]
        environment = {**_environment(), "VOICE_CLIPS_PER_MINUTE": "1000000", "VOICE_TRANSCRIBER": "off"}
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            address = _address(process)
            _wait_until_ready(address, process)
            figures = [Figure("web_app.py, start to ready", time.perf_counter() - started, "s", "4 at most")]
            started = time.perf_counter()
            for _ in track(range(options.uploads), "uploads", console=progress, transient=True):
                _upload(address, clip)
            rate = options.uploads / (time.perf_counter() - started)
            figures.append(Figure("web_app.py, uploads one after the other", rate, "clips/s"))
            figures.append(_peak_memory(process.pid, options.uploads))
        finally:
            process.terminate()
            process.communicate()
    return figures


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise CannotMeasure("web_app.py ended before it named its address: start it by hand to see why")


def _wait_until_ready(address: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/health/ready", timeout=5):  # noqa: S310 (our own server)
                return
        except OSError:
            time.sleep(0.01)
    raise CannotMeasure("web_app.py didn't get ready: start it by hand to see why")


def _upload(address: str, clip: bytes) -> None:
    head = b'--edge\r\nContent-Disposition: form-data; name="audio"; filename="clip.wav"\r\n\r\n'
    request = urllib.request.Request(  # noqa: S310 (our own server)
        f"{address}/api/clips",
        data=head + clip + b"\r\n--edge--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        raise CannotMeasure(f"web_app.py refused the clip: {error.read().decode()}") from error


def _peak_memory(process: int, uploads: int) -> Figure:
    what = f"web_app.py, peak memory after {uploads} clips"
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return Figure(what, None, "MB", "below 400", "only Linux tells")
    kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    return Figure(what, kilobytes / 1000, "MB", "below 400")


def terminal(options: argparse.Namespace, progress: Console) -> list[Figure]:
    """`python app.py` over a folder of many clips, from its start to its end."""
    _need("app.py")
    _predictor(options.models)
    with tempfile.TemporaryDirectory() as folder:
        voices = [options.clip.read_bytes()] if options.clip else [encode_wav(speak(3, seed=n)) for n in range(50)]
        for n in track(range(options.clips), "making clips", console=progress, transient=True):
            Path(folder, f"{n:05}.wav").write_bytes(voices[n % len(voices)])
        command = [sys.executable, "app.py", folder, "--json", "--models", str(options.models)]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True)
        seconds = time.perf_counter() - started
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(answers) != options.clips:
        raise CannotMeasure(f"app.py answered {len(answers)} of {options.clips}: {done.stderr.strip()}")
    return [Figure(f"app.py over {options.clips} clips", options.clips / seconds, "clips/s", "40 at least")]


def _environment() -> dict[str, str]:
    """What the doors are started in: without the limits to one thread."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}


def _need(program: str) -> None:
    if not (ROOT / program).is_file():
        raise CannotMeasure(f"there is no {program} here")


def _usual_way(models: Path) -> Callable[[Path], object]:
    try:
        return usual_way(models)
    except (ImportError, FileNotFoundError) as missing:
        raise CannotMeasure(f"{missing}: pip install -r requirements-dev.txt, then python train.py") from missing


def _predictor(models: Path) -> Predictor:
    try:
        return Predictor.load(models)
    except VoiceError as error:
        raise CannotMeasure(str(error)) from error


# --- Output


def _table(figures: list[Figure]) -> Table:
    table = Table(title=f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, NumPy {np.__version__}")
    for column in ("what", "value", "unit", "goal", "note"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for figure in figures:
        value = "not measured" if figure.value is None else f"{figure.value:.2f}"
        table.add_row(figure.what, value, figure.unit, figure.goal, figure.note)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--clip", type=Path, help="a WAV of 3 s (default: a made-up voice)")
    add("--models", type=Path, default=ROOT / "models", help="the bundle (default: models/)")
    add("--rounds", type=int, default=100, help="how often one clip is heard (default: 100)")
    add("--uploads", type=int, default=200, help="clips sent to web_app.py (default: 200)")
    add("--clips", type=int, default=1000, help="clips given to app.py (default: 1000)")
    add("--json", action="store_true", help="JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
