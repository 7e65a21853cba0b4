"""What networks are fed in training: normalized frames, summaries, and voice profiles drawn anew for every epoch."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from utils.dataset_loader import Clips
from utils.emotions import PLAIN
from utils.features import FeatureSettings
from utils.networks import INPUTS
from utils.summary import summarize, summary_scale, summary_size
from utils.systems import Member, System
from utils.voice_profile import FLAGS, KINDS, flags

Floats = NDArray[np.float32]
PROFILE_CLIPS = {"mixed": (3, 5, 10, 20, 50), "ordinary": (2, 3, 5, 8, 12)}  # as people will give them
PROFILES = 8  # drawn for each voice and epoch
_BLOCK = 512


def fit_scaler(features: NDArray[Any]) -> StandardScaler:
    """Mean and deviation of each feature (or of each channel of pictures) over all frames of all clips."""
    scaler = StandardScaler()
    for first in range(0, len(features), _BLOCK):
        scaler.partial_fit(features[first : first + _BLOCK].reshape(-1, features.shape[-1]).astype(np.float64))
    return scaler


def normalize(features: NDArray[Any], scaler: StandardScaler) -> Floats:
    """The features with the training clips' mean and deviation removed; float32."""
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    return (features.astype(np.float32) - mean) / scale


def input_scales(scaler: StandardScaler, settings: FeatureSettings) -> dict[str, tuple[list[float], list[float]]]:
    """Mean and deviation for each of `INPUTS`; with them raw inputs become what networks are trained on."""
    offset, scale = summary_scale(scaler.mean_, scaler.scale_, summary_size(settings))
    voice = np.concatenate([offset, np.zeros(FLAGS)]), np.concatenate([scale, np.ones(FLAGS)])
    pairs = ((scaler.mean_, scaler.scale_), (offset, scale), voice)
    return {name: (mean.tolist(), deviation.tolist()) for name, (mean, deviation) in zip(INPUTS, pairs, strict=True)}


def input_shapes(settings: FeatureSettings) -> dict[str, tuple[int, ...]]:
    """Of one clip, for each of `INPUTS`."""
    size = summary_size(settings)
    return dict(zip(INPUTS, (settings.shape, (size,), (size + FLAGS,)), strict=True))


def summaries(features: NDArray[Any], scaler: StandardScaler) -> Floats:
    """Normalized summaries of clips' raw features."""
    summarized = summarize(features)
    offset, scale = summary_scale(scaler.mean_, scaler.scale_, summarized.shape[1])
    return (summarized - offset) / scale


class Voices:
    """Draws the profile of a voice from other clips of its speaker, as it might have been learnt."""

    def __init__(self, clips: Clips, labels: Sequence[str], clip_summaries: Floats) -> None:
        self._summaries = clip_summaries
        _, self._voice_of = np.unique(clips.speakers, return_inverse=True)
        ordinary = np.isin(clips.truth, [labels.index(label) for label in PLAIN if label in labels])
        everything = [np.flatnonzero(self._voice_of == voice) for voice in range(self._voice_of.max() + 1)]
        self._of = {"mixed": everything, "ordinary": [clips_[ordinary[clips_]] for clips_ in everything]}

    def draw(self, rng: np.random.Generator) -> Floats:
        """`PROFILES` for each voice; (voices, `PROFILES`, size)."""
        drawn = np.zeros((len(self._of["mixed"]), PROFILES, self._summaries.shape[1] + FLAGS), dtype=np.float32)
        for voice in range(len(drawn)):
            for profile in range(PROFILES):
                drawn[voice, profile] = self._profile(voice, str(rng.choice(KINDS)), rng)
        return drawn

    def for_clips(self, clips: NDArray[np.intp], drawn: Floats, rng: np.random.Generator) -> Floats:
        """One of the profiles drawn, for each clip; (clips, size)."""
        return drawn[self._voice_of[clips], rng.integers(0, PROFILES, len(clips))]

    def _profile(self, voice: int, kind: str, rng: np.random.Generator) -> Floats:
        if not len(self._of[kind][voice]):
            kind = "mixed"
        clips = self._of[kind][voice]
        count = min(int(rng.choice(PROFILE_CLIPS[kind])), len(clips))
        chosen = rng.choice(clips, count, replace=False)
        return np.concatenate([self._summaries[chosen].mean(axis=0), flags(kind, count)])  # type: ignore[arg-type]


def unknown_voices(
    features: NDArray[Any], settings: FeatureSettings, scaler: StandardScaler, names: tuple[str, ...]
) -> dict[str, Floats]:
    """Those of the normalized inputs that are asked for."""
    inputs: dict[str, Callable[[], Floats]] = {
        "features": lambda: normalize(features, scaler),
        "summary": lambda: summaries(features, scaler),
        "voice": lambda: np.zeros((len(features), *input_shapes(settings)["voice"]), dtype=np.float32),
    }
    return {name: inputs[name]() for name in names}


def known_voices(
    system: System, clips: Clips, names: tuple[str, ...], scaler: StandardScaler, seed: int
) -> dict[str, Floats]:
    """The normalized inputs that are asked for, each clip with a profile of its speaker."""
    inputs = unknown_voices(clips.variants[0], system.features, scaler, names)
    if "voice" in names:
        rng = np.random.default_rng(seed)
        voices = Voices(clips, system.labels, inputs["summary"])
        inputs["voice"] = voices.for_clips(np.arange(len(clips.truth)), voices.draw(rng), rng)
    return inputs


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Every clip twice an epoch: as it is, and as one of its variants if the plan wants these; frames distorted anew.

    They have no end, since TensorFlow waits for a third of the time it took whenever an iterator over them ends;
    `per_epoch` of them are an epoch.
    """

    def __init__(
        self,
        clips: Clips,
        clip_summaries: Sequence[Floats],
        scaler: StandardScaler,
        system: System,
        plan: Member,
        seed: int,
    ) -> None:
        super().__init__()
        self._clips, self._summaries, self._scaler = clips, clip_summaries, scaler
        self._plan, self._seed = plan, seed
        self._targets = np.eye(len(system.labels), dtype=np.float32)[clips.truth]
        self._voices = Voices(clips, system.labels, clip_summaries[0]) if "voice" in plan.hears else None
        self.per_epoch = plan.steps_per_epoch(len(clips.truth))
        self._first: int | None = None
        self._shuffle(1)

    @property
    def num_batches(self) -> None:
        """As Keras has it of what has no end."""
        return

    def begin(self, epoch: int) -> None:
        """Tells with which epoch, counted from 0, a training begins or goes on; later calls change nothing."""
        if self._first is None:
            self._first = epoch

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        epoch, batch = 1 + (self._first or 0) + number // self.per_epoch, number % self.per_epoch
        if epoch != self._epoch:
            self._shuffle(epoch)
        chosen = self._order[batch * self._plan.batch : (batch + 1) * self._plan.batch]
        clips, variants = chosen[:, 0], chosen[:, 1]
        rng = np.random.default_rng((self._seed, self._epoch, batch))
        inputs = tuple(self._input(name, clips, variants, rng) for name in self._plan.hears)
        return inputs if len(inputs) > 1 else inputs[0], self._targets[clips], self._clips.weights[clips]

    def _input(
        self, name: str, clips: NDArray[np.intp], variants: NDArray[np.intp], rng: np.random.Generator
    ) -> Floats:
        pairs = zip(clips, variants, strict=True)
        if name == "summary":
            return np.stack([self._summaries[variant][clip] for clip, variant in pairs])
        if name == "voice" and self._voices:
            return self._voices.for_clips(clips, self._profiles, rng)
        chosen = np.stack([self._clips.variants[variant][clip] for clip, variant in pairs])
        normal = normalize(chosen, self._scaler)
        return np.stack([self._plan.distort(clip, rng) for clip in normal]) if self._plan.distort else normal

    def _shuffle(self, epoch: int) -> None:
        """Makes another order, and other profiles."""
        self._epoch = epoch
        rng = np.random.default_rng((self._seed, epoch))
        clips = np.arange(len(self._clips.truth))
        count = len(self._clips.variants) if self._plan.varied else 1
        variants = rng.integers(1, count, len(clips)) if count > 1 else 0 * clips
        self._order = rng.permutation(np.concatenate([np.stack([clips, 0 * clips], 1), np.stack([clips, variants], 1)]))
        if self._voices:
            self._profiles = self._voices.draw(rng)
