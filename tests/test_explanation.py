"""Explanations: what is taken away is what weighs, and what is usual is no reason."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from benchmarks.voices import speak
from utils.audio_preprocessing import CLIP_SAMPLES
from utils.explanation import PARTS, SIDES, _usual, as_usual, explain, tenths
from utils.features import FeatureSettings, extract_features
from utils.prediction import Heard, Prediction
from utils.resynthesis import through_filter
from utils.voice_profile import VoiceProfile

SETTINGS = FeatureSettings()
LEADING = {"pitch": "pitch", "loudness": "mfcc 0", "brightness": "tilt"}
SURE = Prediction("ok", "happy", 0.9, {"sad": 0.1, "happy": 0.9}, 2.0, (1.0, 4.0))
HIGH = speak(3, seed=2, pitch=330)


@dataclass
class Listener:
    """Hears one feature in some frames, and nothing else: the more of it, the happier."""

    name: str
    frames: slice = field(default_factory=lambda: slice(0, 174))
    labels: tuple = ("sad", "happy")
    settings: FeatureSettings = field(default_factory=FeatureSettings)

    def hear(self, features, voice=None):
        column = SETTINGS.names().index(self.name)
        usual, deviation = (figures[column] for figures in _usual(None))
        happy = 1 / (1 + np.exp((usual - features[:, self.frames, column].mean(axis=1)) / deviation))
        rows = np.stack([1 - happy, happy], axis=1).astype(np.float32)
        return Heard(rows, np.ones(len(rows), dtype=np.float32), rows)


def test_the_moment_that_is_listened_to_weighs_most():
    frames = tenths(SURE.heard, 174)[6]
    explanation = explain(Listener("mel 20", slice(*frames)), HIGH, SURE)
    weights = [part.weight for part in explanation.parts]
    assert int(np.argmax(weights)) == 6
    assert weights[6] > 0.2
    assert max(abs(w) for w in weights[:6] + weights[7:]) < 1e-6
    assert (explanation.parts[0].start, explanation.parts[-1].end) == (1.0, pytest.approx(4.0, abs=0.02))


@dataclass
class Encoded:
    """Hears one number of an encoding."""

    labels: tuple = ("sad", "happy")
    settings: FeatureSettings = field(default_factory=lambda: FeatureSettings(kind="encoding"))

    def hear(self, features, voice=None):
        happy = 0.5 + features[:, 700] / 100
        rows = np.stack([1 - happy, happy], axis=1).astype(np.float32)
        return Heard(rows, np.ones(len(rows), dtype=np.float32), rows)


def test_of_an_encoding_the_sound_of_a_moment_is_taken_away():
    first, end = tenths(SURE.heard, 174)[3]
    silenced = HIGH.copy()
    silenced[first * 276 : end * 276] = 0
    told = Encoded().hear(np.stack([extract_features(clip, Encoded().settings) for clip in (HIGH, silenced)]))
    explanation = explain(Encoded(), HIGH, SURE)
    assert len(explanation.parts) == PARTS
    assert explanation.parts[3].weight == pytest.approx(told.probabilities[0, 1] - told.probabilities[1, 1], abs=1e-6)


BRIGHT = through_filter(speak(3, seed=2, pitch=170), np.array([900, 1100]), np.array([-6, 6]))


@pytest.mark.parametrize(("side", "clip"), [("pitch", HIGH), ("loudness", 3 * HIGH), ("brightness", BRIGHT)])
def test_the_side_that_is_listened_to_is_a_reason(side, clip):
    reasons = explain(Listener(LEADING[side]), np.clip(clip, -1, 1), SURE).reasons
    [found] = [reason for reason in reasons if reason.feature == side]
    assert found.direction == "more"
    assert found.share > 0.1


def test_what_is_usual_for_the_voice_is_no_reason():
    mean = np.tile(extract_features(HIGH, SETTINGS).mean(axis=0), 14).astype(np.float32)
    explanation = explain(Listener("pitch"), HIGH, SURE, VoiceProfile("mixed", 9, mean))
    assert explanation.known_voice
    assert "pitch" not in {reason.feature for reason in explanation.reasons}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("pitch", [110, 320])
def test_a_side_made_usual_is_nearer_to_the_usual(side, pitch):
    clip = speak(3, seed=2, pitch=pitch)
    before, after = (extract_features(sound, SETTINGS) for sound in (clip, as_usual_of(clip, side)))
    assert after.shape == before.shape
    if side in LEADING:
        column = SETTINGS.names().index(LEADING[side])
        usual = _usual(None)[0][column]
        assert abs(after[:, column].mean() - usual) < abs(before[:, column].mean() - usual)


def as_usual_of(clip, side, voice=None):
    return as_usual(clip, extract_features(clip, SETTINGS), side, voice)


def test_a_voice_that_is_as_its_own_usual_stays_as_it_is():
    clip = speak(3, seed=2, pitch=200)
    mean = np.tile(extract_features(clip, SETTINGS).mean(axis=0), 14).astype(np.float32)
    for side in ("pitch", "loudness", "brightness", "timbre"):
        assert as_usual_of(clip, side, VoiceProfile("mixed", 9, mean)) == pytest.approx(clip, abs=2e-4)


@pytest.mark.parametrize("side", SIDES)
def test_silence_made_usual_stays_silent(side):
    assert np.abs(as_usual_of(np.zeros(CLIP_SAMPLES, np.float32), side)).max() < 1e-6


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2.9, 3.0])
def test_tenths_cover_what_was_heard_and_no_padding(seconds):
    spans = tenths((0.0, seconds), 174)
    assert (len(spans), spans[0][0]) == (PARTS, 0)
    assert all(first < end for first, end in spans)
    assert [end for _, end in spans[:-1]] == [first for first, _ in spans[1:]]
    assert spans[-1][1] <= 174
