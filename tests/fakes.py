"""Stand-ins for the model and the transcriber, with a history of their calls."""

import wave
from collections import deque

import numpy as np

from utils.emotions import DEFAULT_LABELS
from utils.features import FeatureSettings
from utils.prediction import Examined, Heard, Prediction
from utils.timeline import Segment


def prediction(emotion="happy", confidence=0.7, status="ok", labels=DEFAULT_LABELS, model="fake 0"):
    """A Prediction as the model would make it; `status` as there."""
    if status in {"no_speech", "too_short"}:
        return Prediction(status, None, 0.0, {}, 0.0 if status == "no_speech" else 0.1, (0.0, 0.0), model)
    rest = (1 - confidence) / (len(labels) - 1)
    probabilities = {label: confidence if label == emotion else rest for label in labels}
    return Prediction(status, emotion, confidence, probabilities, 1.5, (0.0, 3.0), model)


def segment(start, end, turn, labels=DEFAULT_LABELS):
    """A Segment as the model would make it; `turn` goes through the labels, "uncertain" and "no_speech"."""
    turn %= len(labels) + 2
    if turn == len(labels) + 1:
        return Segment(start, end, "no_speech", None, 0.0, {}, False)
    found = prediction(labels[turn % len(labels)], 0.5 + turn / 20)
    status = "uncertain" if turn == len(labels) else "ok"
    return Segment(start, end, status, found.emotion, found.confidence, found.probabilities, True)


class FakePredictor:
    """Answers what is queued in `answers` (a Prediction, or an exception to raise), then as `judge` does."""

    name, version, model, labels = "fake", "0", "fake 0", DEFAULT_LABELS
    settings, uncertain_below = FeatureSettings(), 0.0
    knows_voices = tells_voices = False

    def __init__(self, *answers):
        self.answers = deque(answers)
        self.calls = []
        self.warm = False

    def warm_up(self):
        self.warm = True

    def predict(self, audio, voice=None, among=None):
        self.calls.append(audio)
        answer = self.answers.popleft() if self.answers else self.judge(audio)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def examine(self, audio, voice=None, among=None):
        """See utils.predictor."""
        return Examined(self.predict(audio, voice, among), self.features(audio), self.hear(self.features(audio)[None]))

    def features(self, samples):
        """Nothing that could be learnt from."""
        return np.zeros(self.settings.shape, dtype=np.float32)

    def hear(self, features, voice=None):
        """Knows nothing."""
        even = np.full((len(features), len(self.labels)), 1 / len(self.labels), dtype=np.float32)
        return Heard(even, np.ones(len(features), dtype=np.float32), even)

    def timeline(self, audio, hop=1.0, *, progress=None, voice=None):
        """A second of each label in turn, then of uncertainty and of silence; a `pause` before each."""
        self.calls.append(audio)
        with wave.open(str(audio)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
        for number in range(int(np.ceil(seconds / hop))):
            self.pause()
            if progress:
                progress(number * hop, seconds)
            yield segment(number * hop, min(seconds, (number + 1) * hop), number, self.labels)

    def pause(self):
        """For tests that need to be quicker than the analysis."""

    def judge(self, audio):
        """Silence is no speech; everything else is happy."""
        return prediction() if np.abs(audio).max(initial=0) > 0.001 else prediction(status="no_speech")


class FakeTranscriber:
    """Answers what is queued in `answers` (text, or an exception to raise), then always "hello there"."""

    def __init__(self, *answers, name="fake", languages=("en-US", "pl-PL"), sends_audio_to="Somebody"):
        self.name, self.languages, self.sends_audio_to = name, languages, sends_audio_to
        self.answers = deque(answers)
        self.calls = []

    def transcribe(self, samples, language="en-US"):
        self.calls.append((samples, language))
        answer = self.answers.popleft() if self.answers else "hello there"
        if isinstance(answer, Exception):
            raise answer
        return answer
