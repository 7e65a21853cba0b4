"""The neural networks by name, of plain Keras 3 layers only: (174, 120) normalized features -> one logit a label."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import FRAME_HOP
from utils.decoding import SAMPLE_RATE
from utils.emotions import DEFAULT_LABELS

if TYPE_CHECKING:
    import keras

Shape = tuple[int, int]
RHYTHM_BANDS = (0.3, 1.5, 3.0, 5.0, 8.0, 14.0, 28.0)  # Hz; syllables come at 3 to 8


@dataclass(frozen=True)
class Member:
    """One network of a system and how it is trained, in batches of 64 clips.

    `masks`: whether parts of the features are blanked in training, which would spoil statistics over whole clips.
    """

    network: Callable[[Shape, int], "keras.Model"]
    masks: bool = True
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class System:
    """One way to hear emotions: which labels, from which corpora, by which networks.

    The members' logits are averaged. `extra_corpora` only train, they are never validated or tested on. A member's
    learning rate halves after 5 epochs without progress on the validation speakers, and after `patience` it ends.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    members: tuple[Member, ...]
    extra_corpora: tuple[str, ...] = ()
    label_smoothing: float = 0.05
    patience: int = 15


def cnn_lstm_attention(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (64, 128, 256), bidirectional LSTMs (128, 64), 4-head self-attention, dense (256, 128)."""
    from keras import Model, layers, regularizers

    decay = regularizers.L2(1e-4)
    inputs = layers.Input(shape)
    hidden = layers.SpatialDropout1D(0.05)(inputs)
    for filters in (64, 128, 256):
        hidden = layers.Conv1D(filters, 5, padding="same", use_bias=False, kernel_regularizer=decay)(hidden)
        hidden = layers.BatchNormalization()(hidden)
        hidden = layers.ReLU()(hidden)
        hidden = layers.MaxPooling1D(2)(hidden)
        hidden = layers.Dropout(0.2)(hidden)
    for units in (128, 64):
        hidden = layers.Bidirectional(layers.LSTM(units, return_sequences=True))(hidden)
        hidden = layers.Dropout(0.2)(hidden)
    attended = layers.MultiHeadAttention(num_heads=4, key_dim=32, dropout=0.1)(hidden, hidden)
    hidden = layers.LayerNormalization()(layers.Add()([hidden, attended]))
    return Model(inputs, _classify(layers.GlobalAveragePooling1D()(hidden), labels, (256, 128), dropout=0.4))


def statistics(shape: Shape, labels: int) -> "keras.Model":
    """What each feature does over the whole clip, and a dense network (128, 64) on that.

    Mean, deviation, tenth, half and nine tenths of each feature, mean and deviation where attention points, how fast
    it changes, and its rhythm: the modulation spectrum in six bands from 0.3 to 28 Hz.
    """
    from keras import Model, layers, ops

    frames = shape[0]
    inputs = layers.Input(shape)
    moments = _moments(inputs, ops.ones_like(inputs[:, :, :1]) / frames)
    attention = layers.Softmax(axis=1)(layers.Dense(1)(inputs))
    ordered = ops.sort(inputs, axis=1)
    quantiles = [ordered[:, int(share * frames)] for share in (0.1, 0.5, 0.9)]
    steps = inputs[:, 1:] - inputs[:, :-1]
    change = _moments(steps, ops.ones_like(steps[:, :, :1]) / (frames - 1))[1]
    summary = [*moments, *_moments(inputs, attention), *quantiles, change, _rhythm(inputs, frames)]
    hidden = layers.BatchNormalization(center=False, scale=False)(layers.Concatenate()(summary))
    hidden = layers.Dropout(0.2)(ops.clip(hidden, -5.0, 5.0))
    return Model(inputs, _classify(hidden, labels, (128, 64), dropout=0.4))


def _moments(values: Any, weights: Any) -> tuple[Any, Any]:
    """Weighted mean and deviation over the frames; weights (batch, frames, 1) sum to 1."""
    from keras import ops

    mean = ops.sum(values * weights, axis=1)
    square = ops.sum(values * values * weights, axis=1)
    return mean, ops.sqrt(ops.maximum(square - mean * mean, 1e-4))


def _rhythm(inputs: Any, frames: int) -> Any:
    """Log of how strongly each feature swings at each of `RHYTHM_BANDS`; (batch, features x bands)."""
    from keras import layers, ops

    window, rate = np.hanning(frames)[:, None], SAMPLE_RATE / FRAME_HOP
    frequencies = np.arange(RHYTHM_BANDS[0], RHYTHM_BANDS[-1], 0.25)
    angles = 2 * np.pi * np.arange(frames)[:, None] / rate * frequencies
    members = np.digitize(frequencies, RHYTHM_BANDS)[:, None] == np.arange(1, len(RHYTHM_BANDS))

    def project(tracks: Any, matrix: NDArray[np.floating]) -> Any:
        layer = layers.Dense(matrix.shape[1], use_bias=False, trainable=False)
        projected = layer(tracks)
        layer.set_weights([matrix])  # as weights, since a constant of this size would swell the saved configuration
        return projected

    tracks = layers.Permute((2, 1))(inputs - ops.mean(inputs, axis=1, keepdims=True))
    real, imaginary = project(tracks, window * np.cos(angles)), project(tracks, window * np.sin(angles))
    strength = project(ops.sqrt(real * real + imaginary * imaginary + 1e-6), members / members.sum(axis=0))
    return layers.Flatten()(ops.log(strength + 1e-2))


def _classify(hidden: Any, labels: int, dense: tuple[int, int], *, dropout: float) -> Any:
    from keras import layers, regularizers

    for units in dense:
        layer = layers.Dense(units, use_bias=False, kernel_regularizer=regularizers.L2(1e-4))
        hidden = layers.Dropout(dropout)(layers.ReLU()(layers.BatchNormalization()(layer(hidden))))
    return layers.Dense(labels)(hidden)


def combine(members: Sequence["keras.Model"], shape: Shape, temperature: float) -> "keras.Model":
    """One network with probabilities: the members' logits averaged, divided by the temperature, softmaxed."""
    from keras import Model, layers

    inputs = layers.Input(shape, name="features")
    logits = [member(inputs) for member in members]
    average = layers.Average()(logits) if len(logits) > 1 else logits[0]
    scaled = layers.Rescaling(1 / temperature)(average)
    return Model(inputs, layers.Softmax(name="probabilities")(scaled))


def with_scaler(
    network: "keras.Model", shape: Shape, mean: Sequence[float], deviation: Sequence[float]
) -> "keras.Model":
    """The network with the normalization of raw features folded in: what is exported for serving."""
    from keras import Model, layers

    inputs = layers.Input(shape, name="raw_features")
    scale = [1 / d for d in deviation]
    offset = [-m / d for m, d in zip(mean, deviation, strict=True)]
    return Model(inputs, network(layers.Rescaling(scale, offset)(inputs)))


_FOUR = ("ravdess", "crema_d", "nemo", "banglaser")

SYSTEMS = {
    system.name: system
    for system in (
        System(
            name="cnn-lstm-attention",
            about="CNN, bidirectional LSTM and self-attention, beside a network on clip statistics; six emotions",
            labels=DEFAULT_LABELS,
            corpora=_FOUR,
            members=(Member(statistics, masks=False), Member(cnn_lstm_attention)),
        ),
        System(
            name="statistics",
            about="Dense networks on statistics over the whole clip; quick to train; six emotions",
            labels=DEFAULT_LABELS,
            corpora=_FOUR,
            members=(Member(statistics, masks=False),) * 3,
        ),
    )
}
DEFAULT_SYSTEM = "cnn-lstm-attention"
