"""Networks on sequences of frames as student projects build them: (frames, features) -> one logit a label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from utils.networks import Shape, classify

if TYPE_CHECKING:
    import keras


def conv1d_bigru(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (64, 128), bidirectional GRUs (64, 64), dense (64)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    hidden = _convolve(inputs, (64, 128), dropout=0.2)
    hidden = layers.Dropout(0.3)(layers.Bidirectional(layers.GRU(64, return_sequences=True))(hidden))
    hidden = layers.Dropout(0.3)(layers.Bidirectional(layers.GRU(64))(hidden))
    return Model(inputs, classify(hidden, labels, (64,), dropout=0.3))


def cnn(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (64, 128, 256), flattened, dense (128)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    hidden = layers.Flatten()(_convolve(inputs, (64, 128, 256), dropout=0.2))
    return Model(inputs, classify(hidden, labels, (128,), dropout=0.4))


def cnn_refined(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (128, 256, 512), flattened, dense (256, 128)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    hidden = layers.Flatten()(_convolve(inputs, (128, 256, 512), dropout=0.3))
    return Model(inputs, classify(hidden, labels, (256, 128), dropout=0.4))


def lstm(shape: Shape, labels: int) -> "keras.Model":
    """LSTMs (128, 64) on the means of neighbouring frames, dense (64)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    hidden = layers.LSTM(128, return_sequences=True)(layers.AveragePooling1D(2)(inputs))
    hidden = layers.LSTM(64)(layers.Dropout(0.2)(hidden))
    return Model(inputs, classify(layers.Dropout(0.2)(hidden), labels, (64,), dropout=0.3))


def cnn_lstm(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (64, 128), an LSTM (128), dense (64)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    hidden = layers.LSTM(128)(_convolve(inputs, (64, 128), dropout=0.2))
    return Model(inputs, classify(layers.Dropout(0.3)(hidden), labels, (64,), dropout=0.3))


def _convolve(hidden: Any, filters: Sequence[int], *, dropout: float) -> Any:
    """Convolutions over five frames, each halving their number."""
    from keras import layers

    for count in filters:
        hidden = layers.Conv1D(count, 5, padding="same", use_bias=False)(hidden)
        hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
        hidden = layers.Dropout(dropout)(layers.MaxPooling1D(2)(hidden))
    return hidden
