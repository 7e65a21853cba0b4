"""Makes utils/encoder.onnx of the weights that the package Resemblyzer carries. Nothing else needs that package.

pip download --no-deps resemblyzer==0.1.4
python import_encoder.py Resemblyzer-0.1.4-py3-none-any.whl
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
from utils.encoder import ENCODER, UNITS, WINDOW

Weights = Mapping[str, NDArray[np.float32]]
LAYERS = 2  # of three: the last one keeps who speaks, and little of how
BANDS = 40
_IN_PACKAGE = "resemblyzer/pretrained.pt"
_OPSET, _IR = 17, 9  # as the networks' graphs: ONNX Runtime 1.20 runs them


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the wheel that the command line names and writes `ENCODER`; exit code 1 where it is another file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the package, as pip downloads it")
    wheel = parser.parse_args(argv).wheel
    try:
        with zipfile.ZipFile(wheel) as package:
            checkpoint = package.read(_IN_PACKAGE)
    except (OSError, zipfile.BadZipFile, KeyError):
        print(f"{wheel} isn't the wheel of Resemblyzer: get it by the command in --help.", file=sys.stderr)
        return 1
    ENCODER.write_bytes(build(read_weights(io.BytesIO(checkpoint))))
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


def build(weights: Weights) -> bytes:
    """An ONNX graph: power spectra of the parts of a clip (parts, frames, 201) -> its encoding (512,).

    The second layer's weights have eight bits. The first layer's don't: what it hears would be rounded with them, and
    power that isn't logarithmic would lose all but the loudest 24 dB.
    """
    how = {"op_types_to_quantize": ["LSTM"], "per_channel": True, "weight_type": QuantType.QInt8}
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        onnx.save(_graph(weights), plain)
        quantize_dynamic(plain, small, nodes_to_exclude=["directed0"], **how)
        return small.read_bytes()


def _graph(weights: Weights) -> onnx.ModelProto:
    filters = mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=BANDS).T.astype(np.float32)
    tensors = {"filters": filters, "direction": np.array([1])}
    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("MatMul", ["power", "filters"], "mel", {}),
        ("Transpose", ["mel"], "hidden0", {"perm": [1, 0, 2]}),
    ]
    for layer in range(LAYERS):
        biases = [_gates(weights[f"lstm.bias_{kind}_l{layer}"]) for kind in ("ih", "hh")]
        tensors |= {
            f"input{layer}": _gates(weights[f"lstm.weight_ih_l{layer}"])[None],
            f"recurrent{layer}": _gates(weights[f"lstm.weight_hh_l{layer}"])[None],
            f"bias{layer}": np.concatenate(biases)[None],
        }
        inputs = [f"hidden{layer}", f"input{layer}", f"recurrent{layer}", f"bias{layer}"]
        nodes += [
            ("LSTM", inputs, f"directed{layer}", {"hidden_size": UNITS}),
            ("Squeeze", [f"directed{layer}", "direction"], f"hidden{layer + 1}", {}),
        ]
    hidden = f"hidden{LAYERS}"
    over_time: dict[str, Any] = {"axes": [0, 1], "keepdims": 0}
    nodes += [
        ("ReduceMean", [hidden], "mean", over_time),
        ("Sub", [hidden, "mean"], "beside", {}),
        ("Mul", ["beside", "beside"], "square", {}),
        ("ReduceMean", ["square"], "variance", over_time),
        ("Sqrt", ["variance"], "deviation", {}),
        ("Concat", ["mean", "deviation"], "encoding", {"axis": 0}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], output, **how) for kind, inputs, output, how in nodes],
        "voice encoder",
        [helper.make_tensor_value_info("power", TensorProto.FLOAT, ["parts", "frames", 1 + WINDOW // 2])],
        [helper.make_tensor_value_info("encoding", TensorProto.FLOAT, [2 * UNITS])],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def _gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """PyTorch's order of gates (input, forget, cell, output) in that of ONNX (input, output, forget, cell)."""
    enters, forget, cell, leaves = np.split(values, 4)
    return np.concatenate([enters, leaves, forget, cell])


if __name__ == "__main__":
    sys.exit(main())
