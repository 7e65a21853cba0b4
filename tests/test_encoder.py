"""The encoder: what it is made of, what it hears and what it does not, and that it is the right one."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from benchmarks.voices import speak
from import_encoder import ATTENTION, BANDS, HEADS, LSTMS, build, main, read_quantized, read_weights
from tests.test_audio_preprocessing import noise
from utils import encoder as module
from utils.audio_preprocessing import CLIP_SAMPLES
from utils.encoder import ENCODER, ENCODING, FRAMES, UNITS, encode, encoder
from utils.errors import BundleError


def padded(samples: np.ndarray, before: int) -> np.ndarray:
    return np.pad(samples, (before, CLIP_SAMPLES - len(samples) - before)).astype(np.float32)


SHORT = speak(1.5, seed=3)


def test_an_encoding_is_means_and_deviations_of_the_units_of_both_networks() -> None:
    encodings = encode(np.stack([padded(SHORT, 0), noise(1)[:CLIP_SAMPLES]]))
    assert encodings.shape == (2, ENCODING) == (2, 1280)
    assert encodings.dtype == np.float32
    mean, deviation, _, other_deviation = np.split(encodings, np.cumsum([UNITS[0], UNITS[0], UNITS[1]]), axis=1)
    assert np.abs(mean).max() <= 1, "an LSTM's units are no larger"
    assert min(deviation.min(), other_deviation.min()) >= 0
    assert encode(np.empty((0, CLIP_SAMPLES), np.float32)).shape == (0, ENCODING)


def test_a_clip_alone_and_among_louder_ones_is_the_same() -> None:
    clips = np.stack([padded(0.05 * SHORT, 0), padded(SHORT, 100), noise(0, amplitude=0.9)])
    assert (encode(clips)[0] == encode(clips[:1])[0]).all()


def test_silence_around_the_voice_is_not_heard() -> None:
    early, late = encode(np.stack([padded(SHORT, 1600), padded(SHORT, 16_000)]))
    assert late == pytest.approx(early, abs=1e-5)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (299, 299), (1, 299), (0, 299), (7, 9), (7, 10), (298, 299)])
def test_both_halves_have_as_many_frames_and_no_loud_one_is_lost(first: int, last: int) -> None:
    clip = np.zeros(CLIP_SAMPLES, np.float32)
    clip[[first * 160, last * 160]] = 1
    power = module._power(clip)
    assert len(power) % 2 == 0
    assert last - first + 1 <= len(power) <= min(last - first + 6, FRAMES)
    assert power.sum(axis=1).max() > 0.9


def test_a_click_has_an_encoding_too() -> None:
    click = np.zeros((1, CLIP_SAMPLES), np.float32)
    click[0, 20_000] = 1
    assert np.isfinite(encode(click)).all()


def test_quiet_clips_are_as_loud_as_each_other() -> None:
    quiet, quieter = encode(np.stack([padded(0.02 * SHORT, 0), padded(0.002 * SHORT, 0)]))
    assert quieter == pytest.approx(quiet, abs=5e-3)


def test_voices_differ_more_than_two_moments_of_one() -> None:
    low = [padded(speak(2, seed=seed, pitch=100), 0) for seed in (1, 2)]
    high = [padded(speak(2, seed=seed, pitch=250, tract=1.2), 0) for seed in (1, 2)]
    one, again, other, _ = encode(np.stack(low + high))
    assert np.abs(one - other).mean() > 2 * np.abs(one - again).mean()


@pytest.mark.parametrize("clip", [np.zeros(CLIP_SAMPLES), np.full(CLIP_SAMPLES, 1e-30), np.ones(CLIP_SAMPLES)])
def test_what_is_no_sound_has_an_encoding_too(clip: np.ndarray) -> None:
    assert np.isfinite(encode(clip[None].astype(np.float32))).all()


@pytest.mark.parametrize("content", [None, b"", b"another network"])
def test_a_missing_or_changed_encoder_is_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "encoder.onnx").write_bytes(content)
    monkeypatch.setattr(module, "ENCODER", tmp_path / "encoder.onnx")
    encoder.cache_clear()
    with pytest.raises(BundleError, match=r"restore it from the repository"):
        encode(np.zeros((1, CLIP_SAMPLES), np.float32))
    monkeypatch.undo()
    assert encode(np.zeros((1, CLIP_SAMPLES), np.float32)).shape == (1, ENCODING)


def lstm_weights() -> dict[str, np.ndarray]:
    rng, units = np.random.default_rng(0), UNITS[0]
    weights = {}
    for layer, inputs in zip(range(LSTMS), (BANDS[0], units), strict=True):
        shapes = {"weight_ih": (4 * units, inputs), "weight_hh": (4 * units, units), "bias_ih": (4 * units,)}
        for name, shape in {**shapes, "bias_hh": (4 * units,)}.items():
            weights[f"lstm.{name}_l{layer}"] = rng.normal(0, 0.1, shape).astype(np.float32)
    return weights


def whisper_weights() -> dict[str, np.ndarray]:
    rng, units = np.random.default_rng(1), UNITS[1]
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (units, BANDS[1], 3),
        "conv2.weight": (units, units, 3),
        "embed_positions.weight": (400, units),
    }
    for layer in range(ATTENTION):
        place = f"layers.{layer}"
        shapes |= {f"{place}.self_attn.{name}_proj.weight": (units, units) for name in ("q", "k", "v", "out")}
        shapes |= {f"{place}.fc1.weight": (4 * units, units), f"{place}.fc2.weight": (units, 4 * units)}
        shapes |= {f"{place}.{name}_layer_norm.weight": (units,) for name in ("self_attn", "final")}
    for name, shape in list(shapes.items()):
        if "k_proj" not in name and "embed" not in name:
            shapes[name.replace("weight", "bias")] = shape[:1]
    return {
        name: (rng.normal(0, 0.05, shape) + ("norm.weight" in name)).astype(np.float32)
        for name, shape in shapes.items()
    }


def voice_by_hand(weights: dict[str, np.ndarray], power: np.ndarray) -> np.ndarray:
    """The units of the last LSTM, as PyTorch describes it."""
    from librosa.filters import mel

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    steps = power @ mel(sr=16_000, n_fft=400, n_mels=BANDS[0]).T
    for layer in range(LSTMS):
        hidden, cell, told = np.zeros(UNITS[0]), np.zeros(UNITS[0]), []
        from_input, from_hidden = (weights[f"lstm.weight_{kind}_l{layer}"] for kind in ("ih", "hh"))
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        for step in steps:
            enters, forget, news, leaves = np.split(from_input @ step + from_hidden @ hidden + bias, 4)
            cell = sigmoid(forget) * cell + sigmoid(enters) * np.tanh(news)
            hidden = sigmoid(leaves) * np.tanh(cell)
            told.append(hidden)
        steps = np.array(told)
    return steps


def speech_by_hand(weights: dict[str, np.ndarray], power: np.ndarray) -> np.ndarray:
    """The units of Whisper's second layer, as its paper and PyTorch describe them."""
    from librosa.filters import mel
    from scipy.special import erf

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * (1 + erf(x / 2**0.5)) / 2

    def convolved(x: np.ndarray, name: str, stride: int) -> np.ndarray:
        around = np.pad(x, [(1, 1), (0, 0)])
        told = [
            np.einsum("oit,ti->o", weights[f"{name}.weight"], around[at : at + 3]) for at in range(0, len(x), stride)
        ]
        return gelu(np.array(told) + weights[f"{name}.bias"])

    def normal(x: np.ndarray, name: str) -> np.ndarray:
        scaled = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    squares = 2 * power.sum() / 400 / ((np.hanning(401) ** 2).sum() / 160)  # of the samples
    decimal = np.log10(np.maximum(power * 128_000 / squares @ mel(sr=16_000, n_fft=400, n_mels=BANDS[1]).T, 1e-10))
    steps = (np.maximum(decimal, decimal.max() - 8) + 4) / 4
    steps = convolved(convolved(steps, "conv1", 1), "conv2", 2)
    steps = steps + weights["embed_positions.weight"][-len(steps) :]
    for layer in range(ATTENTION):
        place = f"layers.{layer}"
        heard, seen = normal(steps, f"{place}.self_attn_layer_norm"), []
        query, key, value = (
            np.split(linear(heard, f"{place}.self_attn.{name}_proj"), HEADS, axis=1) for name in ("q", "k", "v")
        )
        for head in range(HEADS):
            scores = np.exp(query[head] @ key[head].T / (UNITS[1] / HEADS) ** 0.5)
            seen.append(scores / scores.sum(axis=1, keepdims=True) @ value[head])
        steps = steps + linear(np.concatenate(seen, axis=1), f"{place}.self_attn.out_proj")
        inner = gelu(linear(normal(steps, f"{place}.final_layer_norm"), f"{place}.fc1"))
        steps = steps + linear(inner, f"{place}.fc2")
    return steps


def over_time(told: np.ndarray) -> np.ndarray:
    return np.concatenate([told.mean(axis=0), told.std(axis=0)])


@pytest.mark.parametrize("frames", [2, 40, 300])
def test_the_graph_is_the_networks_that_the_weights_describe(frames: int) -> None:
    lstms, whisper = lstm_weights(), whisper_weights()
    power = np.random.default_rng(1).exponential(0.5, (frames, 201)).astype(np.float32)
    session = onnxruntime.InferenceSession(build(lstms, whisper), providers=["CPUExecutionProvider"])
    [encoding] = session.run(None, {"power": power})
    voice, speech = np.split(encoding, [2 * UNITS[0]])
    halves = [voice_by_hand(lstms, half) for half in np.split(power, 2)]
    assert voice == pytest.approx(over_time(np.concatenate(halves)), abs=0.02)  # eight bits in a layer
    assert np.abs(voice).mean() > 0.01
    expected = over_time(speech_by_hand(whisper, power))
    assert np.corrcoef(speech, expected)[0, 1] > 0.99  # and in all matrices here
    assert np.abs(speech - expected).mean() < 0.1 * np.abs(expected).mean()


def quantized(name: str, values: np.ndarray, axis: int | None) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """A tensor in eight bits, and the node that makes numbers of it."""
    others = tuple(one for one in range(values.ndim) if one != axis)
    scale = np.abs(values).max(axis=others if axis is not None else None) / 127
    shape = [-1 if one == axis else 1 for one in range(values.ndim)] if axis is not None else ()
    small = np.rint(values / scale.reshape(shape)).astype(np.int8)
    parts = {
        f"{name}_quantized": small,
        f"{name}_scale": scale.astype(np.float32),
        f"{name}_zero": np.zeros_like(scale, np.int8),
    }
    how = {} if axis is None else {"axis": axis}
    node = helper.make_node("DequantizeLinear", list(parts), [f"{name}_number"], **how)
    return [node], [numpy_helper.from_array(tensor, part) for part, tensor in parts.items()]


def test_a_quantized_graph_is_read_by_pytorchs_names() -> None:
    rng = np.random.default_rng(2)
    conv, query, key, output = (rng.normal(0, 1, shape) for shape in ((4, 3, 3), (4, 5), (4, 5), (5, 4)))
    bias = rng.normal(0, 1, 4).astype(np.float32)
    nodes, tensors = [], [numpy_helper.from_array(bias, "inner.encoder.layers.0.self_attn.q_proj.bias")]
    tensors.append(numpy_helper.from_array(bias, "inner.encoder.layers.0.fc2.bias"))
    for name, values, axis in (
        ("inner.encoder.conv1.weight", conv, 0),
        ("val_1", query, 1),
        ("val_2", key, None),
        ("val_3", output, 1),
    ):
        more, parts = quantized(name, values, axis)
        nodes, tensors = nodes + more, tensors + parts
    nodes += [
        helper.make_node("MatMul", ["x", "val_2_number"], ["keys"]),
        helper.make_node("Reshape", ["keys", "shape"], ["turned"]),
        helper.make_node("MatMul", ["x", "val_1_number"], ["product"]),
        helper.make_node("Add", ["product", "inner.encoder.layers.0.self_attn.q_proj.bias"], ["queries"]),
        helper.make_node("MatMul", ["queries", "val_3_number"], ["out"]),
        helper.make_node("QuantizeLinear", ["out", "s", "z"], ["small"]),
        helper.make_node("DequantizeLinear", ["small", "s", "z"], ["again"]),
        helper.make_node("Add", ["again", "inner.encoder.layers.0.fc2.bias"], ["end"]),
    ]
    content = helper.make_model(helper.make_graph(nodes, "whisper", [], [], tensors)).SerializeToString()
    found = read_quantized(content)
    expected = {
        "conv1.weight": conv,
        "layers.0.self_attn.q_proj.weight": query.T,
        "layers.0.self_attn.k_proj.weight": key.T,
        "layers.0.fc2.weight": output.T,
    }
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=np.abs(values).max() / 250), name
    assert (found["layers.0.self_attn.q_proj.bias"] == bias).all()


class _Saved:
    """A tensor's storage, pickled by its name only, as PyTorch did."""

    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, values


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return ("storage", "FloatStorage", obj.key, "cpu", obj.values.size) if isinstance(obj, _Saved) else None


def _rebuild_tensor_v2(*_: object) -> None:
    """Named in the pickle only; what reads it rebuilds tensors itself."""


class _Tensor:
    def __init__(self, storage: _Saved, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.arguments = (storage, offset, shape, stride, False, OrderedDict())

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_tensor_v2, self.arguments


def test_a_checkpoint_is_read_without_pytorch_and_runs_nothing(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    values = np.arange(10, dtype="<f4")
    storage = _Saved("1", values)
    state = OrderedDict(whole=_Tensor(storage, 0, (10,), (1,)), turned=_Tensor(storage, 1, (2, 3), (1, 2)))
    file = io.BytesIO()
    for content in (1, 1001, {"little_endian": True}):
        pickle.dump(content, file, protocol=2)
    _Pickler(file, protocol=2).dump({"step": 3, "model_state": state, "optimizer": Harmful()})
    pickle.dump(["1"], file, protocol=2)
    file.write((10).to_bytes(8, "little") + values.tobytes())
    file.seek(0)
    tensors = read_weights(file)
    assert set(tensors) == {"whole", "turned"}
    assert (tensors["whole"] == values).all()
    assert (tensors["turned"] == values[1:7].reshape(3, 2).T).all()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("wheel", ["nowhere.whl", "other.whl", "text.whl"])
def test_a_file_that_is_not_the_wheel_is_refused_in_one_sentence(
    wheel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.whl").write_text("not a package")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as other:
        other.writestr("other/__init__.py", "")
    before = ENCODER.read_bytes()
    with zipfile.ZipFile(tmp_path / "first.whl", "w") as first:
        first.writestr("resemblyzer/pretrained.pt", "unread as long as the other one isn't there")
    assert main([str(tmp_path / wheel), str(tmp_path / wheel)]) == 1
    assert "isn't the wheel with resemblyzer/pretrained.pt" in capsys.readouterr().err
    assert main([str(tmp_path / "first.whl"), str(tmp_path / wheel)]) == 1
    said = capsys.readouterr().err
    assert "isn't the wheel with pipecat/" in said
    assert said.count("\n") == 1
    assert ENCODER.read_bytes() == before
