"""The neural networks by name, of plain Keras 3 layers only: (174, 120) normalized features -> one logit a label."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

Shape = tuple[int, int]


@dataclass(frozen=True)
class System:
    """One way to hear emotions: which labels, from which corpora, by which network, trained how.

    `extra_corpora` only train, they are never validated or tested on. `members` networks of different seeds are
    trained and their logits averaged. The batch is 64 clips; the learning rate halves after 5 epochs without progress.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    network: Callable[[Shape, int], "keras.Model"]
    extra_corpora: tuple[str, ...] = ()
    members: int = 1
    learning_rate: float = 1e-3
    label_smoothing: float = 0.05
    patience: int = 15


def cnn_lstm_attention(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (64, 128, 256), bidirectional LSTMs (128, 64), 4-head self-attention, dense (256, 128)."""
    from keras import Model, layers, regularizers

    decay = regularizers.L2(1e-4)
    inputs = layers.Input(shape)
    hidden = layers.SpatialDropout1D(0.1)(inputs)
    for filters in (64, 128, 256):
        hidden = layers.Conv1D(filters, 5, padding="same", use_bias=False, kernel_regularizer=decay)(hidden)
        hidden = layers.BatchNormalization()(hidden)
        hidden = layers.ReLU()(hidden)
        hidden = layers.MaxPooling1D(2)(hidden)
        hidden = layers.Dropout(0.3)(hidden)
    for units in (128, 64):
        hidden = layers.Bidirectional(layers.LSTM(units, return_sequences=True))(hidden)
        hidden = layers.Dropout(0.3)(hidden)
    attended = layers.MultiHeadAttention(num_heads=4, key_dim=32, dropout=0.1)(hidden, hidden)
    hidden = layers.LayerNormalization()(layers.Add()([hidden, attended]))
    hidden = layers.GlobalAveragePooling1D()(hidden)
    for units in (256, 128):
        hidden = layers.Dense(units, use_bias=False, kernel_regularizer=decay)(hidden)
        hidden = layers.BatchNormalization()(hidden)
        hidden = layers.ReLU()(hidden)
        hidden = layers.Dropout(0.4)(hidden)
    return Model(inputs, layers.Dense(labels)(hidden))


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


_SIX = ("neutral", "happy", "sad", "angry", "fear", "surprise")

SYSTEMS = {
    system.name: system
    for system in (
        System(
            name="cnn-lstm-attention",
            about="CNN, bidirectional LSTM and self-attention on 120 features; six emotions, four corpora",
            labels=_SIX,
            corpora=("ravdess", "crema_d", "nemo", "banglaser"),
            network=cnn_lstm_attention,
        ),
    )
}
DEFAULT_SYSTEM = "cnn-lstm-attention"
