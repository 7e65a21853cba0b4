"""Made-up data/ folders and bundles, small enough for every test to have its own."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.voices import speak
from utils.audio_preprocessing import find_voice, fit_clip
from utils.decoding import Samples, encode_wav
from utils.emotions import DEFAULT_LABELS
from utils.features import FeatureSettings, extract_features
from utils.model_bundle import ONNX, SPEAKERS, mark, seal
from utils.speaker_fit import fit_speakers
from utils.speakers import Speakers
from utils.summary import summarize

MANNERS = {
    "neutral": {"pitch": 110.0, "liveliness": 0.1, "tempo": 4.0},
    "happy": {"pitch": 190.0, "liveliness": 0.6, "tempo": 5.0},
    "sad": {"pitch": 95.0, "liveliness": 0.15, "tempo": 2.5},
    "angry": {"pitch": 170.0, "liveliness": 0.3, "tempo": 6.0},
    "fear": {"pitch": 250.0, "liveliness": 0.2, "tempo": 6.0},
    "surprise": {"pitch": 230.0, "liveliness": 0.9, "tempo": 3.5},
}
"""How made-up people speak when they feel something."""


def fill(data: Path, speakers: Iterable[str], *, takes: int = 1, seconds: float = 1.5) -> None:
    """`takes` recordings of each default emotion by each speaker ("AB0"), named as if they were nEMO's."""
    codes = {"happy": "happiness", "sad": "sadness", "angry": "anger", "surprise": "surprised"}
    for number, speaker in enumerate(speakers):
        for emotion, manner in MANNERS.items():
            (data / emotion).mkdir(parents=True, exist_ok=True)
            for take in range(takes):
                seed = 1000 * number + 10 * take + DEFAULT_LABELS.index(emotion)
                samples = speak(seconds, seed=seed, tract=0.9 + 0.05 * (number % 5), **manner)
                name = f"nemo__{speaker}__{speaker}_{codes.get(emotion, emotion)}_{take + 1}.wav"
                (data / emotion / name).write_bytes(encode_wav(samples))


@cache
def _usual() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A summary, and how far another one is from it."""
    one, other = (summary_of(speak(2, seed=1, pitch=pitch)) for pitch in (120.0, 200.0))
    return one, np.abs(other - one) + 0.1


def summary_of(samples: Samples) -> NDArray[np.float32]:
    """As a Predictor makes it; float32 (1,680,)."""
    clip, _ = fit_clip(samples, find_voice(samples))
    return summarize(extract_features(clip, FeatureSettings())[None])[0]


def person(number: int, clips: int = 6) -> NDArray[np.float32]:
    """Summaries (clips, 1,680) of a made-up person: people differ in a few ways, clips in all."""
    usual, spread = _usual()
    ways = np.random.default_rng(0).normal(size=(12, len(usual)))
    rng = np.random.default_rng(number)
    moods = rng.normal(0, 5, (clips, len(usual)))
    return (usual + spread * (rng.normal(size=12) @ ways + moods)).astype(np.float32)


def people(numbers: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Summaries (clips, 1,680) of made-up people, and "corpus person" of each."""
    found = {f"made_up made_up-{number}": person(number) for number in numbers}
    return np.concatenate(list(found.values())), np.repeat(list(found), [len(clips) for clips in found.values()])


@cache
def tiny_speakers() -> Speakers:
    """What tells made-up people apart, learnt from some of them."""
    some, names = people(range(30))
    fitted = fit_speakers([some], names, *people(range(30, 40)))
    assert fitted
    return fitted


def tiny_onnx(labels: Sequence[str] = DEFAULT_LABELS, seed: int = 0, intensity: float | None = None) -> bytes:
    """A network of the served kind, (clips, 174, 120) -> (clips, labels): the mean frame through one layer.

    The mean frame is the embedding. With an `intensity`, everything is expressed as strongly as that.
    """
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.01, (120, len(labels))).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["raw_features"], ["embedding"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
            *(
                []
                if intensity is None
                else [helper.make_node("Gemm", ["embedding", "nothing", "always"], ["intensity"])]
            ),
        ],
        "tiny",
        [helper.make_tensor_value_info("raw_features", TensorProto.FLOAT, ["clips", 174, 120])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["clips", len(labels)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["clips", 120]),
            *(
                []
                if intensity is None
                else [helper.make_tensor_value_info("intensity", TensorProto.FLOAT, ["clips", 1])]
            ),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.zeros((120, 1), dtype=np.float32), "nothing"),
            numpy_helper.from_array(np.array([intensity or 0.0], dtype=np.float32), "always"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def voice_onnx(labels: Sequence[str] = DEFAULT_LABELS, seed: int = 0) -> bytes:
    """As `tiny_onnx`, but hears the mean frame against the mean of the voice; the mean frame is the embedding."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(seed).normal(0, 0.01, (120, len(labels))).astype(np.float32)
    bounds = {"first": [0], "end": [120], "axis": [1]}
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["raw_features"], ["embedding"], axes=[1], keepdims=0),
            helper.make_node("Slice", ["raw_voice", "first", "end", "axis"], ["usual"]),
            helper.make_node("Sub", ["embedding", "usual"], ["beside"]),
            helper.make_node("MatMul", ["beside", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
        ],
        "tiny",
        [
            helper.make_tensor_value_info("raw_features", TensorProto.FLOAT, ["clips", 174, 120]),
            helper.make_tensor_value_info("raw_voice", TensorProto.FLOAT, ["clips", 1683]),
        ],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["clips", len(labels)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["clips", 120]),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            *(numpy_helper.from_array(np.array(value, dtype=np.int64), name) for name, value in bounds.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def tiny_bundle(
    folder: Path,
    labels: Sequence[str] = DEFAULT_LABELS,
    *,
    uncertain_below: float = 0.0,
    onnx: bytes | None = None,
    unheard: Sequence[str] = (),
    speakers: bytes | None = None,
) -> Path:
    """A sealed bundle around `tiny_onnx`, or around other bytes; with `speakers`, it tells voices apart by these."""
    folder.mkdir(parents=True, exist_ok=True)
    if speakers:
        (folder / SPEAKERS).write_bytes(speakers)
    (folder / ONNX).write_bytes(tiny_onnx(labels) if onnx is None else onnx)
    (folder / "README.md").write_text("A made-up model card.\n")
    manifest: dict[str, object] = {
        "system": "made-up",
        "labels": list(labels),
        "features": FeatureSettings().as_dict(),
        "uncertain_below": uncertain_below,
        "metrics": {"uar": 0.5},
        **({"unheard": sorted(map(mark, unheard))} if unheard else {}),
    }
    seal(folder, manifest)
    return folder
