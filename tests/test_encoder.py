"""The voice encoder: what it is made of, what it hears and what it does not, and that it is the right one."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from benchmarks.voices import speak
from import_encoder import BANDS, LAYERS, build, main, read_weights
from tests.test_audio_preprocessing import noise
from utils import encoder as module
from utils.audio_preprocessing import CLIP_SAMPLES
from utils.encoder import ENCODER, ENCODING, UNITS, encode, encoder
from utils.errors import BundleError


def padded(samples: np.ndarray, before: int) -> np.ndarray:
    return np.pad(samples, (before, CLIP_SAMPLES - len(samples) - before)).astype(np.float32)


SHORT = speak(1.5, seed=3)


def test_an_encoding_is_512_numbers_of_units_between_minus_1_and_1() -> None:
    encodings = encode(np.stack([padded(SHORT, 0), noise(1)[:CLIP_SAMPLES]]))
    assert encodings.shape == (2, ENCODING) == (2, 2 * UNITS)
    assert encodings.dtype == np.float32
    assert np.abs(encodings).max() <= 1
    assert encodings[:, UNITS:].min() >= 0, "deviations"
    assert encode(np.empty((0, CLIP_SAMPLES), np.float32)).shape == (0, ENCODING)


def test_a_clip_alone_and_among_louder_ones_is_the_same() -> None:
    clips = np.stack([padded(0.05 * SHORT, 0), padded(SHORT, 100), noise(0, amplitude=0.9)])
    assert (encode(clips)[0] == encode(clips[:1])[0]).all()


def test_silence_around_the_voice_is_not_heard() -> None:
    early, late = encode(np.stack([padded(SHORT, 1600), padded(SHORT, 16_000)]))
    assert late == pytest.approx(early, abs=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 7, 300])
def test_halves_hold_every_frame(frames: int) -> None:
    power = np.arange(201 * frames, dtype=np.float32).reshape(frames, 201)
    first, second = module._halves(power)
    assert (first[0] == power[0]).all()
    assert (second[-1] == power[-1]).all()
    assert len(first) == len(second) == -(-frames // 2)


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


def some_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    weights = {}
    for layer, inputs in zip(range(LAYERS), (BANDS, UNITS), strict=True):
        shapes = {"weight_ih": (4 * UNITS, inputs), "weight_hh": (4 * UNITS, UNITS), "bias_ih": (4 * UNITS,)}
        for name, shape in {**shapes, "bias_hh": (4 * UNITS,)}.items():
            weights[f"lstm.{name}_l{layer}"] = rng.normal(0, 0.1, shape).astype(np.float32)
    return weights


def by_hand(weights: dict[str, np.ndarray], parts: list[np.ndarray]) -> np.ndarray:
    """The same network, as PyTorch describes it: mean and deviation of all that its units do in the parts."""
    told = np.concatenate([units_by_hand(weights, power) for power in parts])
    return np.concatenate([told.mean(axis=0), told.std(axis=0)])


def units_by_hand(weights: dict[str, np.ndarray], power: np.ndarray) -> np.ndarray:
    from librosa.filters import mel

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    steps = power @ mel(sr=16_000, n_fft=400, n_mels=BANDS).T
    for layer in range(LAYERS):
        hidden, cell, told = np.zeros(UNITS), np.zeros(UNITS), []
        from_input, from_hidden = (weights[f"lstm.weight_{kind}_l{layer}"] for kind in ("ih", "hh"))
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        for step in steps:
            enters, forget, news, leaves = np.split(from_input @ step + from_hidden @ hidden + bias, 4)
            cell = sigmoid(forget) * cell + sigmoid(enters) * np.tanh(news)
            hidden = sigmoid(leaves) * np.tanh(cell)
            told.append(hidden)
        steps = np.array(told)
    return steps


def test_the_graph_is_the_network_that_the_weights_describe() -> None:
    weights, power = some_weights(), np.random.default_rng(1).exponential(0.5, (40, 201)).astype(np.float32)
    session = onnxruntime.InferenceSession(build(weights), providers=["CPUExecutionProvider"])
    [encoding] = session.run(None, {"power": power.reshape(2, 20, -1)})
    assert encoding == pytest.approx(by_hand(weights, [power[:20], power[20:]]), abs=0.01)  # eight bits in a layer
    assert np.abs(encoding).mean() > 0.02


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
    assert main([str(tmp_path / wheel)]) == 1
    said = capsys.readouterr().err
    assert "isn't the wheel of Resemblyzer" in said
    assert said.count("\n") == 1
    assert ENCODER.read_bytes() == before
