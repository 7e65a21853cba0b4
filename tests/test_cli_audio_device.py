import sys

import numpy as np
import pytest

from cli.audio_device import AudioDevice, AudioDeviceError
from tests.terminal_fakes import TONE, FakePortAudio


@pytest.fixture
def portaudio(monkeypatch):
    def install(fails=None):
        fake = FakePortAudio(fails)
        monkeypatch.setitem(sys.modules, "sounddevice", fake)
        return fake

    return install


def test_a_recording_is_resampled_metered_and_the_microphone_let_go(portaudio):
    fake = portaudio()
    reports = []
    samples = AudioDevice().record(3.0, lambda level, left: reports.append((level, left)))
    assert samples.dtype == np.float32 and abs(len(samples) - 48_000) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert np.argmax(spectrum) == 440
    levels, left = zip(*reports, strict=True)
    assert 50 <= len(reports) <= 70 and left[-1] == 0 and list(left) == sorted(left, reverse=True)
    assert all(0.8 < level < 0.9 for level in levels)  # -9 dB
    assert not fake.is_open


def test_a_clip_is_played_at_the_device_s_rate(portaudio):
    fake = portaudio()
    AudioDevice().play(TONE)
    samples, rate = fake.played
    assert rate == 44_100 and abs(len(samples) - 3 * 44_100) <= 1


@pytest.mark.parametrize(
    "fails, words",
    [("query", "There is no microphone"), ("open", "can't be used now"), ("read", "can't be used now")],
)
def test_a_microphone_that_fails_is_one_sentence_and_let_go(portaudio, fails, words):
    fake = portaudio(fails)
    with pytest.raises(AudioDeviceError, match=words):
        AudioDevice().record(3.0, lambda level, left: None)
    assert not fake.is_open


def test_a_loudspeaker_that_fails_is_one_sentence(portaudio):
    portaudio("open")
    with pytest.raises(AudioDeviceError, match="loudspeaker can't be used"):
        AudioDevice().play(TONE)
