"""Fits a system's scikit-learn estimator, calibrates it, and writes it as ONNX: what training.py does for networks."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from utils.dataset_loader import Clips
from utils.errors import DataError
from utils.evaluation import fit_temperature
from utils.model_bundle import ONNX
from utils.systems import System

_LEAST = 1e-3  # no emotion is ever out of the question
_OPSETS = {"": 17, "ai.onnx.ml": 3}  # as the networks' graphs: ONNX Runtime 1.20 runs them


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator: raw features -> calibrated probabilities. There are no epochs to tell of."""

    estimator: ClassifierMixin
    temperature: float
    histories: list[list[dict[str, float]]] = field(default_factory=list)

    @property
    def parameters(self) -> None:
        """An estimator that keeps clips or trees has no number of parameters to compare."""
        return None

    def probabilities(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Of raw features (clips, ...); float32 (clips, labels), rows summing to 1."""
        scaled = _scores(self.estimator, features) / self.temperature
        likelihood = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return (likelihood / likelihood.sum(axis=1, keepdims=True)).astype(np.float32)


def fit(
    system: System,
    train: Clips,
    validation: Clips,
    *,
    epochs: int = 0,
    seed: int,
    folder: Path | None = None,
    watch: Callable[[int, dict[str, float]], None] | None = None,
    weights: Path | None = None,
) -> Fitted:
    """Fits the estimator on the training clips and their variants, and its temperature on the validation clips.

    It takes a minute at most, so there are no epochs, no run folder and nothing to watch; the arguments are those of
    `training.fit`.

    Raises:
        DataError: an emotion has no training clips, so that an estimator wouldn't know of it.
    """
    del epochs, folder, watch, weights
    if system.estimator is None:
        raise ValueError(f"{system.name} is a system of networks")
    if missing := [label for i, label in enumerate(system.labels) if i not in train.truth]:
        raise DataError(f"No recording of {', '.join(missing)} is left to train on: add some, for every emotion.")
    features = np.concatenate([_flat(variant) for variant in train.variants])
    estimator = system.estimator(seed)
    estimator.fit(features, np.tile(train.truth, len(train.variants)))
    scores = _scores(estimator, validation.variants[0])
    return Fitted(estimator, fit_temperature(scores, validation.truth, validation.weights))


def export(fitted: Fitted, folder: Path) -> None:
    """Writes estimator and calibration as one ONNX graph: features -> probabilities; its scores are the embedding."""
    from onnx import TensorProto, checker, compose, helper, numpy_helper
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    types = [("raw_features", FloatTensorType([None, fitted.estimator.n_features_in_]))]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Attribute `prob", FutureWarning)  # skl2onnx looks whether they are there
        model = to_onnx(fitted.estimator, initial_types=types, options={"zipmap": False}, target_opset=_OPSETS)
    model = compose.add_prefix(model, "estimator ", rename_inputs=False)
    graph, output = model.graph, model.graph.output[1]  # the first is the label
    steps = [("Div", ["embedding", "temperature"], "scaled"), ("Softmax", ["scaled"], "probabilities")]
    if hasattr(fitted.estimator, "decision_function"):
        steps.insert(0, ("Identity", [output.name], "embedding"))
    else:
        steps[:0] = [("Max", [output.name, "least"], "likely"), ("Log", ["likely"], "embedding")]
    for operation, inputs, name in steps:
        graph.node.append(helper.make_node(operation, inputs, [name]))
    for name, value in (("least", _LEAST), ("temperature", fitted.temperature)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    shape = [None, len(fitted.estimator.classes_)]
    del graph.output[:]
    graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("probabilities", "embedding")
    )
    checker.check_model(model)
    (folder / ONNX).write_bytes(model.SerializeToString())


def _flat(features: NDArray[Any]) -> NDArray[np.float32]:
    return features.reshape(len(features), -1).astype(np.float32)


def _scores(estimator: ClassifierMixin, features: NDArray[Any]) -> NDArray[np.float32]:
    """One score a label, whose softmax are probabilities: decision values, or the log of likelihoods."""
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(_flat(features)), dtype=np.float32)
    return np.log(np.maximum(estimator.predict_proba(_flat(features)), _LEAST)).astype(np.float32)
