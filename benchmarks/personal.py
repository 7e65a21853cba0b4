"""What it brings that a model knows the voice, and a person's corrections: on the speakers it never heard in training.

python benchmarks/personal.py [--models models/] [--data data/] [--cache cache/]      writes docs/personal.md
python benchmarks/personal.py --results runs/accuracy                                 also that of every fold

The speakers are those that `python train.py` kept for testing, and with --results those of each fold of each protocol
that `benchmarks/accuracy.py ensemble` has measured, heard by what was trained without them. Each figure is of clips
that taught nothing, and is set against the same clips heard without. docs/personal.json keeps the figures of the folds.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocols import BUNDLE, PROTOCOLS, fold_name, unheard
from benchmarks.speakers import section
from benchmarks.voices import speak
from tests.made_up import MANNERS
from utils.clip_store import ClipStore
from utils.errors import VoiceError
from utils.model_bundle import load_bundle
from utils.personal import Personal
from utils.personal_head import fit_head
from utils.predictor import Predictor
from utils.profile_store import ProfileStore
from utils.summary import summarize
from utils.systems import DEFAULT_SYSTEM, SYSTEMS
from utils.voice_profile import VoiceProfile

PAGE = Path(__file__).resolve().parents[1] / "docs" / "personal.md"
DRAWS = 3  # of the clips that teach, for each speaker
LEAST_TESTED = 6  # clips of a speaker that must be left
ROUNDS = 200  # in which the cost of an answer is measured
HEAD_CLIPS = 30
HEADER = """| taught | speakers | UAR without | with | gain | gain of a speaker | got worse |
|---|---|---|---|---|---|---|"""
FOLDED = {"ravdess-8": "Eight emotions, the folds of RAVDESS", "six": "Six emotions, folds of four corpora"}
"""Protocols whose folds are measured, and what the page calls them."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Speaker:
    """One person's clips: features (clips, ...), their summaries, and what they are (indices of labels)."""

    name: str
    features: NDArray[Any]
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


@dataclass(frozen=True)
class Costs:
    """Seconds to learn a voice from five sentences, and milliseconds that what was taught adds to an answer."""

    learning: float
    profile: float
    head: float
    both: float


def uar(truth: NDArray[np.intp], probabilities: Floats) -> float:
    """Mean over the emotions that there are of the share recognized."""
    right = probabilities.argmax(axis=1) == truth
    return float(np.mean([right[truth == emotion].mean() for emotion in np.unique(truth)]))


def speakers(models: Path, data: Path, cache: Path) -> Iterator[Speaker]:
    """Those whom the bundle never heard."""
    system = replace(SYSTEMS[DEFAULT_SYSTEM], labels=load_bundle(models).labels)
    tested = unheard(models, data)
    clips, _ = system.load(tested, variants=0, cache=cache)
    names = np.array(clips.speakers)
    for name in np.unique(names):
        own = np.flatnonzero(names == name)
        features = clips.variants[0][own]
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
    """Every way of teaching that this model can be taught in; always the same ways, in the same order."""
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
    return rows


def by_folds(results: Path, protocol: str, data: Path, cache: Path) -> list[str]:
    """The table's lines for the people of all folds together; none where a fold isn't there."""
    bundles = [results / fold_name(protocol, DEFAULT_SYSTEM, fold, 0) / BUNDLE for fold in PROTOCOLS[protocol]]
    if not all(bundle.exists() for bundle in bundles):
        return []
    folds = [outcomes(Predictor.load(bundle), list(speakers(bundle, data, cache))) for bundle in bundles]
    together = (Outcome(ways[0].name, [t for way in ways for t in way.trials]) for ways in zip(*folds, strict=True))
    return [outcome.row() for outcome in together if outcome.trials]


def costs(predictor: Predictor) -> Costs:
    """What it costs to teach, and to answer somebody who taught, through the stores that serve."""
    sentences = [speak(5, seed=number) for number in range(5)]
    voice, answer = predictor.learn_voice(sentences, "ordinary"), speak(3, seed=99)
    learning = min(_seconds(partial(predictor.learn_voice, sentences, "ordinary")) for _ in range(10))
    taken: dict[str, list[float]] = {"nobody": [], "profile": [], "head": [], "both": []}
    with (
        TemporaryDirectory() as folder,
        closing(ClipStore(Path(folder))) as clips,
        closing(ProfileStore(Path(folder))) as profiles,
    ):
        own = Personal(predictor, profiles)
        for visitor in ("profile", "both"):
            profiles.add(visitor, "Ann", voice)
        for visitor in ("head", "both"):
            _correct(visitor, own, clips)
        for _ in range(ROUNDS):
            for visitor, seconds in taken.items():
                seconds.append(_seconds(partial(own.predict, visitor, answer)))
    added = (1000 * (min(taken[visitor]) - min(taken["nobody"])) for visitor in ("profile", "head", "both"))
    return Costs(learning, *added)


def _correct(visitor: str, own: Personal, clips: ClipStore) -> None:
    """`HEAD_CLIPS` corrected clips of made-up voices, as many of each emotion."""
    for emotion, manner in MANNERS.items():
        for seed in range(HEAD_CLIPS // len(MANNERS)):
            samples = speak(2, seed=seed, **manner)
            clip = clips.add(visitor, samples, own.predict(visitor, samples), source="upload", filename=None)
            clips.set_correction(visitor, clip.id, emotion)
            own.learn(visitor, clip.id, samples)


def _seconds(doing: Callable[[], object]) -> float:
    """Of processor time, which what other programs do at the same time changes least."""
    start = time.thread_time()
    doing()
    return time.thread_time() - start


def folds_section(protocol: str, rows: Sequence[str]) -> str:
    """What the page says of the people of a protocol's folds."""
    table = "\n".join((HEADER, *rows))
    return f"""## {FOLDED[protocol]}

{len(PROTOCOLS[protocol])} trainings, each tested on the people of its own fold, all of them together.

{table}

"""


def page(predictor: Predictor, rows: Sequence[Outcome], cost: Costs, folds: str, who: str) -> str:
    """docs/personal.md."""
    table = "\n".join((HEADER, *(row.row() for row in rows if row.trials)))
    return f"""# What it learns of a person

<!-- Written by benchmarks/personal.py: run it again instead of changing this. -->

{predictor.model}, on the speakers that it was never trained on. UAR is the mean over emotions of the share recognized;
each line sets clips that taught nothing against the same clips heard without. What teaches is drawn {DRAWS} times
for each speaker.
The gain of a speaker is the median and, in brackets, what one speaker in ten stays below and what one in ten exceeds.

{table}

A head is made from three clips of an emotion on, and only where it does better on the clips that taught it, each left
out in turn: with fewer, or without that, answers stay as they were.

Learning a voice from five sentences of 5 s takes {1000 * cost.learning:.0f} ms. To an answer,
a profile adds {cost.profile:.2f} ms, a head of {HEAD_CLIPS} corrected clips {cost.head:.2f} ms and both
{cost.both:.2f} ms, with what is read from the database (processor time; the quickest of {ROUNDS} answers with, less the
quickest without).

{folds}{who}"""


def main() -> int:
    """Measures, prints and writes the page; 1 where there is no model or no data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--results", type=Path, help="folder of benchmarks/accuracy.py, to measure its folds, too")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write (default: docs/personal.md)")
    options = parser.parse_args()
    try:
        predictor = Predictor.load(options.models)
        found = list(speakers(options.models, options.data, options.cache))
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    people = [(speaker.name, speaker.summaries) for speaker in found]
    who = section(predictor.speakers, people) if predictor.speakers else ""
    kept = options.page.with_suffix(".json")
    folds: dict[str, list[str]] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    for protocol in FOLDED if options.results else ():
        folds[protocol] = by_folds(options.results, protocol, options.data, options.cache) or folds.get(protocol, [])
    kept.write_text(json.dumps(folds, indent=1) + "\n", encoding="utf-8")
    sections = "".join(folds_section(protocol, folds[protocol]) for protocol in FOLDED if folds.get(protocol))
    text = page(predictor, outcomes(predictor, found), costs(predictor), sections, who)
    options.page.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
