"""What it brings that a model knows the voice, and a person's corrections: on the speakers it never heard in training.

python benchmarks/personal.py [--models models/] [--data data/] [--cache cache/]      writes docs/personal.md

The speakers are those that `python train.py` keeps for testing (seed 0). Each figure is of clips that taught nothing,
and is set against the same clips heard without.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from benchmarks.speakers import section
from benchmarks.voices import speak
from train import FOLDS
from utils.corpora import CORPORA
from utils.dataset_loader import assign_folds, scan, split_speakers
from utils.errors import VoiceError
from utils.personal_head import fit_head
from utils.predictor import Predictor
from utils.summary import summarize
from utils.systems import DEFAULT_SYSTEM, SYSTEMS
from utils.voice_profile import VoiceProfile

PAGE = Path(__file__).resolve().parents[1] / "docs" / "personal.md"
DRAWS = 3  # of the clips that teach, for each speaker
LEAST_TESTED = 6  # clips of a speaker that must be left
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Speaker:
    """One person's clips: features (clips, ...), their summaries, and what they are (indices of labels)."""

    name: str
    features: Floats
    summaries: Floats
    truth: NDArray[np.intp]


@dataclass(frozen=True)
class Trial:
    """One draw for one speaker: what was tested, and the answers (clips, labels) without and with what was taught."""

    speaker: str
    truth: NDArray[np.intp]
    before: Floats
    after: Floats


@dataclass(frozen=True)
class Outcome:
    """All trials of one way of teaching."""

    name: str
    trials: Sequence[Trial]

    def row(self) -> str:
        """A line of the table."""
        gains: dict[str, list[float]] = {}
        for trial in self.trials:
            gain = 100 * (uar(trial.truth, trial.after) - uar(trial.truth, trial.before))
            gains.setdefault(trial.speaker, []).append(gain)
        each = np.array([np.mean(several) for several in gains.values()])
        before, after = (
            uar(np.concatenate([t.truth for t in self.trials]), np.concatenate([getattr(t, side) for t in self.trials]))
            for side in ("before", "after")
        )
        low, high = np.percentile(each, [10, 90])
        return (
            f"| {self.name} | {len(each)} | {before:.1%} | {after:.1%} | {100 * (after - before):+.1f} | "
            f"{np.median(each):+.1f} ({low:+.1f} to {high:+.1f}) | {np.mean(each < 0):.0%} |"
        )


def uar(truth: NDArray[np.intp], probabilities: Floats) -> float:
    """Mean over the emotions that there are of the share recognized."""
    right = probabilities.argmax(axis=1) == truth
    return float(np.mean([right[truth == emotion].mean() for emotion in np.unique(truth)]))


def speakers(data: Path, cache: Path) -> Iterator[Speaker]:
    """The test speakers of the default system."""
    system = SYSTEMS[DEFAULT_SYSTEM]
    recordings = scan(data, system.labels, without=set(CORPORA) - {*system.corpora, *system.extra_corpora})
    split = split_speakers(recordings, assign_folds(recordings, FOLDS, 0), test=0, validation=1)
    tested = [one for one in split.test if one.placed.corpus not in system.extra_corpora]
    clips, _ = system.load(tested, variants=0, progress=lambda _: lambda _done, _all: None, cache=cache, jobs=-1)
    names = np.array(clips.speakers)
    for name in np.unique(names):
        own = np.flatnonzero(names == name)
        features = clips.variants[0][own].astype(np.float32)
        yield Speaker(str(name), features, summarize(features), clips.truth[own].astype(np.intp))


def with_profile(
    predictor: Predictor, found: Sequence[Speaker], clips: int, among: Callable[[Speaker], NDArray[np.intp]]
) -> Iterator[Trial]:
    """A profile of so many clips of each speaker, drawn `among` some."""
    for speaker in found:
        plain = predictor.hear(speaker.features).probabilities
        for draw in range(DRAWS if clips else 1):
            pool = np.random.default_rng((clips, draw)).permutation(among(speaker))
            taught, tested = pool[:clips], np.setdiff1d(np.arange(len(speaker.truth)), pool[:clips])
            if len(taught) < clips or len(tested) < LEAST_TESTED:
                continue
            kind = "mixed" if among is everything else "ordinary"
            voice = VoiceProfile.of(speaker.summaries[taught], kind) if clips else None
            after = predictor.hear(speaker.features[tested], voice).probabilities
            yield Trial(speaker.name, speaker.truth[tested], plain[tested], after)


def with_head(predictor: Predictor, found: Sequence[Speaker], each: int, *, profile: bool) -> Iterator[Trial]:
    """A head of `each` labelled clips an emotion; with `profile` the same clips teach the voice, too."""
    for speaker in found:
        plain = predictor.hear(speaker.features)
        for draw in range(DRAWS):
            rng = np.random.default_rng((each, draw))
            emotions = [np.flatnonzero(speaker.truth == emotion) for emotion in np.unique(speaker.truth)]
            taught = np.concatenate([rng.permutation(clips)[:each] for clips in emotions if len(clips) > each] or [[]])
            tested = np.setdiff1d(np.arange(len(speaker.truth)), taught)
            if len(taught) < 2 * each or len(tested) < LEAST_TESTED:
                continue
            taught = taught.astype(np.intp)
            voice = VoiceProfile.of(speaker.summaries[taught], "mixed") if profile else None
            general = predictor.hear(speaker.features, voice).probabilities if profile else plain.probabilities
            truth = [predictor.labels[i] for i in speaker.truth[taught]]
            head = fit_head(truth, plain.embedding[taught], general[taught], predictor.labels)
            after = general[tested]
            if head:
                answers = [
                    head.answer(dict(zip(predictor.labels, p.tolist(), strict=True)), embedding)
                    for p, embedding in zip(after, plain.embedding[tested], strict=True)
                ]
                after = np.array([[answer[label] for label in predictor.labels] for answer in answers], np.float32)
            yield Trial(speaker.name, speaker.truth[tested], plain.probabilities[tested], after)


def everything(speaker: Speaker) -> NDArray[np.intp]:
    """Any clip."""
    return np.arange(len(speaker.truth))


def ordinary(speaker: Speaker) -> NDArray[np.intp]:
    """Clips in an ordinary voice: the first label is neutral."""
    return np.flatnonzero(speaker.truth == 0)


def outcomes(predictor: Predictor, found: Sequence[Speaker]) -> list[Outcome]:
    """Every way of teaching that this model can be taught in."""
    rows = []
    if predictor.knows_voices:
        for clips in (1, 3, 10):
            trials = list(with_profile(predictor, found, clips, everything))
            rows.append(Outcome(f"a profile of {clips} clip{'s' * (clips > 1)} of whatever mood, no label", trials))
        trials = list(with_profile(predictor, found, 5, ordinary))
        rows.append(Outcome("a profile of 5 sentences in an ordinary voice", trials))
    for each in (1, 3, 5):
        rows.append(
            Outcome(f"a head of {each} labelled an emotion", list(with_head(predictor, found, each, profile=False)))
        )
        if predictor.knows_voices:
            trials = list(with_head(predictor, found, each, profile=True))
            rows.append(Outcome(f"a head and a profile of {each} labelled an emotion", trials))
    return [row for row in rows if row.trials]


def costs(predictor: Predictor) -> tuple[float, float]:
    """Seconds to learn a voice from five sentences, and milliseconds that a profile adds to an answer; medians."""
    sentences = [speak(5, seed=number) for number in range(5)]
    voice = predictor.learn_voice(sentences, "ordinary")
    learning, plain, known = [], [], []
    for _ in range(5):
        start = time.perf_counter()
        predictor.learn_voice(sentences, "ordinary")
        learning.append(time.perf_counter() - start)
    text, clip = voice.to_json(), predictor.features(sentences[0])[None]
    for _ in range(200):
        start = time.perf_counter()
        predictor.hear(clip)
        between = time.perf_counter()
        predictor.hear(clip, predictor.read_profile(text))
        known.append(time.perf_counter() - between)
        plain.append(between - start)
    return statistics.median(learning), 1000 * (statistics.median(known) - statistics.median(plain))


def page(predictor: Predictor, rows: Sequence[Outcome], seconds: float, milliseconds: float, who: str) -> str:
    """docs/personal.md."""
    table = "\n".join(row.row() for row in rows)
    return f"""# What it learns of a person

<!-- Written by benchmarks/personal.py: run it again instead of changing this. -->

{predictor.model}, on the speakers that it was never trained on. UAR is the mean over emotions of the share recognized;
each line sets clips that taught nothing against the same clips heard without. What teaches is drawn {DRAWS} times
for each speaker.
The gain of a speaker is the median and, in brackets, what one speaker in ten stays below and what one in ten exceeds.

| taught | speakers | UAR without | with | gain | gain of a speaker | got worse |
|---|---|---|---|---|---|---|
{table}

A head is made from three clips of an emotion on, and only where it does better on the clips that taught it, each left
out in turn: with fewer, or without that, answers stay as they were.

Learning a voice from five sentences took {seconds:.2f} s; a profile, read from its JSON, added {milliseconds:.2f} ms to
an answer (medians, on a machine that did other work at the same time).

{who}"""


def main() -> int:
    """Measures, prints and writes the page; 1 where there is no model or no data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write (default: docs/personal.md)")
    options = parser.parse_args()
    try:
        predictor = Predictor.load(options.models)
        found = list(speakers(options.data, options.cache))
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    people = [(speaker.name, speaker.summaries) for speaker in found]
    who = section(predictor.speakers, people) if predictor.speakers else ""
    text = page(predictor, outcomes(predictor, found), *costs(predictor), who)
    options.page.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
