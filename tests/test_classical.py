"""Estimators: calibrated, and the same as ONNX."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skl2onnx")

import onnxruntime

from utils import classical, estimators
from utils.dataset_loader import Clips
from utils.errors import DataError
from utils.model_bundle import ONNX
from utils.systems import SYSTEMS, System

LABELS = ("neutral", "happy", "sad", "angry")
each = pytest.mark.parametrize("estimator", [estimators.random_forest, estimators.nearest_neighbours, estimators.svm])


def some_clips(count: int, seed: int, variants: int = 0) -> Clips:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(LABELS), count)
    arrays = [(rng.normal(5, 3, (count, 12)) + 4 * np.eye(12)[truth]).astype(np.float16) for _ in range(variants + 1)]
    return Clips(arrays, truth, np.ones(count, np.float32), np.array(["somebody"] * count), np.full(count, -1))


def fitted(estimator: Callable[[int], Any], seed: int = 0, variants: int = 0) -> classical.Fitted:
    system = System("made-up", "an estimator", LABELS, ("nemo",), estimator=estimator)
    return classical.fit(system, some_clips(160, 0, variants), some_clips(60, 1), seed=seed)


@each
def test_onnx_says_what_the_estimator_says(estimator: Callable[[int], Any], tmp_path: Path) -> None:
    made = fitted(estimator)
    classical.export(made, tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / ONNX, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape[1:]) for i in session.get_inputs()] == [("raw_features", [12])]
    outputs = [(o.name, o.shape[1:]) for o in session.get_outputs()]
    assert outputs == [("probabilities", [len(LABELS)]), ("embedding", [len(LABELS)])]
    features = some_clips(50, 2).variants[0].astype(np.float32)
    expected = made.probabilities(features)
    found, scores = session.run(None, {"raw_features": features})
    assert (scores.argmax(axis=1) == found.argmax(axis=1)).all()
    assert np.abs(found - expected).max() < 1e-4
    assert expected.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert expected.dtype == np.float32
    assert [path.name for path in tmp_path.iterdir()] == [ONNX]


@each
def test_it_learns_and_says_so_with_probabilities(estimator: Callable[[int], Any]) -> None:
    made, test = fitted(estimator), some_clips(100, 3)
    probabilities = made.probabilities(test.variants[0])
    assert np.mean(probabilities.argmax(axis=1) == test.truth) > 0.45
    assert probabilities.min() > 0
    assert made.histories == []
    assert made.parameters is None


def test_variants_train_too_and_a_seed_is_a_forest() -> None:
    features = some_clips(30, 4).variants[0]
    said = [
        fitted(estimators.random_forest, seed, variants).probabilities(features)
        for seed, variants in ((0, 0), (0, 0), (1, 0), (0, 1))
    ]
    assert np.array_equal(said[0], said[1])
    assert not np.array_equal(said[0], said[2])
    assert not np.array_equal(said[0], said[3])


def test_a_system_of_networks_is_refused() -> None:
    with pytest.raises(ValueError, match="networks"):
        classical.fit(SYSTEMS["cnn"], some_clips(10, 0), some_clips(10, 1), seed=0)


def test_an_emotion_without_training_clips_is_refused() -> None:
    system = System("made-up", "an estimator", (*LABELS, "fear", "disgust"), ("nemo",), estimator=estimators.svm)
    with pytest.raises(DataError, match="No recording of fear, disgust is left"):
        classical.fit(system, some_clips(60, 0), some_clips(60, 1), seed=0)
