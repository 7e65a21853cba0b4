"""Training only: how far clips are from where a model was trained, and what its networks lean to there.

With another microphone, in another room or language every voice is unusual, and to a network the unusual is an emotion:
people who speak as ever are called happy. What networks lean to is learnt from places that are left out of their
training in turn; how far a clip is from all the places they know says how much to allow for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from utils.batches import Floats
from utils.evaluation import fit_temperature

LEAST_PLACES = 3  # with one left out, the others have to be more than one
LEAST_CLIPS = 100  # a place with fewer isn't left out, and stands for nothing
FARTHEST = 6.0  # deviations that a number of a summary counts


@dataclass(frozen=True)
class Leaning:
    """What makes logits mean something where networks weren't trained: softmax((logits + offsets) / temperature)."""

    offsets: NDArray[np.float64]
    temperature: float


def places_of(speakers: Sequence[str] | NDArray[np.str_]) -> NDArray[np.str_]:
    """Where each clip was recorded, as its speaker's name ("corpus place-person") says; "" where too few were.

    Who speaks in one corpus and sings in another did both in one place.
    """
    places = np.array([name.partition(" ")[2].rpartition("-")[0] for name in speakers])
    names, which, counts = np.unique(places, return_inverse=True, return_counts=True)
    return np.where(counts[which] >= LEAST_CLIPS, names[which], "")


def places_to_leave_out(places: NDArray[np.str_]) -> list[str]:
    """Of clips' places those that can be left out in turn; none where there are fewer than `LEAST_PLACES`."""
    names = sorted(set(places.tolist()) - {""})
    return names if len(names) >= LEAST_PLACES else []


def leaning_of(logits: Sequence[Floats], truth: Sequence[NDArray[np.intp]], farness: Sequence[Floats]) -> Leaning:
    """What networks lean to in places that they weren't trained with; places count alike, and emotions in each.

    Args:
        logits: of each place's clips by networks that never heard it, (clips, labels).
        truth: the positions of the clips' labels, (clips,).
        farness: how far each clip is from the other places, 0 to 1, (clips,), as `Farness.from_others` says it.
    """
    balanced = [compute_sample_weight("balanced", each) / len(each) for each in truth]
    means = np.mean([weights @ each for weights, each in zip(balanced, logits, strict=True)], axis=0)
    reach = np.mean([weights @ far for weights, far in zip(balanced, farness, strict=True)])
    offsets = (means.mean() - means) / reach
    together = np.concatenate(logits) + offsets
    return Leaning(offsets, fit_temperature(together, np.concatenate(truth), np.concatenate(balanced)))


@dataclass(frozen=True)
class Farness:
    """How far clips are from places: `network` says it of a normalized summary, 0 to 1 (batch, 1).

    `from_others` is how far each training clip is from the places but its own, (clips,).
    """

    network: keras.Model
    from_others: Floats


def fit_farness(summaries: Floats, places: NDArray[np.str_]) -> Farness:
    """Tells clips from those that some places' could be, by the distance to the nearest place's mean.

    Distances are in deviations within places. The same clips are told from themselves with their own place taken away.

    Args:
        summaries: normalized, of the training clips (clips, size).
        places: where each was recorded, "" where that is none (clips,).
    """
    names = np.array(sorted(set(places.tolist()) - {""}))
    own = places[:, None] == names
    somewhere = own.any(axis=1)
    means = np.stack([summaries[column].mean(axis=0) for column in own.T])
    deviation = (summaries[somewhere] - means[own.argmax(axis=1)][somewhere]).std(axis=0) + 1e-6
    inputs = keras.layers.Input(summaries.shape[1:])
    scaled = keras.layers.Rescaling((1 / deviation).tolist())(inputs)
    squares = _squares(scaled, means / deviation)
    to_each = keras.ops.convert_to_numpy(keras.Model(inputs, squares)(summaries))
    to_nearest, to_others = to_each.min(axis=1), np.where(own, np.inf, to_each).min(axis=1)
    both = np.log(np.concatenate([to_nearest[somewhere], to_others[somewhere]]))[:, None]
    weights = np.tile(compute_sample_weight("balanced", places[somewhere]), 2)
    line = LogisticRegression(C=100.0).fit(both, np.arange(len(both)) >= somewhere.sum(), sample_weight=weights)
    layer = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Model(inputs, layer(keras.ops.log(keras.ops.min(squares, axis=1, keepdims=True))))
    layer.set_weights([line.coef_.T, line.intercept_])
    return Farness(network, line.predict_proba(np.log(to_others)[:, None])[:, 1])


def _squares(scaled: keras.KerasTensor, means: Floats) -> keras.KerasTensor:
    """The mean square of what is between a summary and each of some means; numbers beyond `FARTHEST` are cut off."""
    size = means.shape[1]
    near = keras.ops.clip(scaled, -FARTHEST, FARTHEST)
    means = np.clip(means, -FARTHEST, FARTHEST)
    layer = keras.layers.Dense(len(means))
    products = layer(near)
    layer.set_weights([-2 * means.T / size, (means**2).mean(axis=1)])
    squares = products + keras.ops.mean(keras.ops.square(near), axis=1, keepdims=True)
    return keras.ops.maximum(squares, 1e-6)  # rounding would make a mean's own less than nothing


def allowing_for(leaning: Leaning, farness: Farness, labels: int, temperature: float) -> keras.Model:
    """Normalized summary, logits (batch, labels) -> logits: the farther a clip, the more as `leaning` has it.

    `temperature` is what they will be divided by, which is that of clips that are near.
    """
    summary = keras.layers.Input(farness.network.input_shape[1:])
    logits = keras.layers.Input((labels,))
    scale = temperature / leaning.temperature
    there = keras.layers.Rescaling(scale, (scale * leaning.offsets).tolist())(logits)
    return keras.Model([summary, logits], logits + farness.network(summary) * (there - logits))
