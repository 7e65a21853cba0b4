"""Champion and challenger: whether a new bundle hears strangers as well as the one it would replace, and the way back.

The bundles that were replaced are kept beside `models/` in `models.previous/`, numbered, the newest last.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.dataset_loader import Recording
from utils.decoding import load_audio
from utils.errors import AudioError, BundleError, DataError
from utils.evaluation import evaluate, unweighted_average_recall
from utils.model_bundle import MANIFEST, load_bundle, mark, replace_folder, verify_files
from utils.predictor import Predictor

KEPT = 3
"""So many bundles are kept at most."""
UNDONE = "undone"
"""Where in models.previous/ the bundle lies that the last rollback replaced."""

_WAYS_ON = "name another folder with --models, or replace it all the same with --replace always"


@dataclass(frozen=True)
class Figures:
    """One bundle on some clips; `answered` is the share of answers that were not "uncertain"."""

    uar: float
    accuracy: float
    ece: float
    answered: float


@dataclass(frozen=True)
class Row:
    """Both bundles on the clips of one corpus, or of all (`corpus` None)."""

    corpus: str | None
    clips: int
    speakers: int
    champion: Figures
    challenger: Figures


@dataclass(frozen=True)
class Duel:
    """Two bundles on the same clips of speakers whom neither was trained on; `rows` begin with all the clips.

    `difference` is the challenger's UAR less the champion's, `interval` its 95% interval if other speakers had been
    drawn: whole speakers are resampled, for both bundles alike.
    """

    rows: tuple[Row, ...]
    difference: float
    interval: tuple[float, float]

    @property
    def not_worse(self) -> bool:
        """Whether the challenger may replace the champion."""
        return self.difference >= 0

    def table(self) -> str:
        """For people: each figure as it was and as it is."""
        names = [row.corpus or "all" for row in self.rows]
        width = max(map(len, names))
        lines = [f"{'':{width}}  clips  speakers  UAR              accuracy         ECE              answered"]
        for name, row in zip(names, self.rows, strict=True):
            pairs = [
                f"{getattr(row.champion, figure):6.1%} -> {getattr(row.challenger, figure):6.1%}"
                for figure in ("uar", "accuracy", "ece", "answered")
            ]
            lines.append(f"{name:{width}}  {row.clips:5}  {row.speakers:8} {' '.join(pairs)}")
        low, high = self.interval
        lines.append(
            f"UAR changes by {self.difference:+.1%}; with other speakers it might be {low:+.1%} to {high:+.1%} "
            "(95%, paired bootstrap over speakers)."
        )
        return "\n".join(lines)


# Who may be compared, and how


def unheard_by_both(models: Path, labels: Sequence[str], test: Sequence[Recording]) -> list[Recording]:
    """Those of the challenger's test recordings whose speakers the champion in `models` was not trained on either.

    Raises:
        BundleError: `models` is damaged.
        DataError: the two can't be compared; the sentence says why.
    """
    champion = load_bundle(models)
    if set(champion.labels) != set(labels):
        raise DataError(
            f"{models} answers other emotions ({', '.join(champion.labels)}), so a new model can't be compared "
            f"with it: {_WAYS_ON}."
        )
    if not champion.unheard:
        raise DataError(
            f"{models} doesn't say which speakers it was not trained on, so a new model can't be compared "
            f"with it: {_WAYS_ON}."
        )
    common = [recording for recording in test if mark(recording.placed.speaker) in champion.unheard]
    if not common:
        raise DataError(
            f"{models} was trained on every speaker that the new model would be tested on, so they can't be compared: "
            f"use the --seed and --data it was trained with, {_WAYS_ON}."
        )
    return common


def compare(
    champion: Predictor,
    challenger: Predictor,
    recordings: Sequence[Recording],
    progress: Callable[[int, int], None] | None = None,
) -> Duel:
    """Lets both hear every recording as a person's file would be heard; those that either refuses don't count.

    Raises:
        DataError: none of them could be judged.
    """
    kept, heard, sure = _hear((champion, challenger), recordings, progress)
    truth = np.array([challenger.labels.index(recording.label) for recording in kept])
    corpora = np.array([recording.placed.corpus for recording in kept])
    speakers = np.array([str(recording.placed.speaker) for recording in kept])

    def row(corpus: str | None, chosen: NDArray[np.bool_]) -> Row:
        figures = []
        for matrix, definite in zip(heard, sure, strict=True):
            report = evaluate(matrix[chosen], truth[chosen], challenger.labels)
            figures.append(Figures(report.uar, report.accuracy, report.ece, float(definite[chosen].mean())))
        return Row(corpus, int(chosen.sum()), len(np.unique(speakers[chosen])), *figures)

    everything = row(None, np.ones(len(truth), dtype=bool))
    names = np.unique(corpora)
    rows = [everything, *(row(str(name), corpora == name) for name in names if len(names) > 1)]
    answers = [matrix.argmax(axis=1) for matrix in heard]
    interval = _paired_interval(truth, answers[0], answers[1], speakers)
    return Duel(tuple(rows), everything.challenger.uar - everything.champion.uar, interval)


def _hear(
    pair: tuple[Predictor, Predictor],
    recordings: Sequence[Recording],
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Recording], list[NDArray[np.float64]], list[NDArray[np.bool_]]]:
    """What both judged, and for each its probabilities (in the second's order of labels) and which were definite."""
    kept, answers = [], []
    labels = pair[1].labels
    for done, recording in enumerate(recordings, 1):
        try:
            samples = load_audio(recording.path)
            predictions = [predictor.predict(samples).require_speech() for predictor in pair]
        except AudioError:
            continue
        finally:
            if progress:
                progress(done, len(recordings))
        kept.append(recording)
        answers.append([([p.probabilities[label] for label in labels], p.status == "ok") for p in predictions])
    if not kept:
        raise DataError("No speech was found in the recordings of the test speakers: check that they can be heard.")
    heard = [np.array([both[side][0] for both in answers]) for side in (0, 1)]
    sure = [np.array([both[side][1] for both in answers]) for side in (0, 1)]
    return kept, heard, sure


def _paired_interval(
    truth: NDArray[np.intp],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    speakers: NDArray[np.str_],
    rounds: int = 1000,
) -> tuple[float, float]:
    names, which = np.unique(speakers, return_inverse=True)
    clips_of = [np.flatnonzero(which == i) for i in range(len(names))]
    rng = np.random.default_rng(0)
    values = []
    for _ in range(rounds):
        drawn = np.concatenate([clips_of[i] for i in rng.integers(0, len(names), len(names))])
        was, is_ = (unweighted_average_recall(truth[drawn], answers[drawn]) for answers in (before, after))
        values.append(is_ - was)
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


# Replacing, and the way back


def promote(new: Path, models: Path) -> None:
    """Puts the finished bundle `new` in the place of `models`, and keeps a copy of the one that was there.

    Killed at any moment, it leaves one whole bundle in `models`: the copy is made first, the swap is one step.

    Raises:
        OSError: the disk refuses; `models` is as it was.
    """
    if (models / MANIFEST).exists():
        earlier = kept(models)
        if not earlier or _digest(earlier[-1]) != _digest(models):  # a run that was killed may have kept it already
            number = int(earlier[-1].name) + 1 if earlier else 1
            _copy(models, _shelf(models) / str(number))
    replace_folder(new, models)
    _drop(kept(models)[:-KEPT])


def rollback(models: Path) -> str:
    """Brings back the bundle that was in `models` before the present one; the next call goes further back.

    Returns:
        Its version. The bundle that had to go lies in models.previous/undone until the next rollback.

    Raises:
        DataError: there is none, or it is damaged; `models` is as it was.
        OSError: the disk refuses; `models` is as it was.
    """
    now = _digest(models)
    wanted = [bundle for bundle in kept(models) if _digest(bundle) != now]  # the same: a killed rollback left it
    if not wanted:
        raise DataError(f"No earlier bundle of {models} is kept: train one, or restore it from the repository.")
    earlier = wanted[-1]
    try:
        verify_files(earlier)
    except BundleError as error:
        raise DataError(f"{earlier} is damaged: delete it, and roll back again.") from error
    if now is not None:
        _drop([_shelf(models) / UNDONE])
        _copy(models, _shelf(models) / UNDONE)
    staging = Path(tempfile.mkdtemp(prefix=f".{models.name}.", dir=models.parent)) / models.name
    try:
        shutil.copytree(earlier, staging)
        replace_folder(staging, models)
    finally:
        shutil.rmtree(staging.parent, ignore_errors=True)
    _drop(bundle for bundle in kept(models) if int(bundle.name) >= int(earlier.name))
    return load_bundle(models).version


def kept(models: Path) -> list[Path]:
    """The bundles that were replaced, the newest last."""
    shelf = _shelf(models)
    return sorted((path for path in shelf.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))


def _shelf(models: Path) -> Path:
    return models.with_name(f"{models.name}.previous")


def _digest(bundle: Path) -> str | None:
    """What tells bundles apart; None where there is none that can be read."""
    try:
        return str(json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copy(bundle: Path, target: Path) -> None:
    """All or nothing."""
    target.parent.mkdir(exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copytree(bundle, part)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _drop(bundles: Iterable[Path]) -> None:
    """Each whole or gone, also where this is killed: what is half removed has a name that nobody looks for."""
    for bundle in list(bundles):
        gone = bundle.with_name(f".{bundle.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        if bundle.exists():
            bundle.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
