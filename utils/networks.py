"""The networks that ship, of plain Keras 3 layers only: a clip's normalized inputs -> one logit a label."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from utils.voice_profile import FLAGS

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
INPUTS = ("features", "summary", "voice")
KNOWN_SHARE = 0.6  # of an answer, at most: what is usual for a voice is worth more beside what is usual for all
EMBEDDING = "embedding"


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
    return Model(inputs, classify(layers.GlobalAveragePooling1D()(hidden), labels, (256, 128), dropout=0.4))


def dense(shape: Shape, labels: int) -> "keras.Model":
    """A dense network (128, 64) on a clip's summary: statistics, or its encoding."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    return Model(inputs, classify(_standard(inputs), labels, (128, 64), dropout=0.4))


def known_dense(shape: Shape, voice: Shape, labels: int) -> "keras.Model":
    """The same network on how far a clip's summary is from what is usual for the voice."""
    from keras import Model, layers

    inputs = [layers.Input(shape), layers.Input(voice)]
    return Model(inputs, classify(_beside_usual(*inputs), labels, (128, 64), dropout=0.4))


def linear(shape: Shape, labels: int) -> "keras.Model":
    """Logistic regression on a clip's summary: it can't learn by heart how the speakers of a corpus sound."""
    from keras import Model, layers

    inputs = layers.Input(shape)
    return Model(inputs, _linear(_standard(inputs), labels))


def known_linear(shape: Shape, voice: Shape, labels: int) -> "keras.Model":
    """Logistic regression on what `known_dense` hears."""
    from keras import Model, layers

    inputs = [layers.Input(shape), layers.Input(voice)]
    return Model(inputs, _linear(_beside_usual(*inputs), labels))


def _beside_usual(summary: Any, profile: Any) -> Any:
    """How far a clip's summary is from the voice's mean, in deviations, and of which kind the profile is."""
    from keras import layers

    far = summary - profile[:, :-FLAGS]
    return layers.Concatenate()([_standard(far), profile[:, -FLAGS:]])


def _linear(hidden: Any, labels: int) -> Any:
    from keras import layers, regularizers

    return layers.Dense(labels, kernel_regularizer=regularizers.L2(2e-2))(hidden)


def _standard(summary: Any) -> Any:
    """Each number in deviations from its mean over the training clips, none beyond five."""
    from keras import layers, ops

    scaled = layers.BatchNormalization(center=False, scale=False)(summary)
    return layers.Dropout(0.2)(ops.clip(scaled, -5.0, 5.0))


def classify(hidden: Any, labels: int, dense: Sequence[int], *, dropout: float) -> Any:
    """Dense layers with batch normalization and dropout, then one logit a label; the last hidden one is `EMBEDDING`."""
    from keras import layers, regularizers

    for depth, units in enumerate(dense, 1):
        layer = layers.Dense(units, use_bias=False, kernel_regularizer=regularizers.L2(1e-4))
        active = layers.ReLU(name=EMBEDDING if depth == len(dense) else None)
        hidden = layers.Dropout(dropout)(active(layers.BatchNormalization()(layer(hidden))))
    return layers.Dense(labels)(hidden)


def combine(
    members: Sequence["keras.Model"],
    hears: Sequence[Sequence[str]],
    shapes: Mapping[str, Shape],
    temperatures: tuple[float, float],
    heads: "Mapping[str, keras.Model] | None" = None,
    elsewhere: "keras.Model | None" = None,
) -> "keras.Model":
    """One network of normalized inputs with probabilities.

    The logits of the members that don't hear the voice are averaged; where it is known, the mean of the others takes
    up to `KNOWN_SHARE` of their place, the more so the more clips it was learnt from: by the root of how certain their
    mean is. They are divided by the temperature for an unknown or a known voice, and softmaxed.

    Args:
        members: trained networks.
        hears: for each of them, which of `INPUTS` it takes, in its order.
        shapes: of one clip, for each of `INPUTS`.
        temperatures: while the voice is unknown, and while it is known.
        heads: what else is told by a clip's summary alone, by the outputs' names: summary -> probability.
        elsewhere: what becomes of the logits of those that don't hear the voice: summary, logits -> logits.

    Returns:
        A network of the inputs that are needed, in the order of `INPUTS`, with the outputs probabilities (batch,
        labels), embedding (batch, units), and those of the heads (batch, 1).
    """
    from keras import Model, layers, ops

    needed = {name for names in hears for name in names} | ({"summary"} if heads or elsewhere else set())
    inputs = {name: layers.Input(shapes[name], name=name) for name in INPUTS if name in needed}
    general: list[Any] = []
    known: list[Any] = []
    embeddings: list[Any] = []
    for member, names in zip(members, hears, strict=True):
        embedded = [layer.output for layer in member.layers if layer.name == EMBEDDING]
        inner = Model(member.inputs, [member.outputs[0], *embedded])
        logits, *embedding = inner([inputs[name] for name in names])
        (known if "voice" in names else general).append(logits)
        embeddings += [] if "voice" in names else embedding
    logits, temperature = _mean(general), temperatures[0]
    if elsewhere:
        logits = elsewhere([inputs["summary"], logits])
    if known:
        whether = ops.sum(inputs["voice"][:, -FLAGS:-1], axis=1, keepdims=True)
        certainty = inputs["voice"][:, -1:]  # 0 where it is unknown
        logits = logits + KNOWN_SHARE * ops.sqrt(certainty) * (_mean(known) - logits)
        temperature = temperatures[0] + whether * (temperatures[1] - temperatures[0])
    outputs = {
        "probabilities": layers.Softmax(name="probabilities")(logits / temperature),
        EMBEDDING: layers.Identity(name=EMBEDDING)(_joined(embeddings or general)),
    }
    for name, head in (heads or {}).items():
        outputs[name] = layers.Identity(name=name)(head(inputs["summary"]))
    return Model(inputs, outputs)


def _mean(logits: Sequence[Any]) -> Any:
    from keras import layers

    return layers.Average()(list(logits)) if len(logits) > 1 else logits[0]


def _joined(parts: Sequence[Any]) -> Any:
    from keras import layers

    return layers.Concatenate()(list(parts)) if len(parts) > 1 else parts[0]


def with_scalers(
    network: "keras.Model", scales: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> "keras.Model":
    """The network with the normalization of raw inputs folded in: what is exported for serving.

    `scales` holds mean and deviation for each of its inputs.
    """
    from keras import Model, layers

    inputs, scaled = {}, {}
    for name, tensor in network.input.items():
        mean, deviation = scales[name]
        offset = [-m / d for m, d in zip(mean, deviation, strict=True)]
        raw = layers.Input(tensor.shape[1:], name=f"raw_{name}")
        inputs[raw.name] = raw
        scaled[name] = layers.Rescaling([1 / d for d in deviation], offset)(raw)
    return Model(inputs, network(scaled))
