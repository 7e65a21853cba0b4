"""Fits a system's networks: augmented batches, the best epoch by UAR on validation speakers, resumable.

Everything a run needs to go on after an interruption lies in its run folder; a finished run is not trained again.
"""

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from utils.augmentation import mask_and_warp
from utils.dataset_loader import Clips
from utils.evaluation import fit_temperature, unweighted_average_recall
from utils.model_bundle import KERAS, ONNX, SCALER
from utils.networks import Member, System, combine, with_scaler

BATCH = 64
BEST = "best.weights.h5"
HISTORY = "history.json"
Epoch = dict[str, float]


@dataclass(frozen=True)
class Fitted:
    """A trained system: normalized features -> calibrated probabilities, and how it came about."""

    network: keras.Model
    scaler: StandardScaler
    temperature: float
    histories: list[list[Epoch]]


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Every clip twice an epoch: as it is, and as one of its variants; with `masks`, both masked and warped anew."""

    def __init__(self, clips: Clips, scaler: StandardScaler, labels: int, masks: bool, seed: int) -> None:
        super().__init__()
        self._clips, self._scaler, self._masks, self._seed = clips, scaler, masks, seed
        self._targets = np.eye(labels, dtype=np.float32)[clips.truth]
        self._epoch = 0
        self._shuffle()

    def __len__(self) -> int:
        return len(self._order) // BATCH or 1

    def __getitem__(self, batch: int) -> tuple[NDArray[np.float32], ...]:
        chosen = self._order[batch * BATCH : (batch + 1) * BATCH]
        clips, variants = chosen[:, 0], chosen[:, 1]
        raw = np.stack([self._clips.variants[v][c] for c, v in zip(clips, variants, strict=True)])
        features = normalize(raw, self._scaler)
        if self._masks:
            rng = np.random.default_rng((self._seed, self._epoch, batch))
            features = np.stack([mask_and_warp(clip, rng) for clip in features])
        return features, self._targets[clips], self._clips.weights[clips]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self._seed, self._epoch))
        clips = np.arange(len(self._clips.truth))
        variants = (
            rng.integers(1, len(self._clips.variants), len(clips)) if len(self._clips.variants) > 1 else 0 * clips
        )
        self._order = rng.permutation(np.concatenate([np.stack([clips, 0 * clips], 1), np.stack([clips, variants], 1)]))


class _Validation(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds `val_uar` to an epoch's logs, keeps the best weights and the history in `place`, and tells who watches.

    Both files are replaced in one step: whenever a run is killed or interrupted, they are whole.
    """

    def __init__(
        self, clips: Clips, scaler: StandardScaler, place: Path, watch: Callable[[Epoch], None] | None
    ) -> None:
        super().__init__()
        self._features = normalize(clips.variants[0], scaler)
        self._truth, self._place, self._watch = clips.truth, place, watch

    def on_epoch_end(self, epoch: int, logs: Epoch) -> None:
        heard = self.model.predict(self._features, batch_size=256, verbose=0).argmax(axis=1)
        logs["val_uar"] = unweighted_average_recall(self._truth, heard)
        before = _read_history(self._place / HISTORY)[:epoch]
        if logs["val_uar"] > max((past["val_uar"] for past in before), default=-1.0):
            self.model.save_weights(self._place / f"new.{BEST}")
            (self._place / f"new.{BEST}").replace(self._place / BEST)
        epochs = [*before, {key: float(value) for key, value in logs.items()}]
        (self._place / f"new.{HISTORY}").write_text(json.dumps(epochs))
        (self._place / f"new.{HISTORY}").replace(self._place / HISTORY)
        if self._watch:
            self._watch(epochs[-1])


@contextmanager
def _libraries_quarrels_ignored() -> Iterator[None]:
    """Leaves out what nobody here can mend: Keras and tf2onnx use NumPy in ways that NumPy 2 warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        warnings.filterwarnings("ignore", "In the future `np", FutureWarning)
        yield


def normalize(features: NDArray[Any], scaler: StandardScaler) -> NDArray[np.float32]:
    """Features (..., 174, 120) with the training clips' mean and deviation removed; float32."""
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    return (features.astype(np.float32) - mean) / scale


def fit_scaler(features: NDArray[np.float16]) -> StandardScaler:
    """Mean and deviation of each of the 120 features over all frames of all clips."""
    scaler = StandardScaler()
    for first in range(0, len(features), 512):
        scaler.partial_fit(features[first : first + 512].reshape(-1, features.shape[-1]).astype(np.float64))
    return scaler


@_libraries_quarrels_ignored()
def fit(
    system: System,
    train: Clips,
    validation: Clips,
    *,
    epochs: int,
    seed: int,
    folder: Path,
    watch: Callable[[int, Epoch], None] | None = None,
) -> Fitted:
    """Trains a system's members one after the other and calibrates their mean on the validation clips.

    Ctrl-C ends the training and keeps the best epoch so far.

    Args:
        system: what to train.
        train: the training clips with their variants.
        validation: clips of other speakers, which choose the epoch and the temperature.
        epochs: at most so many for each member.
        seed: of weights, order and masks.
        folder: of this run's checkpoints; a run that was interrupted goes on from there.
        watch: called with (member, epoch's figures) after each epoch.

    Raises:
        KeyboardInterrupt: before the first epoch was over.
    """
    scaler = fit_scaler(train.variants[0])
    shape = train.variants[0].shape[1:]
    members: list[keras.Model] = []
    histories: list[list[Epoch]] = []
    for member, plan in enumerate(system.members):
        keras.utils.set_random_seed(seed * 100 + member)
        network = plan.network(shape, len(system.labels))
        place = folder / f"member-{member}"
        place.mkdir(parents=True, exist_ok=True)
        told = (lambda epoch, member=member: watch(member, epoch)) if watch else None
        try:
            complete = _fit_member(
                system, plan, network, train, validation, scaler, epochs, seed * 100 + member, place, told
            )
        except KeyboardInterrupt:
            if not members:
                raise
            break
        trained = plan.network(shape, len(system.labels))  # without the optimizer, which would be saved with it
        trained.load_weights(place / BEST)
        members.append(trained)
        histories.append(_read_history(place / HISTORY))
        if not complete:
            break
    features = normalize(validation.variants[0], scaler)
    logits = np.mean([member.predict(features, batch_size=256, verbose=0) for member in members], axis=0)
    temperature = fit_temperature(logits, validation.truth, validation.weights)
    return Fitted(combine(members, shape, temperature), scaler, temperature, histories)


def _fit_member(
    system: System,
    plan: Member,
    network: keras.Model,
    train: Clips,
    validation: Clips,
    scaler: StandardScaler,
    epochs: int,
    seed: int,
    place: Path,
    watch: Callable[[Epoch], None] | None,
) -> bool:
    """Trains one network and leaves its best epoch's weights in `place`; False where Ctrl-C ended it."""
    done = place / "done"
    if not done.exists():
        network.compile(
            keras.optimizers.Adam(plan.learning_rate, clipnorm=1.0),
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=system.label_smoothing),
        )
        before = max((epoch["val_uar"] for epoch in _read_history(place / HISTORY)), default=None)
        by_uar: dict[str, Any] = {"monitor": "val_uar", "mode": "max"}
        callbacks = [
            _Validation(validation, scaler, place, watch),
            keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=5, min_lr=1e-5, **by_uar),
            keras.callbacks.EarlyStopping(patience=system.patience, baseline=before, **by_uar),
            keras.callbacks.BackupAndRestore(place / "backup", double_checkpoint=True),  # one may be cut off
        ]
        batches = _Batches(train, scaler, len(system.labels), plan.masks, seed)
        try:
            network.fit(batches, epochs=epochs, callbacks=callbacks, verbose=0, shuffle=False)
            done.touch()
        except KeyboardInterrupt:
            if not (place / BEST).exists():
                raise
    return done.exists()


def _read_history(path: Path) -> list[Epoch]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return []


@_libraries_quarrels_ignored()
def export(fitted: Fitted, folder: Path) -> None:
    """Writes the Keras network, its scaler, and the ONNX network with the scaler folded in."""
    shape = fitted.network.input_shape[1:]
    fitted.network.save(folder / KERAS)
    _compress(folder / KERAS)
    joblib.dump(fitted.scaler, folder / SCALER)
    serving = with_scaler(fitted.network, shape, fitted.scaler.mean_.tolist(), fitted.scaler.scale_.tolist())
    serving(np.zeros((1, *shape), dtype=np.float32))
    serving.export(folder / ONNX, format="onnx", verbose=False)


def _compress(archive: Path) -> None:
    """Makes a .keras file, a zip that Keras writes uncompressed, a little smaller."""
    with zipfile.ZipFile(archive) as saved:
        content = {name: saved.read(name) for name in saved.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as smaller:
        for name, data in content.items():
            smaller.writestr(name, data)
