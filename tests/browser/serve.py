"""The real server as the browser tests start it; takes web_app.py's options.

Words come from the address in TEST_GOOGLE, which speaks Google's wire format. With TEST_STAND_IN the model is
one that a test can foresee: a different emotion in each clip; silence is no speech, and a tone below 100 Hz is
uncertain.
"""

import math
import os
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import soundfile

import web_app
from utils.decoding import SAMPLE_RATE
from utils.emotions import DEFAULT_LABELS
from utils.features import FeatureSettings
from utils.prediction import Examined, Heard, Prediction
from utils.speakers import Who
from utils.summary import summary_size
from utils.timeline import Segment
from utils.transcription import GoogleTranscriber
from utils.voice_profile import VoiceProfile

ORDER = ("happy", "sad", "surprise", "angry", "neutral", "fear")


def pitch(samples):
    """The strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)[spectrum.argmax()])


class StandIn:
    """Goes through ORDER."""

    name, version, model, labels = "stand-in", "0", "stand-in 0", DEFAULT_LABELS
    settings, uncertain_below, knows_voices, tells_voices = FeatureSettings(), 0.0, True, True

    def __init__(self):
        self.turn = count()

    def predict(self, samples, voice=None, among=None):
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
        who = Who(next(iter(among)), 0.9) if among else None
        return Prediction("ok", emotion, sure, shares, seconds / 2, heard, "stand-in 0", who=who)

    def examine(self, samples, voice=None, among=None):
        """See utils.predictor."""
        features = self.features(samples)
        return Examined(self.predict(samples, voice, among), features, self.hear(features[None]))

    def learn_voice(self, recordings, kind):
        """See utils.predictor; one that tells how many recordings there were."""
        return VoiceProfile.of([self.features(None).mean(axis=0).repeat(14) for _ in recordings], kind)

    def read_profile(self, text):
        """See utils.predictor."""
        return VoiceProfile.from_json(text, summary_size(self.settings))

    def features(self, samples):
        """See utils.predictor; always the same."""
        return np.ones(self.settings.shape, dtype=np.float32)

    def hear(self, features, voice=None):
        """See utils.predictor; every clip in a row a little less sure."""
        shares = np.stack([np.full(len(DEFAULT_LABELS), 0.9 - 0.02 * i) for i in range(len(features))])
        return Heard(shares.astype(np.float32), np.ones(len(features)), shares.astype(np.float32))

    def timeline(self, audio, hop=1.0, *, progress=None, voice=None):
        """See utils.predictor: four seconds of each of ORDER, of doubt and of silence; half a minute takes a second."""
        seconds = soundfile.info(audio).duration
        for number in range(math.ceil(seconds / hop)):
            if progress and number % 5 == 0:
                time.sleep(5 / 30)
                progress(number * hop, seconds)
            yield self.segment(number * hop, min(seconds, (number + 1) * hop), int(number * hop // 4) % 8)

    def segment(self, start, end, turn):
        """Of the turn's kind."""
        if turn == 7:
            return Segment(start, end, "no_speech", None, 0.0, {}, False)
        emotion, sure = ORDER[turn % 6], 0.4 if turn == 6 else 0.6 + turn / 20
        shares = {label: sure if label == emotion else (1 - sure) / 5 for label in DEFAULT_LABELS}
        return Segment(start, end, "uncertain" if turn == 6 else "ok", emotion, sure, shares, True)


if __name__ == "__main__":
    web_app.create_app = partial(
        web_app.create_app,
        predictor=StandIn() if "TEST_STAND_IN" in os.environ else None,
        transcriber=GoogleTranscriber(os.environ["TEST_GOOGLE"], timeout=5),
    )
    sys.exit(web_app.main())
