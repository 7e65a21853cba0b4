"""The declarations: each is whole, and each weighs its clips as it says."""

from pathlib import Path

import numpy as np
import pytest

from utils.audio_preprocessing import CLIP_SAMPLES
from utils.augmentation import CHAINS
from utils.corpora import CORPORA, Placed
from utils.dataset_loader import Recording
from utils.emotions import ALL_EMOTIONS
from utils.systems import SYSTEMS, System

CLAIMS = {
    "conv1d-bigru": 0.59, "random-forest": 0.71, "knn": 0.56, "svm": 0.30, "cnn": 0.76, "lstm": 0.62, "cnn-lstm": 0.72,
    "cnn-refined": 0.83, "spectrogram-cnn": 0.70, "resnet18": 0.80, "cnn-bilstm-attention": 0.82,
}  # fmt: skip
each = pytest.mark.parametrize("system", SYSTEMS.values(), ids=list(SYSTEMS))


@each
def test_a_declaration_is_whole(system: System) -> None:
    assert SYSTEMS[system.name] is system
    assert bool(system.members) != bool(system.estimator)
    assert set(system.labels) <= set(ALL_EMOTIONS)
    assert len(set(system.labels)) == len(system.labels)
    assert {*system.corpora, *system.extra_corpora} <= set(CORPORA)
    assert system.chain in CHAINS
    assert system.features.frames == 1 + CLIP_SAMPLES // system.features.hop
    assert set(system.boosts) <= set(system.labels)
    assert system.about and len(system.about) < 110
    if system.estimator:
        assert len(system.features.shape) == 1


def test_every_claim_is_declared_with_its_terms() -> None:
    declared = {name: s.own.accuracy for name, s in SYSTEMS.items() if s.own and s.own.accuracy is not None}
    assert declared == CLAIMS
    song = {name for name, s in SYSTEMS.items() if s.own and "ravdess_song" in s.own.corpora}
    assert song == {"random-forest", "knn", "svm", "cnn", "lstm", "cnn-lstm", "cnn-refined", "cnn-bilstm-attention"}
    assert all(system.own.stratified == (name in song) for name, system in SYSTEMS.items() if system.own)
    assert "disgust" not in SYSTEMS["cnn-refined"].labels
    assert SYSTEMS["cnn-lstm-attention"].own


def recordings(counts: dict[str, int]) -> list[Recording]:
    return [
        Recording(Path(f"{label}-{i}.wav"), label, Placed(label, "ravdess", f"ravdess-{i:02}", str(i), None))
        for label, count in counts.items()
        for i in range(count)
    ]


def test_weights_are_balanced_boosted_or_equal_as_declared() -> None:
    some = recordings({"neutral": 20, "surprise": 40})
    plain = SYSTEMS["conv1d-bigru"].weigh(some)
    assert plain == pytest.approx(1)
    for name, boost in (("cnn-refined", 1.0), ("cnn-bilstm-attention", 1.5)):
        weights = SYSTEMS[name].weigh(some)
        assert weights.dtype == np.float32
        assert weights.mean() == pytest.approx(1)
        assert weights[20:].sum() / weights[:20].sum() == pytest.approx(boost, rel=1e-3)
