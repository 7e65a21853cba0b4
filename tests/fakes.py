"""Stand-ins for the model and the transcriber, with a history of their calls."""

from collections import deque

import numpy as np

from utils.emotions import DEFAULT_LABELS
from utils.predictor import Prediction


def prediction(emotion="happy", confidence=0.7, status="ok", labels=DEFAULT_LABELS):
    """A Prediction as the model would make it; `status` as there."""
    if status in {"no_speech", "too_short"}:
        return Prediction(status, None, 0.0, {}, 0.0 if status == "no_speech" else 0.1, (0.0, 0.0))
    rest = (1 - confidence) / (len(labels) - 1)
    probabilities = {label: confidence if label == emotion else rest for label in labels}
    return Prediction(status, emotion, confidence, probabilities, 1.5, (0.0, 3.0))


class FakePredictor:
    """Answers what is queued in `answers` (a Prediction, or an exception to raise), then as `judge` does."""

    name, version, labels = "fake", "0", DEFAULT_LABELS

    def __init__(self, *answers):
        self.answers = deque(answers)
        self.calls = []
        self.warm = False

    def warm_up(self):
        self.warm = True

    def predict(self, audio):
        self.calls.append(audio)
        answer = self.answers.popleft() if self.answers else self.judge(audio)
        if isinstance(answer, Exception):
            raise answer
        return answer

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
