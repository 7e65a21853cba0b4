"""Made-up sounds without a voice: every kind is heard, is reproducible, and no two are the same."""

import numpy as np
import pytest

from benchmarks.gate import NEVER_HEARD, made
from utils.features import FeatureSettings
from utils.sounds import KINDS, make_sound, make_sounds

each = pytest.mark.parametrize("kind", KINDS)


@each
def test_a_sound_is_three_seconds_within_full_scale_and_the_same_again(kind: str) -> None:
    for number in range(5):
        sound = make_sound(kind, (0, number))
        assert sound.shape == (48_000,)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() <= 1
        assert np.array_equal(sound, make_sound(kind, (0, number)))
    if kind != "silence":
        assert np.abs(sound).max() > 1e-3
        assert not np.array_equal(sound, make_sound(kind, (0, 0)))
        assert not np.array_equal(sound, make_sound(kind, (1, 4)))


@pytest.mark.parametrize("kind", NEVER_HEARD)
def test_the_kinds_that_the_gate_is_only_measured_with_are_sounds_too(kind: str) -> None:
    first, second = made(NEVER_HEARD, kind, -20, 2)
    assert first.shape == (48_000,)
    assert first.dtype == np.float32
    assert np.abs(first).max() == pytest.approx(0.1)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, next(made(NEVER_HEARD, kind, -20, 1)))


def test_their_features_stand_kind_by_kind() -> None:
    features = make_sounds(FeatureSettings(), seed=3, each=2)
    assert features.shape == (2 * len(KINDS), 174, 120)
    assert features.dtype == np.float16
    assert np.isfinite(features).all()
