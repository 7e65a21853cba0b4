"""Networks on pictures of sound: (frames, rows) or (frames, rows, channels) -> one logit a label."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import DataError
from utils.networks import Shape, classify

if TYPE_CHECKING:
    import keras


def spectrogram_cnn(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (16, 32, 64, 128) in two dimensions, the mean of each row over time, dense (128)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    hidden = _convolve(inputs, (16, 32, 64, 128), ((2, 2),) * 4)
    rows = layers.Flatten()(layers.AveragePooling2D((hidden.shape[1], 1))(hidden))
    return Model(inputs, classify(rows, labels, (128,), dropout=0.4))


def cnn_bilstm_attention(shape: Shape, labels: int) -> "keras.Model":
    """Convolutions (16, 32, 64) in two dimensions, a bidirectional LSTM (64), attention over time, dense (64)."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    image = layers.Reshape((*shape, 1))(inputs)
    hidden = _convolve(image, (16, 32, 64), ((2, 2), (2, 4), (2, 4)))
    frames, rows, channels = hidden.shape[1:]
    hidden = layers.Reshape((frames, rows * channels))(hidden)
    hidden = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(hidden)
    attention = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(32, activation="tanh")(hidden)))
    hidden = layers.Flatten()(layers.Dot(axes=1)([attention, hidden]))
    return Model(inputs, classify(layers.Dropout(0.3)(hidden), labels, (64,), dropout=0.3))


def _convolve(hidden: Any, filters: Sequence[int], pools: Sequence[tuple[int, int]]) -> Any:
    """Normalized convolutions; dropout between them would shift the statistics that normalize when it is off."""
    from keras import layers

    for count, pool in zip(filters, pools, strict=True):
        hidden = layers.Conv2D(count, 3, padding="same", use_bias=False)(hidden)
        hidden = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(hidden))  # few steps an epoch: it must keep up
        hidden = layers.MaxPooling2D(pool)(hidden)
    return hidden


def resnet18(shape: Shape, labels: int) -> "keras.Model":
    """ResNet-18 (He et al. 2016, CVPR) on the picture at half its size, in three equal channels.

    Its convolutions and batch normalizations have torchvision's names, by which `load_imagenet` finds them.
    """
    from keras import Model, layers

    inputs = layers.Input(shape)
    half = layers.AveragePooling2D(2)(layers.Reshape((*shape, 1))(inputs))
    hidden = _convolution(layers.Concatenate()([half] * 3), 64, 7, 2, "conv1", "bn1")
    hidden = layers.MaxPooling2D(3, 2, padding="same")(layers.ReLU()(hidden))
    for group, filters in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            stride = 2 if group > 1 and block == 0 else 1
            hidden = _residual(hidden, filters, stride, f"layer{group}.{block}")
    hidden = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(hidden))
    return Model(inputs, layers.Dense(labels)(hidden))


def _residual(before: Any, filters: int, stride: int, name: str) -> Any:
    from keras import layers

    hidden = layers.ReLU()(_convolution(before, filters, 3, stride, f"{name}.conv1", f"{name}.bn1"))
    hidden = _convolution(hidden, filters, 3, 1, f"{name}.conv2", f"{name}.bn2")
    if stride > 1:
        before = _convolution(before, filters, 1, stride, f"{name}.downsample.0", f"{name}.downsample.1")
    return layers.ReLU()(layers.Add()([hidden, before]))


def _convolution(hidden: Any, filters: int, size: int, stride: int, name: str, normal: str) -> Any:
    """Normalized; padded alike on all sides, as torchvision does and Keras' "same" with a stride doesn't."""
    from keras import layers

    padded = layers.ZeroPadding2D(size // 2)(hidden) if size > 1 else hidden
    hidden = layers.Conv2D(filters, size, strides=stride, use_bias=False, name=name)(padded)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=normal)(hidden)


def load_imagenet(network: "keras.Model", file: Path) -> None:
    """Starts a `resnet18` from ImageNet weights.

    Args:
        network: as `resnet18` makes it; its last layer stays as it is.
        file: ResNet-18 in safetensors format with torchvision's names, for example timm/resnet18.tv_in1k of
            the Hugging Face hub.

    Raises:
        DataError: the file can't be read, or holds another network.
    """
    from keras import layers

    try:
        tensors = _read_safetensors(file)
        for layer in network.layers:
            if isinstance(layer, layers.Conv2D):
                layer.set_weights([tensors[f"{layer.name}.weight"].transpose(2, 3, 1, 0)])
            elif isinstance(layer, layers.BatchNormalization):
                parts = ("weight", "bias", "running_mean", "running_var")
                layer.set_weights([tensors[f"{layer.name}.{part}"] for part in parts])
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise DataError(
            f"{file} holds no ResNet-18: name a safetensors file with torchvision's names, "
            "for example that of timm/resnet18.tv_in1k, or leave --weights away to train from scratch."
        ) from error


def _read_safetensors(file: Path) -> dict[str, NDArray[np.float32]]:
    """Tensors by name: 8 bytes with the length of a JSON header, the header, the values."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    values = memoryview(content)[8 + length :]
    return {
        name: np.frombuffer(values[slice(*entry["data_offsets"])], dtype="<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }
