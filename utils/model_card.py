"""What a bundle is worth on speakers it never heard, measured through the Predictor that serves, and said plainly."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.corpora import CORPORA, CORRECTIONS
from utils.dataset_loader import Recording, Split
from utils.emotions import STRENGTH
from utils.errors import AudioError, DataError
from utils.evaluation import Report, StrengthReport, bootstrap_interval, evaluate, evaluate_strength
from utils.predictor import Predictor
from utils.systems import System


@dataclass(frozen=True)
class Measured:
    """A bundle's figures on the test speakers.

    `probabilities` (clips, labels) and `truth` (clips,) are of the clips that were answered; `refused` counts those
    in which no or too little speech was found; `interval` is the 95% interval of the UAR over speakers; `by_corpus`
    holds a report and an interval for each corpus; `answered` and `right` say how many answers were not "uncertain",
    as a share of all, and how many of these were right. `strength` holds, for each corpus that says how strongly its
    emotions were acted, how well that is told of all but the plain ones; nothing where the bundle doesn't tell.
    """

    report: Report
    interval: tuple[float, float]
    by_corpus: dict[str, tuple[Report, tuple[float, float]]]
    speakers: int
    refused: int
    answered: float
    right: float
    probabilities: NDArray[np.float64]
    truth: NDArray[np.intp]
    strength: dict[str, StrengthReport]

    def as_dict(self) -> dict[str, object]:
        """For bundle.json."""
        return {
            "uar": self.report.uar,
            "uar_interval": self.interval,
            "accuracy": self.report.accuracy,
            "macro_f1": self.report.macro_f1,
            "ece": self.report.ece,
            "recalls": self.report.recalls,
            "uar_by_corpus": {name: report.uar for name, (report, _) in self.by_corpus.items()},
            "clips": self.report.clips,
            "speakers": self.speakers,
            "refused": self.refused,
            "answered": self.answered,
            "right_when_answered": self.right,
            **(
                {"strength": {name: report.as_dict() for name, report in self.strength.items()}}
                if self.strength
                else {}
            ),
        }


def measure(
    predictor: Predictor, recordings: Sequence[Recording], progress: Callable[[int, int], None] | None = None
) -> Measured:
    """Hears every recording, as a person's file would be heard, and compares.

    Raises:
        DataError: none of them could be judged.
    """
    probabilities, kept, certain, strong = [], [], [], []
    for done, recording in enumerate(recordings, 1):
        try:
            examined = predictor.examine(recording.path)
            prediction = examined.prediction.require_speech()
        except AudioError:
            continue
        finally:
            if progress:
                progress(done, len(recordings))
        probabilities.append([prediction.probabilities[label] for label in predictor.labels])
        certain.append(prediction.status == "ok")
        strong.append(examined.heard.strength(recording.label) if examined.heard else None)
        kept.append(recording)
    if not kept:
        raise DataError("No speech was found in the recordings of the test speakers: check that they can be heard.")
    matrix = np.array(probabilities)
    truth = np.array([predictor.labels.index(recording.label) for recording in kept])
    corpora = np.array([recording.placed.corpus for recording in kept])
    speakers = np.array([str(recording.placed.speaker) for recording in kept])

    def part(chosen: NDArray[np.bool_]) -> tuple[Report, tuple[float, float]]:
        heard = matrix[chosen].argmax(axis=1)
        interval = bootstrap_interval(truth[chosen], heard, list(speakers[chosen]))
        return evaluate(matrix[chosen], truth[chosen], predictor.labels), interval

    report, interval = part(np.ones(len(truth), dtype=bool))
    sure = np.array(certain)
    return Measured(
        report=report,
        interval=interval,
        by_corpus={str(name): part(corpora == name) for name in np.unique(corpora)},
        speakers=len(np.unique(speakers)),
        refused=len(recordings) - len(kept),
        answered=float(sure.mean()),
        right=float(np.mean(matrix[sure].argmax(axis=1) == truth[sure])) if sure.any() else 0.0,
        probabilities=matrix,
        truth=truth,
        strength=_strength(strong, kept),
    )


def _strength(probabilities: Sequence[float | None], recordings: Sequence[Recording]) -> dict[str, StrengthReport]:
    """For each corpus with clips of both kinds."""
    found = {}
    for corpus in sorted({recording.placed.corpus for recording in recordings}):
        told = [
            (p, recording.placed.intensity == "strong", str(recording.placed.speaker))
            for p, recording in zip(probabilities, recordings, strict=True)
            if p is not None and recording.placed.intensity and recording.placed.corpus == corpus
        ]
        if len({strong for _, strong, _ in told}) == 2:
            heard, strong, speakers = zip(*told, strict=True)
            found[corpus] = evaluate_strength(np.array(heard), np.array(strong), speakers)
    return found


def describe(split: Split) -> str:
    """One line for each part of a split: clips and speakers for each corpus."""
    lines = []
    for name, part in (("training", split.train), ("validation", split.validation), ("test", split.test)):
        clips = Counter(recording.placed.corpus for recording in part)
        people = {corpus: {r.placed.speaker for r in part if r.placed.corpus == corpus} for corpus in clips}
        counts = ", ".join(f"{corpus} {n} clips of {len(people[corpus])}" for corpus, n in sorted(clips.items()))
        lines.append(f"{name + ':':12}{counts}")
    return "\n".join(lines)


def model_card(system: System, measured: Measured, split: Split) -> str:
    """The model card, as Markdown."""
    labels = list(system.labels)
    rows = [("**all, pooled**", measured.report, measured.interval)]
    rows += [(_title(name), report, interval) for name, (report, interval) in measured.by_corpus.items()]
    table = [
        "| test speakers of | clips | UAR | 95% interval | " + " | ".join(labels) + " |",
        "|---|---|---|---|" + "---|" * len(labels),
    ]
    for name, report, (low, high) in rows:
        recalls = " | ".join("–" if r is None else f"{r:.0%}" for r in report.recalls.values())
        table.append(f"| {name} | {report.clips} | {report.uar:.1%} | {low:.1%} – {high:.1%} | {recalls} |")
    data = [
        f"| {_title(name)} | {sum(r.placed.corpus == name for r in split.train)} | {CORPORA[name].licence} |"
        for name in (*system.corpora, *system.extra_corpora)
    ]
    if corrected := sum(r.placed.corpus == CORRECTIONS for r in split.train):
        data.append(f"| clips that visitors corrected | {corrected} | their consent, which is for training only |")
    return _CARD.format(
        name=system.name,
        about=system.about,
        speakers=measured.speakers,
        table="\n".join(table),
        chance=f"{1 / len(labels):.1%}",
        ece=f"{measured.report.ece:.3f}",
        answered=f"{measured.answered:.0%}",
        right=f"{measured.right:.0%}",
        refused=measured.refused,
        asked=measured.refused + measured.report.clips,
        elsewhere=_ELSEWHERE if system.elsewhere else "",
        strength=_strength_words(measured.strength),
        data="\n".join(data),
        licence=_licence(system) + (_ENCODER if system.features.encoded else ""),
        languages=_listed(sorted({_LANGUAGES.get(name, "English") for name in system.corpora})),
        files=_ESTIMATOR_FILES if system.estimator else _NETWORK_FILES,
    )


def _strength_words(reports: Mapping[str, StrengthReport]) -> str:
    """The paragraph on how strongly emotions are expressed, where that is told."""
    rows = []
    for name, report in reports.items():
        low, high = report.auc_interval
        worst, best = report.right_interval
        row = f"{_title(name)} | {report.clips} | {report.auc:.2f} | {low:.2f} – {high:.2f} | {report.clear:.0%} |"
        rows.append(f"| {row} {report.right:.0%} | {worst:.0%} – {best:.0%} |")
    return _STRENGTH.format(table="\n".join(rows), clear=f"{STRENGTH[0][0]:.0%}") if rows else ""


def _title(corpus: str) -> str:
    return CORPORA[corpus].title if corpus in CORPORA else corpus


def _licence(system: System) -> str:
    """What the corpora's licences mean for the weights."""
    bound = {
        _title(name).removesuffix(" speech").removesuffix(" song")
        for name in (*system.corpora, *system.extra_corpora)
        if "NC" in CORPORA[name].licence
    }
    if not bound:
        return "These weights may be used as the corpora's licences allow, with attribution to them. The code is MIT."
    verb = "is" if len(bound) == 1 else "are"
    return (
        f"Because {_listed(sorted(bound, reverse=True))} {verb} licensed for non-commercial use, so are these weights: "
        "CC BY-NC-SA 4.0, with attribution\nto the corpora above. The code is MIT."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


_LANGUAGES = {"nemo": "Polish", "banglaser": "Bengali"}  # the others are English

_NETWORK_FILES = """`emotion_model.onnx` is what serving loads (scaler folded in); `best_emotion_model.keras` and \
`feature_scaler.pkl` are
the same network for research (the scaler is a pickle: load it only if you trust where it comes from); `speakers.npz`,
where there is one, tells taught voices apart (arrays, no pickle; docs/personal.md says how well); `bundle.json`
holds labels, feature settings, figures and the SHA-256 of every file."""

_ESTIMATOR_FILES = """`emotion_model.onnx` is what serving loads: scaler, estimator and calibration in one graph. \
`bundle.json`
holds labels, feature settings, figures and the SHA-256 of every file."""

_ENCODER = """

It hears clips through an encoder (`utils/encoder.onnx`; Apache 2.0, MIT and BSD) that others trained without a word
about emotions: Resemblyzer's authors to tell the speakers of LibriSpeech, VoxCeleb1 and VoxCeleb2 apart, read English
and interviews of celebrities in many languages; OpenAI to write down what is said on the web in a hundred languages
(Whisper), and Daily to hear in 23 of them whether somebody has finished speaking (smart-turn). So the figures above are
not those of a system trained from scratch."""

_ELSEWHERE = """
**Elsewhere.** These strangers were recorded where others were who trained it. With another microphone, in another room
or language it hears worse: docs/benchmark.md says what is left of a corpus that it was trained without. The farther a
clip is from all places that it knows, the more what its networks lean to elsewhere is taken back, and the less sure it
is.
"""

_STRENGTH = """
**How strongly.** Beside the emotion, unless it is neutral or calm, stands the probability that it was acted strongly
rather than normally, as if both were as common. AUC is how often a strong clip gets a higher one than a normal clip (by
chance 0.50). It is put into words only where it is clear: "strongly" from {clear} on, "mildly" where the opposite is as
likely. The last columns say for how many clips that is so, and how many of these words are right. Actors were asked
for each emotion in both kinds; CREMA-D's low and medium ones count as normal.

| test speakers of | clips | AUC | 95% interval | clear | right | 95% interval |
|---|---|---|---|---|---|---|
{table}
"""

_CARD = """# Model card: {name}

{about}. Written by `python train.py` together with the weights it describes; don't edit it by hand.

## How well it hears strangers

{speakers} speakers whom the network never heard, neither in training nor for choosing the epoch. UAR is the mean of the
recalls of the emotions; guessing gives {chance}. The interval says how much it would vary with other speakers
(bootstrap over speakers). The last columns are each emotion's recall.

{table}

![Confusion matrix](confusion_matrix.png)

**Confidence.** Expected calibration error {ece}. Answers below a confidence chosen on the validation speakers are
called uncertain: {answered} of the clips got a definite answer, and {right} of these answers were right. {refused} of
{asked} clips were refused because no or too little speech was found in them.

![Reliability](reliability.png)
{elsewhere}{strength}
## Data and licences

| corpus | training clips | licence |
|---|---|---|
{data}

{licence}

## What it can't do

- It hears how an emotion is **acted**. People who feel something speak less clearly than actors do.
- It heard {languages}, mostly from people between 20 and 50, and nobody speaking over noise of
  their own kitchen. Expect less in other languages, from children, and from far away.
- It judges at most 3 seconds, one speaker, no words. Irony is lost on it.
- It must not be used to decide anything about a person: not hiring, not grading, not policing, not health.

## Files

{files}
"""
