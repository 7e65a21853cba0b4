"""How good a system is: NumPy in, a frozen report out, and the plots of the model card."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.emotions import strength

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Report:
    """Figures of one system on one set of clips.

    `uar` is the unweighted average recall over the labels that occur in the truth, `recalls` each label's
    (None where it doesn't occur), `ece` the expected calibration error, `confusion[i][j]` how many clips of label i
    were heard as label j.
    """

    clips: int
    uar: float
    accuracy: float
    macro_f1: float
    ece: float
    recalls: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class StrengthReport:
    """How well a probability tells strong from normal emotions on some clips.

    `auc` is the area under the curve (0.5: by chance), `clear` for how many of the clips the probability is clear
    enough to be put into words, `right` the share of these whose word is right (0.0 where there are none). The
    intervals are 95%, over speakers.
    """

    clips: int
    auc: float
    auc_interval: tuple[float, float]
    clear: float
    right: float
    right_interval: tuple[float, float]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def unweighted_average_recall(truth: Integers, heard: Integers) -> float:
    """Mean over the labels in `truth` of the share of their clips that was heard as them."""
    return float(np.mean([np.mean(heard[truth == label] == label) for label in np.unique(truth)]))


def evaluate(probabilities: Floats, truth: Integers, labels: Sequence[str]) -> Report:
    """Compares probabilities (clips, labels) with the true positions (clips,) in `labels`.

    Raises:
        ValueError: no clips.
    """
    if not len(truth):
        raise ValueError("there are no clips to evaluate on")
    heard = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(confusion, (truth, heard), 1)
    clips, answers, hits = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    present = clips > 0
    f1 = 2 * hits / np.maximum(clips + answers, 1)
    return Report(
        clips=len(truth),
        uar=unweighted_average_recall(truth, heard),
        accuracy=float(np.mean(heard == truth)),
        macro_f1=float(f1[present].mean()),
        ece=expected_calibration_error(probabilities, truth),
        recalls={label: float(hits[i] / clips[i]) if present[i] else None for i, label in enumerate(labels)},
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )


def expected_calibration_error(probabilities: Floats, truth: Integers, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence (Guo et al. 2017, ICML)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == b].mean() - right[which == b].mean()) * np.mean(which == b) for b in np.unique(which)
    ]
    return float(sum(gaps))


def bootstrap_interval(
    truth: Integers, heard: Integers, speakers: Sequence[str | None], *, rounds: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95% interval of the UAR if other speakers had been drawn: whole speakers are resampled, not clips."""

    def uar(drawn: Integers) -> float:
        return unweighted_average_recall(truth[drawn], heard[drawn])

    return _interval(uar, speakers, rounds, seed)


def _interval(
    measured: Callable[[Integers], float], speakers: Sequence[str | None], rounds: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95% interval of what is `measured` on the positions of clips, over draws of speakers; NaN counts as no draw."""
    names, which = np.unique([str(speaker) for speaker in speakers], return_inverse=True)
    clips_of = [np.flatnonzero(which == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = (np.concatenate([clips_of[i] for i in rng.integers(0, len(names), len(names))]) for _ in range(rounds))
    low, high = np.nanpercentile([measured(clips) for clips in drawn], [2.5, 97.5])
    return float(low), float(high)


def evaluate_strength(probabilities: Floats, strong: NDArray[np.bool_], speakers: Sequence[str]) -> StrengthReport:
    """Compares probabilities (clips,) with whether the emotion was acted strongly (clips,).

    Raises:
        ValueError: all clips are strong, or none is.
    """
    if strong.all() or not strong.any():
        raise ValueError("there are no clips to tell apart")
    from sklearn.metrics import roc_auc_score

    words = np.array([strength(float(p)) for p in probabilities])
    hit = words == np.where(strong, strength(1.0), strength(0.0))
    everything = np.arange(len(strong))

    def auc(clips: Integers) -> float:
        both = 0 < strong[clips].sum() < len(clips)
        return float(roc_auc_score(strong[clips], probabilities[clips])) if both else np.nan

    def right(clips: Integers) -> float:
        clear = clips[words[clips] != ""]
        return float(hit[clear].mean()) if len(clear) else np.nan

    clear = float(np.mean(words != ""))
    return StrengthReport(
        clips=len(strong),
        auc=auc(everything),
        auc_interval=_interval(auc, speakers),
        clear=clear,
        right=right(everything) if clear else 0.0,
        right_interval=_interval(right, speakers) if clear else (0.0, 0.0),
    )


def fit_temperature(logits: Floats, truth: Integers, weights: Floats) -> float:
    """The temperature that makes softmax(logits / T) fit the truth best (Guo et al. 2017, ICML).

    Args:
        logits: (clips, labels) of clips that were not trained on.
        truth: (clips,) positions of the true labels.
        weights: (clips,) how much each counts.
    """

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        likelihood = scaled[np.arange(len(truth)), truth] - np.log(np.exp(scaled).sum(axis=1))
        return -float(np.average(likelihood, weights=weights))

    candidates = np.geomspace(0.25, 4, 161)
    return float(candidates[np.argmin([loss(t) for t in candidates])])


def answer_threshold(
    probabilities: Floats, truth: Integers, *, right: float = 0.8, weights: Floats | None = None
) -> float:
    """The lowest confidence from which on the answers given are right in a share `right` of the cases.

    Where no confidence is high enough for that, the one that comes closest while a tenth is still answered. Clips
    count as much as `weights` say, else alike.
    """
    order = np.argsort(-probabilities.max(axis=1))
    confidence = probabilities.max(axis=1)[order]
    hit = (probabilities.argmax(axis=1) == truth)[order]
    count = np.ones(len(hit)) if weights is None else weights[order]
    answered = np.cumsum(count)
    share = np.cumsum(hit * count) / answered
    enough = np.flatnonzero(share >= right)
    first = max(0, int(np.searchsorted(answered, answered[-1] / 10, side="right")) - 1)  # ends the tenth that is given
    last = enough[-1] if len(enough) and enough[-1] >= first else first + int(np.argmax(share[first:]))
    return float(confidence[last])


def plot_confusion(report: Report, title: str, path: Path) -> None:
    """Writes the confusion matrix, as shares of each true emotion, as PNG."""
    from matplotlib.figure import Figure

    labels = list(report.recalls)
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="YlOrBr")
    for i, j in np.ndindex(*shares.shape):
        axes.text(j, i, f"{shares[i, j]:.0%}\n{counts[i, j]}", ha="center", va="center", fontsize=9,
                  color="white" if shares[i, j] > 0.6 else "#3b2a1a")  # fmt: skip
    axes.set(title=title, xlabel="heard", ylabel="meant", xticks=range(len(labels)), yticks=range(len(labels)))
    axes.set_xticklabels(labels)
    axes.set_yticklabels(labels)
    figure.colorbar(image, ax=axes, label="share of the clips of an emotion", shrink=0.8)
    figure.savefig(path, dpi=110)


def plot_history(history: Sequence[dict[str, float]], path: Path) -> None:
    """Writes loss and validation UAR over the epochs as PNG; `history` has one {"loss", "val_uar", ...} an epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [epoch["loss"] for epoch in history], color="#8b5a2b")
    left.set(title="Training loss", xlabel="epoch")
    right.plot(epochs, [epoch["val_uar"] for epoch in history], color="#8b5a2b")
    best = int(np.argmax([epoch["val_uar"] for epoch in history]))
    right.plot(
        best + 1,
        history[best]["val_uar"],
        "o",
        color="#3b2a1a",
        label=f"best: {history[best]['val_uar']:.1%}",
    )
    right.set(title="UAR on the validation speakers", xlabel="epoch")
    right.legend()
    figure.savefig(path, dpi=110)


def plot_reliability(probabilities: Floats, truth: Integers, path: Path, bins: int = 10) -> None:
    """Writes how often answers of each confidence are right, as PNG."""
    from matplotlib.figure import Figure

    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = np.unique(which)
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="#b8a58f", label="perfectly calibrated")
    axes.plot([confidence[which == b].mean() for b in filled], [right[which == b].mean() for b in filled], "o-",
              color="#8b5a2b", label="unseen speakers")  # fmt: skip
    axes.bar((filled + 0.5) / bins, [np.mean(which == b) for b in filled], width=0.8 / bins, color="#e6d5bd",
             label="share of clips")  # fmt: skip
    axes.set(title="Confidence against truth", xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=110)
