"""Fits a system's networks: augmented batches, the last epoch or the best by UAR on validation speakers, resumable.

Everything a run needs to go on after an interruption lies in its run folder; a finished run is not trained again.
"""

import itertools
import json
import logging
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from utils.batches import Batches, fit_scaler, input_scales, input_shapes, known_voices, summaries, unknown_voices
from utils.dataset_loader import Clips
from utils.elsewhere import Farness, Leaning, allowing_for, fit_farness, leaning_of, places_of, places_to_leave_out
from utils.evaluation import fit_temperature, unweighted_average_recall
from utils.features import FeatureSettings
from utils.model_bundle import KERAS, ONNX, SCALER
from utils.networks import INPUTS, combine, with_scalers
from utils.summary_heads import fit_heads
from utils.systems import Member, System

BEST = "best.weights.h5"
HISTORY = "history.json"
_ROUNDS = 3  # of fitting a temperature until it settles: what is made of clips that are a little far depends on it
Epoch = dict[str, float]
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns where several networks are asked one after another


@dataclass(frozen=True)
class Fitted:
    """A trained system: normalized inputs -> calibrated probabilities, and how it came about."""

    network: keras.Model
    settings: FeatureSettings
    scaler: StandardScaler
    temperatures: tuple[float, float]
    histories: list[list[Epoch]]
    complete: bool
    """Whether no member's training was interrupted."""

    @property
    def temperature(self) -> float:
        """For unknown voices."""
        return self.temperatures[0]

    @property
    def parameters(self) -> int:
        """How many numbers the network learnt."""
        return int(self.network.count_params())

    def probabilities(self, features: NDArray[Any], voices: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Of clips' raw features; float32 (clips, labels), rows summing to 1.

        `voices` are vectors of profiles, one for each clip, where the voices are known.
        """
        return predict(self.network, features, self.settings, self.scaler, voices)["probabilities"]


@dataclass(frozen=True)
class _Run:
    """What one member's training is made of: its plan, the clips, and where its checkpoints lie."""

    system: System
    plan: Member
    train: Clips
    validation: Clips | None
    train_summaries: list[NDArray[np.float32]]
    validation_inputs: dict[str, NDArray[np.float32]]
    scaler: StandardScaler
    epochs: int
    seed: int
    place: Path
    watch: Callable[[Epoch], None] | None
    weights: Path | None


class _Validation(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds `val_uar` to an epoch's logs where somebody validates, keeps the weights and the history, and tells of it.

    Both files are replaced in one step: whenever a run is killed or interrupted, they are whole.
    """

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run, self._place, self._watch = run, run.place, run.watch
        self._last_is_best = run.plan.epochs is not None

    def on_epoch_end(self, epoch: int, logs: Epoch) -> None:
        if self._run.validation:
            inputs = [self._run.validation_inputs[name] for name in self._run.plan.hears]
            heard = self.model.predict(_one_or_all(inputs), batch_size=256, verbose=0).argmax(axis=1)
            logs["val_uar"] = unweighted_average_recall(self._run.validation.truth, heard)
        before = _read_history(self._place / HISTORY)[:epoch]
        if self._last_is_best or logs["val_uar"] > max((past["val_uar"] for past in before), default=-1.0):
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


def predict(
    network: keras.Model,
    features: NDArray[Any],
    settings: FeatureSettings,
    scaler: StandardScaler,
    voices: NDArray[np.float32] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """What a combined network says to clips' raw features, in blocks to save memory."""
    scales = input_scales(scaler, settings)
    mean, deviation = (np.array(numbers, dtype=np.float32) for numbers in scales["voice"])
    blocks: list[dict[str, NDArray[np.float32]]] = []
    for first in range(0, len(features), 512):
        inputs = unknown_voices(features[first : first + 512], settings, scaler, tuple(network.input))
        if voices is not None and "voice" in inputs:
            inputs["voice"] = (voices[first : first + 512] - mean) / deviation
        blocks.append(network.predict(inputs, batch_size=256, verbose=0))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _one_or_all(inputs: list[NDArray[np.float32]]) -> Any:
    return inputs if len(inputs) > 1 else inputs[0]


@_libraries_quarrels_ignored()
def fit(
    system: System,
    train: Clips,
    validation: Clips | None,
    *,
    epochs: int,
    seed: int,
    folder: Path,
    watch: Callable[[int, Epoch], None] | None = None,
    weights: Path | None = None,
    temperatures: tuple[float, float] = (1.0, 1.0),
    leaning: Leaning | None = None,
) -> Fitted:
    """Trains a system's members one after the other and calibrates their mean on the validation clips.

    Ctrl-C ends the training and keeps the best epoch so far.

    Args:
        system: what to train.
        train: the training clips with their variants.
        validation: clips of other speakers, which choose the epoch and the temperatures; None where no epoch is to
            be chosen and all speakers train.
        epochs: at most so many for each member.
        seed: of weights, order and masks.
        folder: of this run's checkpoints; a run that was interrupted goes on from there.
        watch: called with (member, epoch's figures) after each epoch.
        weights: a file for those members that can start from a pretrained network.
        temperatures: without validation clips, those to use, for unknown and for known voices.
        leaning: what `fit_leaning` found of the system; None where it isn't to be allowed for.

    Raises:
        ValueError: an epoch is to be chosen, and nobody validates.
        DataError: `weights` holds another network.
        KeyboardInterrupt: before the first epoch was over.
    """
    if system.chooses_epochs and not validation:
        raise ValueError(f"{system.name} chooses its epochs by validation clips")
    scaler = fit_scaler(train.variants[0])
    names = tuple(name for name in INPUTS if any(name in plan.hears for plan in system.members))
    summarized = names != ("features",) or system.gate or system.intensity or leaning is not None
    train_summaries = [summaries(variant, scaler) for variant in train.variants] if summarized else []
    known = known_voices(system, validation, names, scaler, seed) if validation else {}
    runs = [
        _Run(
            *(system, plan, train, validation, train_summaries, known, scaler),
            *(plan.epochs_for(len(train.truth), epochs), seed * 100 + member, folder / f"member-{member}"),
            *(partial(watch, member) if watch else None, weights),
        )
        for member, plan in enumerate(system.members)
    ]
    members, histories, complete = zip(*_fit_members(runs), strict=True)
    heads = fit_heads(system, train, train_summaries, scaler, seed) if summarized else {}
    farness = fit_farness(train_summaries[0], places_of(train.speakers)) if leaning else None
    trained = _Trained(system, members, leaning, farness)
    if validation:
        temperatures = trained.fit_temperatures(known, validation)
    network = trained.network(temperatures, temperatures[0], heads)
    finished = len(members) == len(runs) and all(complete)
    return Fitted(network, system.features, scaler, temperatures, list(histories), finished)


@dataclass(frozen=True)
class _Trained:
    """Those of a system's members that are trained, and what is allowed for where clips are far."""

    system: System
    members: Sequence[keras.Model]
    leaning: Leaning | None
    farness: Farness | None

    def network(
        self, temperatures: tuple[float, float], near: float, heads: Mapping[str, keras.Model] | None = None
    ) -> keras.Model:
        """All in one. `near` is the temperature for unknown voices, also where it is yet to be divided by."""
        hears = [plan.hears for plan in self.system.members[: len(self.members)]]
        elsewhere = None
        if self.leaning and self.farness:
            elsewhere = allowing_for(self.leaning, self.farness, len(self.system.labels), near)
        return combine(self.members, hears, input_shapes(self.system.features), temperatures, heads, elsewhere)

    def fit_temperatures(self, known: dict[str, NDArray[np.float32]], validation: Clips) -> tuple[float, float]:
        """By the validation clips, whose inputs with known voices are `known`."""
        temperatures = (1.0, 1.0)
        for _ in range(_ROUNDS if self.leaning else 1):
            temperatures = _fit_temperatures(self.network((1.0, 1.0), temperatures[0]), known, validation)
        return temperatures


def fit_leaning(
    system: System,
    train: Clips,
    *,
    epochs: int,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> Leaning | None:
    """What the networks of a system lean to where they weren't trained: each place is left out in turn.

    Args:
        system: its networks for unknown voices are trained, and what else it has isn't.
        train: the clips that it will be trained on.
        epochs: at most so many for each network.
        seed: of weights and order.
        folder: of these runs' checkpoints.
        progress: called with how many epochs are over, and how many there are.

    Returns:
        None where the system doesn't allow for it, or too few places train it.

    Raises:
        KeyboardInterrupt: before all were over; the same call goes on.
    """
    places = places_of(train.speakers)
    left_out = places_to_leave_out(places)
    if not system.elsewhere or not left_out:
        return None
    members = tuple(member for member in system.members if "voice" not in member.hears)
    plain = replace(system, members=members, gate=False, intensity=False)
    known = [train.where(places != place) for place in left_out]
    ends = sum(member.epochs_for(len(clips.truth), epochs) for clips in known for member in members)
    over = itertools.count(1)
    logits = []
    for place, clips in zip(left_out, known, strict=True):
        fitted = fit(
            *(plain, clips, None),
            epochs=epochs,
            seed=seed,
            folder=folder / f"without-{place}",
            watch=lambda member, epoch: progress(next(over), ends),
        )
        if not fitted.complete:
            raise KeyboardInterrupt
        heard = fitted.probabilities(train.variants[0][places == place])
        logits.append(np.log(np.maximum(heard, 1e-7)))
    scaler = fit_scaler(train.variants[0])
    far = fit_farness(summaries(train.variants[0], scaler), places).from_others
    found = [places == place for place in left_out]
    return leaning_of(logits, [train.truth[which] for which in found], [far[which] for which in found])


def _fit_members(runs: Sequence[_Run]) -> Iterator[tuple[keras.Model, list[Epoch], bool]]:
    """Each network with its history, and whether it was trained to the end.

    After Ctrl-C there are no more than those that have a best epoch.

    Raises:
        KeyboardInterrupt: the first one has none.
    """
    for run in runs:
        try:
            complete = _fit_member(run)
        except KeyboardInterrupt:
            if run is runs[0]:
                raise
            return
        trained = _network(run)  # without the optimizer, which would be saved with it
        trained.load_weights(run.place / BEST)
        yield trained, _read_history(run.place / HISTORY), complete
        if not complete:
            return


def _network(run: _Run) -> keras.Model:
    shapes = input_shapes(run.system.features)
    return run.plan.network(*(shapes[name] for name in run.plan.hears), len(run.system.labels))


def _fit_temperatures(
    network: keras.Model, inputs: dict[str, NDArray[np.float32]], validation: Clips
) -> tuple[float, float]:
    """Temperatures for unknown and for known voices that make a network's confidence mean something."""
    whether = [False, True] if "voice" in network.input else [False]
    fitted = []
    for known in whether:
        heard = {name: inputs[name] for name in network.input}
        if whether[-1] and not known:
            heard["voice"] = np.zeros_like(inputs["voice"])
        likelihoods = network.predict(heard, batch_size=256, verbose=0)["probabilities"]
        logits = np.log(np.maximum(likelihoods, 1e-7))
        fitted.append(fit_temperature(logits, validation.truth, np.ones(len(logits), dtype=np.float32)))
    return fitted[0], fitted[-1]


def _fit_member(run: _Run) -> bool:
    """Trains one network and leaves the weights to keep in the run's place; False where Ctrl-C ended it."""
    run.place.mkdir(parents=True, exist_ok=True)
    done = run.place / "done"
    if not done.exists():
        keras.utils.set_random_seed(run.seed)
        network = _network(run)
        if run.plan.pretrained and run.weights:
            run.plan.pretrained(network, run.weights)
        batches = Batches(run.train, run.train_summaries, run.scaler, run.system, run.plan, run.seed)
        network.compile(
            _optimizer(run.plan, run.epochs * batches.per_epoch),
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=run.system.label_smoothing),
        )
        backup = keras.callbacks.BackupAndRestore(run.place / "backup", double_checkpoint=True)  # one may be cut off
        goes_on = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch))
        callbacks = [goes_on, _Validation(run), *([] if run.plan.epochs else _until_no_better(run)), backup]
        try:
            how = {"epochs": run.epochs, "steps_per_epoch": batches.per_epoch, "callbacks": callbacks}
            network.fit(batches, **how, verbose=0, shuffle=False)
            done.touch()
        except KeyboardInterrupt:
            if not (run.place / BEST).exists():
                raise
    return done.exists()


def _optimizer(plan: Member, steps: int) -> keras.optimizers.Optimizer:
    if not plan.epochs:
        return keras.optimizers.Adam(plan.learning_rate, clipnorm=1.0)
    warm_up = steps // 10
    rate = keras.optimizers.schedules.CosineDecay(
        plan.learning_rate / 25, steps - warm_up, warmup_target=plan.learning_rate, warmup_steps=warm_up
    )
    return keras.optimizers.AdamW(rate, weight_decay=1e-2, clipnorm=1.0)


def _until_no_better(run: _Run) -> list[keras.callbacks.Callback]:
    before = max((epoch["val_uar"] for epoch in _read_history(run.place / HISTORY)), default=None)
    by_uar: dict[str, Any] = {"monitor": "val_uar", "mode": "max"}
    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=5, min_lr=1e-5, **by_uar),
        keras.callbacks.EarlyStopping(patience=run.system.patience, baseline=before, **by_uar),
    ]


def _read_history(path: Path) -> list[Epoch]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return []


@_libraries_quarrels_ignored()
def export(fitted: Fitted, folder: Path) -> None:
    """Writes the Keras network, its scaler, and the ONNX network with the scaler folded in."""
    fitted.network.save(folder / KERAS)
    _compress(folder / KERAS)
    joblib.dump(fitted.scaler, folder / SCALER)
    scales = input_scales(fitted.scaler, fitted.settings)
    serving = with_scalers(fitted.network, {name: scales[name] for name in fitted.network.input})
    serving({name: np.zeros((1, *tensor.shape[1:]), dtype=np.float32) for name, tensor in serving.input.items()})
    serving.export(folder / ONNX, format="onnx", verbose=False)


def _compress(archive: Path) -> None:
    """Makes a .keras file, a zip that Keras writes uncompressed, a little smaller."""
    with zipfile.ZipFile(archive) as saved:
        content = {name: saved.read(name) for name in saved.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as smaller:
        for name, data in content.items():
            smaller.writestr(name, data)
