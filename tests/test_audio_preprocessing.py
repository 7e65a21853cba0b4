"""Frames, pitch, level, where the voice is, and the three seconds that are judged."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.voices import speak
from utils.audio_preprocessing import (
    CLIP_FRAMES,
    CLIP_SAMPLES,
    FRAME_HOP,
    MIN_VOICED_SECONDS,
    Voice,
    find_voice,
    fit_clip,
    level,
    pitch,
    power_spectra,
)
from utils.decoding import SAMPLE_RATE, Samples


def tone(frequency: float, seconds: float = 3.0, amplitude: float = 0.3, harmonics: int = 1) -> Samples:
    """A steady sound with so many harmonics, each weaker than the last, none above half the sample rate."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    orders = [n for n in range(1, harmonics + 1) if n * frequency < SAMPLE_RATE / 2]
    return (amplitude * sum(np.sin(2 * np.pi * n * frequency * time) / n for n in orders)).astype(np.float32)


def noise(slope: float, seconds: float = 3.0, amplitude: float = 0.3, seed: int = 0) -> Samples:
    """Noise whose power falls with frequency: slope 0 is white, 1 pink, 2 brown."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(0, 1, round(seconds * SAMPLE_RATE)))
    shaped = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1.0) ** (slope / 2))
    return (amplitude * shaped / np.abs(shaped).max()).astype(np.float32)


def clicks(every: int, count: int = CLIP_SAMPLES) -> Samples:
    return np.where(np.arange(count) % every == every // 2, np.float32(0.9), np.float32(0))


# --- Spectra, level, pitch


def test_a_clip_has_174_frames_of_513_bins() -> None:
    power = power_spectra(tone(440))
    assert power.shape == (174, 513)
    assert power.dtype == np.float32
    assert CLIP_FRAMES == 174


@pytest.mark.parametrize("frequency", [100, 1000, 4000, 7000])
def test_the_strongest_bin_is_the_tone(frequency: int) -> None:
    strongest = power_spectra(tone(frequency))[5:-5].argmax(axis=1) * SAMPLE_RATE / 1024
    assert np.abs(strongest - frequency).max() <= SAMPLE_RATE / 1024 / 2


def test_frames_are_centred_on_every_hop() -> None:
    at = 100 * FRAME_HOP
    power = power_spectra(np.eye(1, CLIP_SAMPLES, at, dtype=np.float32)[0]).sum(axis=1)
    assert power.argmax() == 100
    assert power[99] == pytest.approx(power[101], rel=1e-3)
    assert np.flatnonzero(power).tolist() == [99, 100, 101]  # 40 ms hold three hops


def test_a_full_scale_sine_is_0_db_and_digital_silence_minus_100() -> None:
    assert level(power_spectra(tone(1000, amplitude=1.0)))[2:-2] == pytest.approx(0, abs=0.05)
    assert level(power_spectra(tone(300, amplitude=0.01)))[2:-2] == pytest.approx(-40, abs=0.05)
    assert level(power_spectra(np.zeros(CLIP_SAMPLES, np.float32))) == pytest.approx(-100)


@pytest.mark.parametrize("harmonics", [1, 3, 30])
@pytest.mark.parametrize("frequency", [75, 110, 157.3, 220, 301, 411, 480])
def test_the_pitch_of_a_tone_is_found_within_1_percent(frequency: float, harmonics: int) -> None:
    found, periodicity = pitch(power_spectra(tone(frequency, harmonics=harmonics)))
    inner = slice(3, -3)
    assert np.abs(found[inner] / frequency - 1).max() < 0.01
    assert periodicity[inner].min() > 0.95


def test_noise_is_hardly_periodic_and_silence_not_at_all() -> None:
    assert np.median(pitch(power_spectra(noise(0)))[1]) < 0.3
    frequency, periodicity = pitch(power_spectra(np.zeros(CLIP_SAMPLES, np.float32)))
    assert (periodicity == 0).all()
    assert np.isfinite(frequency).all()


def test_periodicity_falls_with_noise() -> None:
    clean, hiss = tone(150, harmonics=20), noise(0, amplitude=1.0)
    medians = [np.median(pitch(power_spectra(clean + share * hiss))[1]) for share in (0, 0.1, 0.5, 3.0)]
    assert medians == sorted(medians, reverse=True)
    assert medians[0] > 0.95 > 0.5 > medians[-1]


# --- Where the voice is


@pytest.mark.parametrize("pitch_hz", [85, 120, 200, 330])
@pytest.mark.parametrize("loudness", [0.9, 0.01])
def test_a_voice_is_found_loud_or_quiet(pitch_hz: float, loudness: float) -> None:
    for seed in range(3):
        assert find_voice(speak(3, seed=seed, pitch=pitch_hz, loudness=loudness)).seconds > 1.5


def test_a_monotonous_voice_is_one_too() -> None:
    assert find_voice(speak(3, pitch=110, liveliness=0.03)).seconds > 1.5


@pytest.mark.parametrize("noise_below", [30, 15])
def test_a_voice_is_found_in_noise(noise_below: float) -> None:
    voice = speak(3, loudness=0.5)
    hiss = noise(1, seed=4)
    hiss *= np.sqrt(np.mean(voice**2) / np.mean(hiss**2)) * 10 ** (-noise_below / 20)
    assert find_voice(voice + hiss).seconds > 1


def test_the_voice_is_where_somebody_speaks() -> None:
    samples = np.concatenate([noise(0, 2, 0.001), speak(3, seed=5), noise(0, 2, 0.001)])
    voiced = find_voice(samples).voiced
    speaking = slice(round(2 * SAMPLE_RATE / FRAME_HOP), round(5 * SAMPLE_RATE / FRAME_HOP))
    assert voiced[speaking].sum() == pytest.approx(voiced.sum(), abs=3)


NOT_A_VOICE = {
    "silence": np.zeros(CLIP_SAMPLES, np.float32),
    "nothing": np.zeros(0, np.float32),
    "one sample": np.ones(1, np.float32),
    "an offset": np.full(CLIP_SAMPLES, 0.5, np.float32),
    "the quietest 16-bit noise": np.random.default_rng(0).integers(-1, 2, CLIP_SAMPLES).astype(np.float32) / 32768,
    "one click": clicks(CLIP_SAMPLES),
    "four clicks a second": clicks(4000),
    "a click every 10 ms": clicks(160),
    "clipping noise": np.sign(noise(0)),
    "two notes": tone(150) + tone(190.5),
    **{f"white noise {n}": noise(0, seed=n) for n in range(3)},
    **{f"pink noise {n}": noise(1, seed=n) for n in range(3)},
    **{f"brown noise {n}": noise(2, seed=n) for n in range(3)},
    "half a minute of brown noise": noise(2, 30),
    **{f"a tone of {hz} Hz": tone(hz) for hz in (50, 60, 70, 100, 150, 220, 333.3, 440, 1000, 3000)},
    **{f"a quiet tone of {hz} Hz": tone(hz, amplitude=0.003) for hz in (70, 220)},
    **{f"a buzz of {hz} Hz": tone(hz, harmonics=99) for hz in (50, 60, 100, 220, 440)},
}


@pytest.mark.parametrize("samples", NOT_A_VOICE.values(), ids=list(NOT_A_VOICE))
def test_what_is_no_voice_has_none(samples: Samples) -> None:
    voice = find_voice(samples)
    assert voice.seconds < MIN_VOICED_SECONDS
    assert voice.voiced.shape == (1 + len(samples) // FRAME_HOP,)


def test_seconds_are_the_voiced_frames() -> None:
    voice = find_voice(speak(2))
    assert voice.seconds == pytest.approx(voice.voiced.sum() * FRAME_HOP / SAMPLE_RATE)


def test_looking_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = speak(6, seed=3)
    whole = find_voice(samples)
    monkeypatch.setattr("utils.audio_preprocessing._BLOCK_FRAMES", 50)
    assert (find_voice(samples).voiced == whole.voiced).all()


@pytest.mark.slow
def test_30_minutes_take_little_memory_and_time() -> None:
    samples = np.tile(speak(30, seed=1), 60)
    assert len(samples) == 1800 * SAMPLE_RATE
    tracemalloc.start()
    started = time.process_time()
    voice = find_voice(samples)
    fit_clip(samples, voice)
    took, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert voice.seconds > 600
    assert peak < samples.nbytes + 150 * 2**20
    assert took < 20


# --- The clip


def a_voice(voiced: NDArray[np.bool_]) -> Voice:
    return Voice(voiced, float(voiced.sum()) * FRAME_HOP / SAMPLE_RATE)


@settings(max_examples=100, deadline=None)
@given(length=st.integers(0, 4 * CLIP_SAMPLES), data=st.data())
def test_a_clip_is_a_piece_of_the_recording_or_holds_it(length: int, data: st.DataObject) -> None:
    samples = np.arange(1, length + 1, dtype=np.float32)
    frames = 1 + length // FRAME_HOP
    voiced = np.zeros(frames, dtype=bool)
    first = data.draw(st.integers(0, frames - 1))
    voiced[first : data.draw(st.integers(first, frames))] = True
    clip, start = fit_clip(samples, a_voice(voiced))
    assert clip.shape == (CLIP_SAMPLES,)
    assert clip.dtype == np.float32
    assert clip.flags.c_contiguous
    expected = np.pad(samples, CLIP_SAMPLES)[CLIP_SAMPLES + start :][:CLIP_SAMPLES]
    assert (clip == expected).all()
    if length <= CLIP_SAMPLES:
        assert 2 * start == pytest.approx(length - CLIP_SAMPLES, abs=1)
    else:
        assert 0 <= start <= length - CLIP_SAMPLES


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), density=st.floats(0, 1))
def test_no_other_three_seconds_hold_more_voice(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    samples = np.zeros(int(rng.integers(CLIP_SAMPLES + 1, 5 * CLIP_SAMPLES)), np.float32)
    voiced = rng.random(1 + len(samples) // FRAME_HOP) < density * rng.random(1 + len(samples) // FRAME_HOP)
    _, start = fit_clip(samples, a_voice(voiced))
    assert start % FRAME_HOP == 0
    last = (len(samples) - CLIP_SAMPLES) // FRAME_HOP
    amounts = [int(voiced[first : first + CLIP_FRAMES].sum()) for first in range(last + 1)]
    assert amounts[start // FRAME_HOP] == max(amounts)


@pytest.mark.parametrize("before", [0.5, 3, 7])
def test_a_short_word_in_a_long_recording_is_in_the_middle_of_the_clip(before: float) -> None:
    samples = np.concatenate([np.zeros(round(before * SAMPLE_RATE)), speak(1, seed=2), np.zeros(5 * SAMPLE_RATE)])
    _, start = fit_clip(samples.astype(np.float32), find_voice(samples.astype(np.float32)))
    middle = start / SAMPLE_RATE + 1.5
    assert middle == pytest.approx(max(before + 0.5, 1.5), abs=0.5)


def test_a_recording_without_voice_gives_its_middle() -> None:
    samples = np.zeros(3 * CLIP_SAMPLES, np.float32)
    _, start = fit_clip(samples, find_voice(samples))
    assert start == pytest.approx(CLIP_SAMPLES, abs=FRAME_HOP)


def test_three_seconds_are_themselves() -> None:
    samples = speak(3)
    clip, start = fit_clip(samples, find_voice(samples))
    assert start == 0
    assert (clip == samples).all()
