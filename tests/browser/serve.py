"""The real server as the browser tests start it; takes web_app.py's options.

Words come from the address in TEST_GOOGLE, which speaks Google's wire format. With TEST_STAND_IN the model is
one that a test can foresee: a different emotion in each clip; silence is no speech, and a tone below 100 Hz is
uncertain.
"""

import os
import sys
from functools import partial
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import web_app
from utils.decoding import SAMPLE_RATE
from utils.emotions import DEFAULT_LABELS
from utils.predictor import Prediction
from utils.transcription import GoogleTranscriber

ORDER = ("happy", "sad", "surprise", "angry", "neutral", "fear")


def pitch(samples):
    """The strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)[spectrum.argmax()])


class StandIn:
    """Goes through ORDER."""

    name, version, labels = "stand-in", "0", DEFAULT_LABELS

    def __init__(self):
        self.turn = count()

    def predict(self, samples):
        """See utils.predictor."""
        seconds = len(samples) / SAMPLE_RATE
        if np.abs(samples).max(initial=0) < 0.001:
            return Prediction("no_speech", None, 0.0, {}, 0.0, (0.0, min(3.0, seconds)))
        start = max(0.0, (seconds - 3) / 2)
        heard = (start, min(seconds, start + 3))
        if pitch(samples) < 100:
            unsure = dict(zip(DEFAULT_LABELS, (0.31, 0.05, 0.34, 0.12, 0.14, 0.04), strict=True))
            return Prediction("uncertain", "sad", 0.34, unsure, seconds / 2, heard)
        turn = next(self.turn)
        emotion, sure = ORDER[turn % len(ORDER)], (0.82, 0.57, 0.91, 0.68)[turn % 4]
        weights = np.array([1.0 + (7 * turn + 5 * i) % 11 for i in range(len(DEFAULT_LABELS) - 1)])
        rest = iter((1 - sure) * weights / weights.sum())
        shares = {label: sure if label == emotion else float(next(rest)) for label in DEFAULT_LABELS}
        return Prediction("ok", emotion, sure, shares, seconds / 2, heard)


if __name__ == "__main__":
    web_app.create_app = partial(
        web_app.create_app,
        predictor=StandIn() if "TEST_STAND_IN" in os.environ else None,
        transcriber=GoogleTranscriber(os.environ["TEST_GOOGLE"], timeout=5),
    )
    sys.exit(web_app.main())
