"""The last 3 s of a sound that goes on are the same samples as those of a file that ends there."""

import io

import numpy as np
import pytest
import soundfile

from benchmarks.voices import speak
from utils.decoding import SAMPLE_RATE, load_audio
from utils.errors import AudioError
from utils.live import RATES, LiveWindow

VOICE = speak(5.0, seed=3)


def pcm(samples):
    return np.round(samples * 32767).astype("<i2")


def stream(sound, rate, frame_seconds=0.1):
    """A window that `sound` (int16) went into, frame by frame."""
    window = LiveWindow(rate)
    step = round(frame_seconds * rate)
    for begin in range(0, len(sound), step):
        window.add(sound[begin : begin + step].tobytes())
    return window


def test_it_holds_what_a_file_of_the_last_three_seconds_holds():
    sound = pcm(VOICE)
    file = io.BytesIO()
    soundfile.write(file, sound[-3 * SAMPLE_RATE :], SAMPLE_RATE, format="WAV", subtype="PCM_16")
    window = stream(sound, SAMPLE_RATE)
    np.testing.assert_array_equal(window.samples(), load_audio(file.getvalue()))
    assert window.samples().dtype == np.float32
    assert window.seconds == pytest.approx(5.0)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_any_rate_becomes_what_the_decoder_makes_of_the_same_file(rate):
    sound = pcm(np.interp(np.arange(2 * rate) / rate, np.arange(len(VOICE)) / SAMPLE_RATE, VOICE))
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="WAV", subtype="PCM_16")
    whole = load_audio(file.getvalue())
    heard = stream(sound, rate).samples()
    assert 0 <= len(whole) - len(heard) < 0.05 * SAMPLE_RATE  # what the resampler still holds back
    np.testing.assert_allclose(heard, whole[: len(heard)], atol=1e-6)


def test_the_size_of_frames_makes_no_difference():
    sound = pcm(VOICE)
    np.testing.assert_array_equal(
        stream(sound, 44_100, 0.013).samples()[:100], stream(sound, 44_100, 0.4).samples()[:100]
    )


@pytest.mark.parametrize("frame", [b"", b"x", b"xyz"])
def test_a_frame_with_half_a_sample_changes_nothing(frame):
    window = stream(pcm(VOICE), SAMPLE_RATE)
    before = window.samples().copy()
    with pytest.raises(AudioError, match="two bytes"):
        window.add(frame)
    np.testing.assert_array_equal(window.samples(), before)
    assert window.seconds == pytest.approx(5.0)


@pytest.mark.parametrize("rate", [0, -16_000, RATES[0] - 1, RATES[-1] + 1])
def test_no_other_rate(rate):
    with pytest.raises(AudioError, match="rate"):
        LiveWindow(rate)


def test_memory_does_not_grow():
    window = LiveWindow()
    for _ in range(200):
        window.add(bytes(32_000))
    assert window.samples().size == 3 * SAMPLE_RATE
    assert window.samples().base is None or window.samples().base.size < 5 * SAMPLE_RATE
    assert window.seconds == 200
