"""Every system by name, one declaration each: features, labels, corpora, networks or estimator, how it is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from utils import estimators
from utils.audio_preprocessing import CLIP_SAMPLES
from utils.augmentation import mask_and_warp, noise_or_mask
from utils.dataset_loader import Clips, Recording, clip_weights, load_clips
from utils.emotions import ALL_EMOTIONS, DEFAULT_LABELS
from utils.features import FeatureSettings
from utils.image_networks import cnn_bilstm_attention, load_imagenet, resnet18, spectrogram_cnn
from utils.networks import (
    Shape,
    cnn_lstm_attention,
    dense,
    known_dense,
    known_linear,
    linear,
)
from utils.sequence_networks import cnn, cnn_lstm, cnn_refined, conv1d_bigru, lstm

if TYPE_CHECKING:
    import keras

Distortion = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


@dataclass(frozen=True)
class Member:
    """One network of a system and how it is trained.

    `hears` says which of `networks.INPUTS` it takes. `distort` makes other normalized features of a clip's (frames,
    ...) whenever it is in a batch. It is trained until the validation speakers are heard no better, or for `epochs`,
    the learning rate falling along a cosine; where these are more than `steps` batches, for so many. `pretrained` puts
    weights from a file into the network first. One that isn't `varied` hears training clips as they are, and none of
    their variants.
    """

    network: Callable[..., "keras.Model"]
    hears: tuple[str, ...] = ("features",)
    distort: Distortion | None = mask_and_warp
    learning_rate: float = 1e-3
    batch: int = 64
    epochs: int | None = None
    steps: int | None = None
    pretrained: Callable[["keras.Model", Path], None] | None = None
    varied: bool = True

    def steps_per_epoch(self, clips: int) -> int:
        """How many batches hold each of so many clips twice."""
        return 2 * clips // self.batch or 1

    def epochs_for(self, clips: int, most: int) -> int:
        """For how many epochs it is trained on so many clips: at most, where the validation speakers end it earlier."""
        enough = max(1, round(self.steps / self.steps_per_epoch(clips))) if self.steps else most
        return min(self.epochs or most, enough, most)


@dataclass(frozen=True)
class OwnTerms:
    """How the project that a system comes from judged it: random clips, so that its speakers are on both sides.

    A fifth of the clips of `corpora` is the test, `stratified` by emotion or not. `accuracy` and `macro_f1` are what
    it claims, None where it gives no number.
    """

    corpora: tuple[str, ...]
    stratified: bool = False
    accuracy: float | None = None
    macro_f1: float | None = None


@dataclass(frozen=True)
class System:
    """One way to hear emotions: of which features, which labels, from which corpora, by which networks or estimator.

    The members' logits are averaged; a system has either members or an estimator, which gets a seed. With a `gate`, it
    also says whether there is a voice at all; with `intensity`, how strongly the emotion is expressed. One that knows
    `elsewhere` allows for what its networks lean to where they weren't trained. `extra_corpora`
    only train, they are never validated or tested on. `variants` random variants of each training clip are made by
    `chain`, one of `augmentation.CHAINS`. With `balanced`, emotions count alike and corpora by the square root of their
    size, else every clip counts alike; `boosts` multiplies what a label's clips count. The learning rate of a member
    without `epochs` halves after 5 of them without progress on the validation speakers, and after `patience` it ends.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    members: tuple[Member, ...] = ()
    gate: bool = False
    intensity: bool = False
    elsewhere: bool = False
    estimator: Callable[[int], Any] | None = None
    own: OwnTerms | None = None
    features: FeatureSettings = field(default_factory=FeatureSettings)
    extra_corpora: tuple[str, ...] = ()
    variants: int = 3
    chain: str = "world"
    balanced: bool = True
    boosts: Mapping[str, float] = field(default_factory=dict)
    label_smoothing: float = 0.05
    patience: int = 15

    @property
    def chooses_epochs(self) -> bool:
        """Whether the validation speakers choose when a network's training ends; where not, they can train it, too."""
        return any(member.epochs is None for member in self.members)

    def load(
        self,
        recordings: Sequence[Recording],
        *,
        variants: int,
        cache: Path,
        jobs: int = -1,
        progress: Callable[[int], Callable[[int, int], None]] = lambda variant: lambda done, all_: None,
    ) -> tuple[Clips, list[Recording]]:
        """`load_clips` with this system's labels, features, augmentation and weights."""
        clips, kept = load_clips(
            recordings,
            self.labels,
            self.features,
            variants=variants,
            chain=self.chain,
            cache=cache,
            jobs=jobs,
            progress=progress,
        )
        return replace(clips, weights=self.weigh(kept)), kept

    def weigh(self, recordings: Sequence[Recording]) -> NDArray[np.float32]:
        """How much each recording counts in training; float32 (recordings,), mean 1."""
        weights = clip_weights(recordings) if self.balanced else np.ones(len(recordings), dtype=np.float32)
        weights = weights * np.array([self.boosts.get(recording.label, 1.0) for recording in recordings], np.float32)
        return weights / weights.mean()


def _warped_and_noisy(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    return noise_or_mask(mask_and_warp(features, rng), rng)


_FOUR = ("ravdess", "crema_d", "nemo", "banglaser")
_SPEECH = ("ravdess",)
_SPEECH_AND_SONG = ("ravdess", "ravdess_song")
_SEVEN = tuple(emotion for emotion in ALL_EMOTIONS if emotion != "disgust")
_TIMBRE = FeatureSettings(kind="timbre", hop=512, frames=1 + CLIP_SAMPLES // 512)  # 94 frames of 59
_TIMBRE_MEANS = FeatureSettings(kind="timbre-aggregated")  # 236
_MEL_DELTAS = FeatureSettings(kind="log-mel-deltas", mel_bands=64, hop=512, frames=1 + CLIP_SAMPLES // 512)  # 94, 192
_MEL_IMAGE = FeatureSettings(kind="log-mel-image", mel_bands=128, hop=377, frames=1 + CLIP_SAMPLES // 377)  # 128, 128
_TWO_IMAGES = FeatureSettings(
    kind="spectrogram-mfcc-image", mel_bands=64, hop=377, frames=1 + CLIP_SAMPLES // 377
)  # 128, 128, 2


def _classical(name: str, about: str, estimator: Callable[[int], Any], claim: float) -> System:
    """A scikit-learn estimator on aggregated MFCC, chroma and contrast, as one project compared them."""
    return System(
        name=name,
        about=f"{about} on MFCC, chroma and contrast, aggregated; eight emotions",
        labels=ALL_EMOTIONS,
        corpora=_SPEECH_AND_SONG,
        estimator=estimator,
        own=OwnTerms(_SPEECH_AND_SONG, stratified=True, accuracy=claim),
        features=_TIMBRE_MEANS,
        variants=0,
    )


def _sequential(name: str, about: str, network: Callable[[Shape, int], "keras.Model"], claim: float) -> System:
    """A network on the same features as sequences, of the same project."""
    return System(
        name=name,
        about=f"{about} on sequences of MFCC, chroma and contrast; eight emotions",
        labels=ALL_EMOTIONS,
        corpora=_SPEECH_AND_SONG,
        members=(Member(network, distort=None, batch=32),),
        own=OwnTerms(_SPEECH_AND_SONG, stratified=True, accuracy=claim),
        features=_TIMBRE,
        variants=0,
        balanced=False,
        label_smoothing=0.0,
        patience=10,
    )


def _augmented(name: str, about: str, member: Member, features: FeatureSettings, claim: float) -> System:
    """A network on speech, and on variants of it that are stretched, noisy or of another pitch."""
    return System(
        name=name,
        about=f"{about}; eight emotions",
        labels=ALL_EMOTIONS,
        corpora=_SPEECH,
        members=(member,),
        own=OwnTerms(_SPEECH, accuracy=claim),
        features=features,
        variants=2,
        chain="studio",
        balanced=False,
        label_smoothing=0.0,
        patience=10,
    )


_DENSE = Member(dense, hears=("summary",), batch=128, learning_rate=2e-3, epochs=25, distort=None)
_ENCODED = replace(_DENSE, epochs=40, steps=1300)  # with more, it learns the corpora by heart
_LINEAR = replace(_ENCODED, network=linear, steps=None, varied=False)
_KNOWN = replace(_ENCODED, network=known_dense, hears=("summary", "voice"))
_KNOWN_LINEAR = replace(_KNOWN, network=known_linear, steps=None, varied=False)

SYSTEMS = {
    system.name: system
    for system in (
        System(
            name="ensemble",
            about="Dense and linear networks on what LSTMs and Whisper make of a voice; knows voices; six emotions",
            labels=DEFAULT_LABELS,
            corpora=_FOUR,
            extra_corpora=("ravdess_song",),
            features=FeatureSettings(kind="encoding"),
            members=(_ENCODED, _ENCODED, _LINEAR, _KNOWN, _KNOWN, _KNOWN_LINEAR),
            gate=True,
            intensity=True,
            elsewhere=True,
        ),
        System(
            name="cnn-lstm-attention",
            about="CNN, bidirectional LSTM and self-attention; six emotions",
            labels=DEFAULT_LABELS,
            corpora=_FOUR,
            members=(Member(cnn_lstm_attention),),
            own=OwnTerms(("ravdess", "crema_d")),
        ),
        System(
            name="statistics",
            about="Dense networks on statistics over the whole clip; quick to train; six emotions",
            labels=DEFAULT_LABELS,
            corpora=_FOUR,
            members=(_DENSE,) * 3,
        ),
        System(
            name="functionals-svm",
            about="RBF support-vector machine on statistics of the 120 features, the yardstick; six emotions",
            labels=DEFAULT_LABELS,
            corpora=_FOUR,
            estimator=estimators.svm,
            features=FeatureSettings(kind="functionals"),
            variants=0,
        ),
        _augmented(
            "conv1d-bigru",
            "Convolutions and bidirectional GRUs on log-mel, delta and delta-delta",
            Member(conv1d_bigru, distort=None, batch=32),
            _MEL_DELTAS,
            0.59,
        ),
        _classical("random-forest", "Random forest", estimators.random_forest, 0.71),
        _classical("knn", "Nearest neighbours", estimators.nearest_neighbours, 0.56),
        _classical("svm", "RBF support-vector machine", estimators.svm, 0.30),
        _sequential("cnn", "CNN", cnn, 0.76),
        _sequential("lstm", "LSTM", lstm, 0.62),
        _sequential("cnn-lstm", "CNN and LSTM", cnn_lstm, 0.72),
        System(
            name="cnn-refined",
            about="Wider CNN with class weights on the same sequences; seven emotions, without disgust",
            labels=_SEVEN,
            corpora=_SPEECH_AND_SONG,
            members=(Member(cnn_refined, batch=32),),
            own=OwnTerms(_SPEECH_AND_SONG, stratified=True, accuracy=0.83, macro_f1=0.83),
            features=_TIMBRE,
            variants=0,
            label_smoothing=0.0,
            patience=10,
        ),
        _augmented(
            "spectrogram-cnn",
            "CNN on pictures of spectrogram and MFCC",
            Member(spectrogram_cnn, distort=None, batch=32),
            _TWO_IMAGES,
            0.70,
        ),
        _augmented(
            "resnet18",
            "ResNet-18 on spectrogram pictures, from ImageNet's weights where a file holds them",
            Member(resnet18, distort=mask_and_warp, batch=32, pretrained=load_imagenet),
            _MEL_IMAGE,
            0.80,
        ),
        System(
            name="cnn-bilstm-attention",
            about="CNN, bidirectional LSTM and attention over time on log-mel pictures; eight emotions",
            labels=ALL_EMOTIONS,
            corpora=_SPEECH_AND_SONG,
            members=(Member(cnn_bilstm_attention, distort=_warped_and_noisy, batch=32, learning_rate=2e-3, epochs=60),),
            own=OwnTerms(_SPEECH_AND_SONG, stratified=True, accuracy=0.82, macro_f1=0.83),
            features=_MEL_IMAGE,
            variants=0,
            boosts={"surprise": 1.5},
            label_smoothing=0.1,
        ),
    )
}
DEFAULT_SYSTEM = "ensemble"
