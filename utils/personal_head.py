"""What a few corrected clips teach about one person: a small step aside from the general model's answer.

A softmax regression on the network's embedding that starts from the general model's own log probabilities: without
examples it changes nothing, with few it changes little. NumPy suffices for that, and serving needs no scikit-learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST = 3  # examples of an emotion, and emotions of which there are so many: at least two
MIXES = (0.5, 1.0)  # how much of what was learnt is used: what does best on the clips left out
LEAST_GAIN = 0.03  # in log probability of the truth, on clips left out: with less it is dropped
PENALTY = 0.3  # on weights, relative to one example of each emotion
TRUST = 4.0  # examples at which half of what was learnt counts
_PARTS = 20  # at most so many fits with some examples left out
_STEPS = 150


@dataclass(frozen=True)
class Head:
    """What was learnt of one person.

    `mean` (units,) and `weights` (units + 1, labels) act on embeddings; `labels` are the model's.
    """

    labels: tuple[str, ...]
    mean: Floats
    weights: Floats

    def answer(self, probabilities: dict[str, float], embedding: NDArray[np.float32]) -> dict[str, float]:
        """The general model's probabilities, changed by what was learnt; they sum to 1."""
        general = np.array([[probabilities[label] for label in self.labels]])
        changed = _answer(np.log(general + 1e-6), _inputs(embedding[None], self.mean), self.weights)
        return dict(zip(self.labels, changed[0].tolist(), strict=True))


def fit_head(
    truth: Sequence[str],
    embeddings: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    labels: tuple[str, ...],
) -> Head | None:
    """What the clips of one person teach, or None where they are too few or it would do no better on them.

    Each clip is judged by a head that was learnt without it (or, of many, without a twentieth).

    Args:
        truth: what each clip was; those that are none of `labels` don't count.
        embeddings: (clips, units) of them by the network.
        probabilities: (clips, labels) by the general model.
        labels: in model order.
    """
    known = [i for i, emotion in enumerate(truth) if emotion in labels]
    target = np.array([labels.index(truth[i]) for i in known], dtype=int)
    counts = np.bincount(target, minlength=len(labels))
    if (counts >= LEAST).sum() < 2:
        return None
    mean = embeddings[known].mean(axis=0).astype(np.float64)
    inputs, general = _inputs(embeddings[known], mean), np.log(probabilities[known].astype(np.float64) + 1e-6)
    share = 1 / counts[target]  # each emotion counts the same, however often it was corrected
    part = np.random.default_rng(0).permutation(len(known)) % min(len(known), _PARTS)
    without = np.where(part == np.arange(part.max() + 1)[:, None], 0.0, share)
    one_hot = np.eye(len(labels))[target]
    fits = _fit(inputs, general, one_hot, np.concatenate([without, share[None]]))
    left_out = fits[part]
    strength = len(known) / (len(known) + TRUST)
    scores = {mix: _score(general, inputs, strength * mix * left_out, one_hot, share) for mix in (0.0, *MIXES)}
    best = max(scores, key=scores.__getitem__)
    worth_it = scores[best] - scores[0.0] > LEAST_GAIN * len(set(target))
    return Head(labels, mean, strength * best * fits[-1]) if worth_it else None


def _inputs(embeddings: NDArray[np.floating], mean: Floats) -> Floats:
    """Directions from the person's mean, each of length 1, and a constant."""
    centred = embeddings - mean
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.concatenate([centred / np.maximum(length, 1e-9), np.ones((len(embeddings), 1))], axis=1)


def _answer(general: Floats, inputs: Floats, weights: Floats) -> Floats:
    scores = general + inputs @ weights
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _fit(inputs: Floats, general: Floats, one_hot: Floats, shares: Floats) -> Floats:
    """Weights (fits, units + 1, labels), one fit for each row of `shares` (fits, clips): accelerated descent."""
    labels = one_hot.shape[1]
    weights = ahead = np.zeros((len(shares), inputs.shape[1], labels))
    step = 1 / (labels + PENALTY)  # each emotion's shares sum to 1, each input's square to 2, a softmax curves by half
    for count in range(_STEPS):
        wrong = shares[:, :, None] * (_answer(general, inputs, ahead) - one_hot)
        new = ahead - step * (inputs.T @ wrong + PENALTY * ahead)
        ahead = new + count / (count + 3) * (new - weights)
        weights = new
    return weights


def _score(general: Floats, inputs: Floats, weights: Floats, one_hot: Floats, share: Floats) -> float:
    """Mean log probability of the truth, each clip by its own `weights` (clips, units + 1, labels)."""
    scores = general + np.einsum("cu,cul->cl", inputs, weights)
    scores -= scores.max(axis=1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float((share * (logs * one_hot).sum(axis=1)).sum())
