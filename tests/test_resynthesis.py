"""Sound changed on purpose: what should change does, what shouldn't doesn't."""

import numpy as np
import pytest

from benchmarks.voices import speak
from utils.audio_preprocessing import find_voice, fit_clip
from utils.decoding import SAMPLE_RATE, Samples
from utils.features import FeatureSettings, extract_features
from utils.resynthesis import at_pitch, at_speed, through_filter

SETTINGS = FeatureSettings()
VOICE = speak(3, seed=4, pitch=160)


def tone(frequency: float, seconds: float = 1.0) -> Samples:
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def loudest(samples: Samples) -> float:
    """Frequency in hertz."""
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * SAMPLE_RATE / len(samples))


def mean_of(name: str, samples: Samples) -> float:
    return float(
        extract_features(fit_clip(samples, find_voice(samples))[0], SETTINGS)[:, SETTINGS.names().index(name)].mean()
    )


@pytest.mark.parametrize("factor", [0.7, 0.87, 1.0, 1.15, 1.5])
def test_another_speed_changes_the_length_and_not_the_pitch(factor: float) -> None:
    faster = at_speed(tone(220), factor)
    assert (len(faster), faster.dtype) == (round(SAMPLE_RATE / factor), np.float32)
    assert loudest(faster) == pytest.approx(220, abs=3)
    assert np.sqrt(np.mean(faster[2000:-2000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    assert mean_of("pitch", at_speed(VOICE, factor)[: len(VOICE)]) == pytest.approx(mean_of("pitch", VOICE), abs=0.15)


def test_the_same_speed_changes_nothing() -> None:
    assert at_speed(VOICE, 1.0) == pytest.approx(VOICE, abs=1e-6)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_another_pitch_changes_the_pitch_and_not_the_length(factor: float) -> None:
    higher = at_pitch(tone(220), factor)
    assert (len(higher), higher.dtype) == (SAMPLE_RATE, np.float32)
    assert loudest(higher) == pytest.approx(220 * factor, rel=0.02)


def test_a_filter_makes_louder_what_it_is_asked_to() -> None:
    both = tone(300) + tone(3000)
    changed = through_filter(both, np.array([0, 1000, 1001, 8000]), np.array([6.0, 6.0, -20.0, -20.0]))
    spectrum, before = np.abs(np.fft.rfft(changed)), np.abs(np.fft.rfft(both))
    assert 20 * np.log10(spectrum[300] / before[300]) == pytest.approx(6, abs=0.1)
    assert 20 * np.log10(spectrum[3000] / before[3000]) == pytest.approx(-20, abs=0.1)
    assert (len(changed), changed.dtype) == (len(both), np.float32)


@pytest.mark.parametrize("samples", [np.zeros(48_000), np.ones(48_000), np.zeros(1), np.full(700, 0.5)])
def test_what_is_no_voice_stays_finite(samples: np.ndarray) -> None:
    sound = samples.astype(np.float32)
    for changed in (at_speed(sound, 1.2), at_speed(sound, 0.8), at_pitch(sound, 1.3), at_pitch(sound, 0.8)):
        assert np.isfinite(changed).all()
        assert np.abs(changed).max() <= 1.2
