"""What a timeline costs and how well it hears: seconds, memory, the right emotion in the right place, the borders.

python benchmarks/timeline.py --data data/            prints the page docs/timeline.md, made anew
python benchmarks/timeline.py --data data/ --write    and writes it, and the plot beside it

Recordings are made by joining clips of speakers whom the bundle never heard, in random order. Without --data there are
only made-up voices, and nothing to say about emotions.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from typing import Literal
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import utils  # noqa: F401, I001 (before NumPy: it keeps to one thread for a matrix product)
import numpy as np
import soundfile
from rich.console import Console

from benchmarks.protocols import unheard
from benchmarks.voices import speak
from utils import windows
from utils.audio_preprocessing import CLIP_FRAMES, FRAME_HOP, find_voice
from utils.dataset_loader import Recording
from utils.decoding import SAMPLE_RATE, Samples, encode_wav, load_audio
from utils.errors import AudioError, VoiceError
from utils.predictor import Predictor
from utils.timeline import SMOOTHED_OVER, Segment, smooth
from utils.windows import PAUSE_FRAMES, WINDOW_FRAMES

ROOT = Path(__file__).resolve().parents[1]
PAGE, PLOT = ROOT / "docs" / "timeline.md", ROOT / "docs" / "timeline.png"
TRIED = Path(__file__).with_name("timeline_tried.md")
HOP = 1.0  # seconds
OURS = "the timeline"
WAYS: dict[str, dict[str, int]] = {
    "3 s, over pauses": {"WINDOW_FRAMES": CLIP_FRAMES, "PAUSE_FRAMES": 10**6},
    "2.76 s, over pauses": {"PAUSE_FRAMES": 10**6},
    "**2.76 s, up to pauses**": {"PAUSE_FRAMES": PAUSE_FRAMES},
}
"""How windows are made, and which constants of `utils.windows` make them so."""
Pauses = tuple[float, float] | Literal["none"] | None
KINDS: dict[str, Pauses] = {"as they are": None, "0.2 to 1 s apart": (0.2, 1.0), "voice against voice": "none"}


# --- Recordings with known places


@dataclass(frozen=True)
class Place:
    """Where a clip lies in a joined recording, in seconds, and what it is."""

    start: float
    end: float
    label: str

    @property
    def middle(self) -> float:
        """Second of the recording."""
        return (self.start + self.end) / 2


def joined(recordings: Sequence[Recording], pauses: Pauses = None, seed: int = 0) -> tuple[Samples, list[Place]]:
    """Clips in random order, one after the other.

    Args:
        recordings: of which.
        pauses: from how many to how many seconds of noise, as soft as the clips', are between them; "none" also cuts
            off what is before and behind the voice; None leaves them as they are.
        seed: of the order and the noise.
    """
    rng = np.random.default_rng(seed)
    clips, places, at = [], [], 0
    for number in rng.permutation(len(recordings)):
        try:
            clip = load_audio(recordings[number].path)
        except AudioError:
            continue
        if pauses == "none":
            voiced = np.flatnonzero(find_voice(clip).voiced)
            clip = clip[max(0, voiced[0] - 3) * FRAME_HOP : (voiced[-1] + 4) * FRAME_HOP] if len(voiced) else clip
        elif pauses:
            clips.append(_softly(clip, rng.uniform(*pauses), rng))
            at += len(clips[-1])
        clips.append(clip)
        places.append(Place(at / SAMPLE_RATE, (at + len(clip)) / SAMPLE_RATE, recordings[number].label))
        at += len(clip)
    return np.concatenate(clips), places


def _softly(clip: Samples, seconds: float, rng: np.random.Generator) -> Samples:
    """Noise as soft as the beginning of a clip."""
    softness = np.clip(clip[: SAMPLE_RATE // 20].std(), 1e-5, 1e-3)
    return (softness * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


# --- What it hears


def right(answers: Sequence[str | None], places: Sequence[Place], labels: Sequence[str]) -> str:
    """Columns of the table: how many places, UAR, accuracy."""
    hits = np.array([answer == place.label for answer, place in zip(answers, places, strict=True)])
    truth = np.array([place.label for place in places])
    uar = np.mean([hits[truth == label].mean() for label in labels if (truth == label).any()])
    return f"{len(places)} | {uar:.1%} | {hits.mean():.1%}"


def borders(segments: Sequence[Segment], places: Sequence[Place], answers: Sequence[str | None]) -> str:
    """Columns of the table: how many borders, how far they are off.

    A border is looked for between two places whose answers differ: where the answer changes, or the middle of the
    silence in which it does.
    """
    distances = [
        min(abs(change - left.end) for change in _changes(segments, left.middle, right.middle))
        for (left, right), (before, after) in zip(pairwise(places), pairwise(answers), strict=True)
        if before and after and before != after
    ]
    return f"{len(distances)} | {np.median(distances):.2f} s | {np.mean(np.array(distances) <= 1):.0%}"


def _at(segments: Sequence[Segment], second: float) -> str | None:
    number = min(int(second / HOP), len(segments) - 1)
    return segments[number].emotion


def _changes(segments: Sequence[Segment], start: float, end: float) -> Iterator[float]:
    """Seconds at which the emotion changes between two others, silence between them halved."""
    first, last = int(start / HOP), min(int(end / HOP), len(segments) - 1)
    speaking = [segment for segment in segments[first : last + 1] if segment.emotion]
    for before, after in pairwise(speaking):
        if before.emotion != after.emotion:
            yield (before.end + after.start) / 2


# --- What it costs


@dataclass(frozen=True)
class Cost:
    """Of one timeline in a process of its own: seconds by the clock and of both cores' work, peak memory."""

    minutes: int
    seconds: float
    work: float
    megabytes: float


def cost(path: Path, minutes: int, models: Path, times: int) -> Cost:
    """The median of several runs, each in a new process."""
    command = [sys.executable, __file__, "--hear", str(path), "--models", str(models)]
    runs = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(times)]
    return Cost(minutes, *(float(np.median([run[what] for run in runs])) for what in ("seconds", "work", "megabytes")))


def hear(path: Path, models: Path) -> None:
    """What `cost` starts: says in JSON what a timeline took, the model loaded and warm."""
    predictor = Predictor.load(models)
    predictor.warm_up()
    started, work = time.perf_counter(), time.process_time()
    segments = sum(1 for _ in predictor.timeline(path, HOP))
    took, worked = time.perf_counter() - started, time.process_time() - work
    print(json.dumps({"segments": segments, "seconds": took, "work": worked, "megabytes": _peak_megabytes()}))


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")  # elsewhere getrusage, which also counts what started us
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1000
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def write_recording(path: Path, clips: Sequence[Samples], minutes: int) -> None:
    """As many minutes of 16 kHz, 16-bit WAV, the clips over and over."""
    left = minutes * 60 * SAMPLE_RATE
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for clip in cycle(clips):
            file.write(clip[:left])
            left -= len(clip)
            if left <= 0:
                return


def plain_costs(samples: Samples, models: Path) -> dict[str, tuple[float, float]]:
    """Seconds by the clock and of work, scaled to an hour: the timeline, and each of its windows heard by itself.

    One after the other in this process, warm, so that a busy machine troubles them alike.
    """
    from benchmarks.usual import usual_way

    predictor, usual = Predictor.load(models), usual_way(models)
    cuts = [samples[window.begin :][: window.length] for window in predictor.windows(samples, HOP)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.wav") for number in range(len(cuts))]
        for path, cut in zip(paths, cuts, strict=True):
            path.write_bytes(encode_wav(cut))
        usual(paths[0])
        ways: dict[str, Callable[[], object]] = {
            OURS: lambda: list(predictor.timeline(samples, HOP)),
            "`predict` on each window": lambda: [predictor.predict(cut) for cut in cuts],
            "librosa's features and Keras' `predict` on each window": lambda: [usual(path) for path in paths],
        }
        return {way: _timed(doing, len(samples) / SAMPLE_RATE) for way, doing in ways.items()}


def _timed(doing: Callable[[], object], seconds: float) -> tuple[float, float]:
    started, work = time.perf_counter(), time.process_time()
    doing()
    return (time.perf_counter() - started) * 3600 / seconds, (time.process_time() - work) * 3600 / seconds


def plot(costs: Sequence[Cost], path: Path) -> None:
    """Writes seconds against minutes as PNG, with the straight line that fits them."""
    from matplotlib.figure import Figure

    minutes, seconds = np.array([c.minutes for c in costs]), np.array([c.seconds for c in costs])
    slope = float(minutes @ seconds / (minutes @ minutes))
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, minutes.max()], [0, slope * minutes.max()], color="#c9a96a", label=f"{slope * 60:.1f} s an hour")
    axes.plot(minutes, seconds, "o", color="#8b5a2b", label="measured")
    axes.set(title="Time of a timeline", xlabel="minutes of sound", ylabel="seconds", xlim=(0, None), ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=90)


# --- The page


def main() -> int:
    """Prints the page, or writes it; the exit code is 1 where something it needs isn't there."""
    options = _parser().parse_args()
    if options.hear:
        hear(options.hear, options.models)
        return 0
    progress = Console(stderr=True)
    try:
        page = "\n".join([*_head(), *_accuracy(options, progress), *_costs(options, progress)]) + "\n"
    except (VoiceError, ImportError) as error:
        progress.print(str(error), markup=False)
        return 1
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    else:
        print(page, end="")
    return 0


def _head() -> list[str]:
    return [
        "# Timelines of long recordings",
        "",
        "Written by `python benchmarks/timeline.py --data data/ --write`; don't edit it by hand.",
        "",
        f"A recording is heard in windows of {WINDOW_FRAMES * FRAME_HOP / SAMPLE_RATE:.2f} s, one every {HOP:g} s;",
        f"none reaches over a pause of {PAUSE_FRAMES * FRAME_HOP / SAMPLE_RATE:.1f} s or longer. Each is heard as",
        "`predict` would hear it cut out. A segment's answer is the mean of the probabilities of the windows around",
        f"it; a window counts less the farther it is, down to nothing at {SMOOTHED_OVER:g} s, and by how much of it",
        "is voice. Where nobody speaks in the second around a segment's middle, it is silence.",
        "",
    ]


def _accuracy(options: argparse.Namespace, progress: Console) -> list[str]:
    if not options.data:
        return ["Emotions weren't measured: that needs the corpora (`--data`).", ""]
    predictor = Predictor.load(options.models)
    lines = [
        "## The right emotion in the right place",
        "",
        "Clips joined in random order: the speaker and mostly the emotion turn every three seconds or so. They are",
        "joined as they are, with pauses of 0.2 to 1 s between them, or without what is before and behind the voice.",
        "A place is heard rightly if the segment in its middle is; beside it the same clips one by one. A border is",
        "looked for where neighbours get different answers: where the answer changes, against where the clips meet.",
        "Nobody who is tested trained the model or chose anything of it.",
        "",
        "| joined | heard in | clips | UAR | accuracy | borders | median off | within 1 s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    recordings = unheard(options.models, options.data)
    for kind, pauses in KINDS.items():
        progress.print(f"hearing clips {kind} ...")
        samples, places = joined(recordings, pauses)
        cuts = [samples[round(p.start * SAMPLE_RATE) : round(p.end * SAMPLE_RATE)] for p in places]
        alone = [predictor.predict(cut).emotion for cut in cuts]
        lines.append(f"| {kind} | clips one by one | {right(alone, places, predictor.labels)} | | | |")
        for way, constants in WAYS.items():
            with mock.patch.multiple(windows, **constants):
                found = list(predictor.windows(samples, HOP))
            segments = list(smooth(found, HOP, predictor.labels, predictor.uncertain_below, SMOOTHED_OVER))
            answers = [_at(segments, place.middle) for place in places]
            figures = f"{right(answers, places, predictor.labels)} | {borders(segments, places, answers)}"
            lines.append(f"| {kind} | {way} | {figures} |")
    return [*lines, "", TRIED.read_text(encoding="utf-8")]


def _costs(options: argparse.Namespace, progress: Console) -> list[str]:
    clips = [speak(5, seed=n, pitch=90 + 10 * (n % 15)) for n in range(60)]
    if options.data:
        chosen = unheard(options.models, options.data)[::8]
        clips = [load_audio(recording.path) for recording in chosen]
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in sorted(options.minutes):
            progress.print(f"hearing {minutes} minutes ...")
            write_recording(Path(folder, "long.wav"), clips, minutes)
            costs.append(cost(Path(folder, "long.wav"), minutes, options.models, 3 if minutes <= 60 else 1))
            progress.print(str(costs[-1]))
    if options.write:
        plot(costs, PLOT)
    sound = "the test speakers' clips" if options.data else "made-up voices"
    lines = [
        "## What it costs",
        "",
        f"16 kHz WAV of {sound}, joined, each in a new process, model loaded; the median of three runs (of one beyond",
        f"an hour) on {os.cpu_count()} cores. {_busy()}“Work” is processor time, all threads added up.",
        "",
        "| minutes | seconds | work, s | peak memory, MB |",
        "|---|---|---|---|",
        *(f"| {c.minutes} | {c.seconds:.1f} | {c.work:.1f} | {c.megabytes:.0f} |" for c in costs),
        "",
        "![Seconds against minutes: a straight line](timeline.png)",
        "",
    ]
    progress.print("hearing it the plain way ...")
    return [*lines, *_plain_lines(np.concatenate(clips)[: options.plain_minutes * 60 * SAMPLE_RATE], costs, options)]


def _plain_lines(samples: Samples, costs: Sequence[Cost], options: argparse.Namespace) -> list[str]:
    plain = plain_costs(samples, options.models)
    ours = plain.pop(OURS)
    rows = [(OURS, ours), *plain.items()]
    return [
        f"The same windows the plain way, measured on {options.plain_minutes} minutes of sound and scaled to an hour:",
        "",
        "| way | seconds an hour | work, s an hour | times ours |",
        "|---|---|---|---|",
        *(f"| {way} | {s:.0f} | {w:.0f} | {s / ours[0]:.1f} ({w / ours[1]:.1f} of the work) |" for way, (s, w) in rows),
    ]


def _busy() -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"The machine was shared: {load:.0f} processes wanted its cores. " if load > 1.5 else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, help="what organize_*.py filled; without it there are only made-up voices")
    add("--models", type=Path, default=ROOT / "models", help="the bundle (default: models/)")
    add("--minutes", type=int, nargs="+", default=[1, 10, 60, 240], help="of the recordings (default: 1 10 60 240)")
    add("--plain-minutes", type=int, default=2, help="that are heard the plain way, too (default: 2)")
    add("--write", action="store_true", help="write docs/timeline.md and its plot instead of printing")
    add("--hear", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
