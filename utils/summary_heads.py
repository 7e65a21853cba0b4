"""Straight lines through a clip's summary: whether there is a voice, and how strongly its emotion is expressed."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from utils.batches import Floats, summaries
from utils.dataset_loader import Clips
from utils.emotions import PLAIN
from utils.sounds import make_sounds
from utils.systems import System

Line = tuple[NDArray[np.float64], float]
"""What each number of a standardized summary counts, and what is added."""

SPEECH, INTENSITY = "speech", "intensity"
FARTHEST = 6.0  # deviations that a number of the summary counts
FOLDS = 5  # of people who are held out in turn


def fit_heads(
    system: System, clips: Clips, variants: Sequence[Floats], scaler: StandardScaler, seed: int
) -> dict[str, keras.Model]:
    """What the system declares, by the names of the outputs; the intensity only where enough people teach it.

    Args:
        system: which ones.
        clips: the training clips.
        variants: normalized summaries (clips, size) of the clips as they are, and of random variants of them.
        scaler: what the summaries are normalized with.
        seed: of the sounds that are no voices.

    Returns:
        Networks: normalized summary -> probability (batch, 1).
    """
    mean, deviation = variants[0].mean(axis=0), variants[0].std(axis=0) + 1e-6

    def standard(summary: Floats) -> Floats:
        return np.clip((summary - mean) / deviation, -FARTHEST, FARTHEST)

    found = {}
    if system.gate:
        sounds = standard(summaries(make_sounds(system.features, seed=seed), scaler))
        found[SPEECH] = _fit_speech(standard(np.concatenate(variants)), sounds)
    told = (clips.strong >= 0) & ~np.isin(np.array(system.labels)[clips.truth], PLAIN)
    people = np.array([name.partition(" ")[2] for name in clips.speakers[told]])
    if system.intensity and _enough(people, clips.strong[told]):
        found[INTENSITY] = _fit_intensity([standard(each[told]) for each in variants], clips.strong[told], people)
    return {name: _network(line, mean, deviation) for name, line in found.items()}


def _fit_speech(voices: Floats, sounds: Floats) -> Line:
    """Tells voices from sounds.

    Only a straight line between both generalizes to kinds of sounds that weren't made up for training.
    """
    line = LogisticRegression(C=1e-3, class_weight={0: 0.3 * len(voices) / len(sounds), 1: 1.0}, max_iter=200)
    line.fit(np.concatenate([voices, sounds]), np.arange(len(voices) + len(sounds)) < len(voices))
    return line.coef_[0], float(line.intercept_[0])


def _enough(people: NDArray[np.str_], strong: NDArray[np.int8]) -> bool:
    both = set(people[strong == 0]) & set(people[strong == 1])
    return len(both) >= 2 * FOLDS


def _fit_intensity(variants: Sequence[Floats], strong: NDArray[np.int8], people: NDArray[np.str_]) -> Line:
    """Tells what is expressed strongly from what isn't, as if both were as common.

    The variants have other gains, rooms and microphones, so that it is not the loudness that counts. Calibrated on
    people who are held out in turn (Platt 1999), with their variants.
    """
    clips, truth = np.concatenate(variants), np.tile(strong, len(variants))
    held_out = GroupKFold(FOLDS).split(clips, truth, np.tile(people, len(variants)))
    line = LogisticRegression(C=1e-3, max_iter=300)
    calibrated = CalibratedClassifierCV(line, method="sigmoid", cv=list(held_out), ensemble=False)
    calibrated.fit(clips, truth, sample_weight=compute_sample_weight("balanced", truth))
    [fitted] = calibrated.calibrated_classifiers_
    [sigmoid], line = fitted.calibrators, fitted.estimator
    return -sigmoid.a_ * line.coef_[0], float(-sigmoid.a_ * line.intercept_[0] - sigmoid.b_)


def _network(line: Line, mean: Floats, deviation: Floats) -> keras.Model:
    """Summary -> probability; standardized by the training clips' mean and deviation first."""
    weights, offset = line
    inputs = keras.layers.Input(mean.shape)
    scaled = keras.layers.Rescaling((1 / deviation).tolist(), (-mean / deviation).tolist())(inputs)
    layer = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Model(inputs, layer(keras.ops.clip(scaled, -FARTHEST, FARTHEST)))
    layer.set_weights([weights[:, None], np.array([offset])])
    return network
