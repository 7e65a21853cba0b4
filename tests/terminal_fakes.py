"""Stand-ins for the parts that the terminal is injected with."""

import time
from types import ModuleType

import numpy as np

from utils.errors import NothingUnderstoodError, TranscriberUnavailableError, UnreadableAudioError
from utils.prediction import Prediction

LABELS = ("neutral", "happy", "sad", "angry", "fear", "surprise")
TONE = (0.3 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 16_000)).astype(np.float32)


def heard(emotion="angry", confidence=0.75, status="ok"):
    """A prediction as the real predictor makes it; without an emotion for the statuses without speech."""
    if status in ("no_speech", "too_short"):
        return Prediction(status, None, 0.0, {}, 0.0 if status == "no_speech" else 0.2, (0.0, 0.0))
    rest = (1 - confidence) / (len(LABELS) - 1)
    probabilities = {label: confidence if label == emotion else rest for label in LABELS}
    return Prediction(status, emotion, confidence, probabilities, 2.14, (0.0, 3.0))


class FakePredict:
    """Answers by what a file is called (`angry-1.wav`, `silent.wav`, `bad.wav`), or always `answer`."""

    def __init__(self, answer=None):
        self.answer = answer
        self.asked = []

    def __call__(self, audio):
        self.asked.append(audio)
        if self.answer is not None:
            return self.answer
        name = "" if isinstance(audio, np.ndarray) else str(audio).rpartition("/")[2]
        if name.startswith("slow"):
            time.sleep(0.05)
        if name.startswith("bad"):
            raise UnreadableAudioError("This can't be read as sound: use another file.")
        if name.startswith("bug"):
            raise RuntimeError("secret details")
        for status in ("no_speech", "too_short"):
            if name.startswith(status):
                return heard(status=status)
        return heard(status="uncertain" if name.startswith("uncertain") else "ok")


class FakeDevice:
    """Records a tone, remembers what was played; `error` is raised instead."""

    def __init__(self, error=None):
        self.error = error
        self.recorded = []
        self.played = []

    def record(self, seconds, report):
        if self.error is not None:
            raise self.error
        self.recorded.append(seconds)
        report(0.5, 1.5)
        report(0.7, 0.0)
        return TONE

    def play(self, samples):
        self.played.append(samples)


class FakeTranscriber:
    """Answers `text`; nothing understood when it is empty; unavailable when it is None."""

    name = "google"
    languages = ()
    sends_audio_to = "Google"

    def __init__(self, text="dogs are sitting by the door"):
        self.text = text
        self.asked = []

    def transcribe(self, samples, language="en-US"):
        self.asked.append((len(samples), language))
        if self.text is None:
            raise TranscriberUnavailableError("Google can't be reached: check the network connection.")
        if not self.text:
            raise NothingUnderstoodError("No words could be made out.")
        return self.text


class FakePortAudio(ModuleType):
    """sounddevice with one device at 44.1 kHz; PortAudioError is raised where `fails` says."""

    class PortAudioError(Exception):
        pass

    def __init__(self, fails=None):
        super().__init__("sounddevice")
        self.fails = fails
        self.is_open = False
        self.played = None

    def query_devices(self, kind):
        if self.fails == "query":
            raise self.PortAudioError("Error querying device -1")
        return {"default_samplerate": 44_100.0}

    def InputStream(self, samplerate, channels, dtype):  # noqa: N802
        assert (samplerate, channels, dtype) == (44_100, 1, "float32")
        if self.fails == "open":
            raise self.PortAudioError("Device unavailable")
        self.position = 0
        return self

    def __enter__(self):
        self.is_open = True
        return self

    def __exit__(self, *_):
        self.is_open = False

    def read(self, frames):
        if self.fails == "read" and self.position:
            raise self.PortAudioError("Unanticipated host error")
        times = np.arange(self.position, self.position + frames) / 44_100
        self.position += frames
        return (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[:, None], False

    def play(self, samples, rate, blocking):
        if self.fails == "open":
            raise self.PortAudioError("Device unavailable")
        assert blocking
        self.played = (samples, rate)
