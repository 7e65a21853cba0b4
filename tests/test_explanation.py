"""Explanations: what is taken away is what weighs, and what is usual is no reason."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from utils.explanation import PARTS, SIDES, columns_of, direction, explain, tenths, usual_side
from utils.features import FeatureSettings
from utils.prediction import Heard, Prediction
from utils.voice_profile import VoiceProfile

SETTINGS = FeatureSettings()
PITCH = SETTINGS.names().index("pitch")
SURE = Prediction("ok", "happy", 0.9, {"sad": 0.1, "happy": 0.9}, 2.0, (1.0, 4.0))


@dataclass
class Listener:
    """Hears one column of the features in some frames, and nothing else."""

    column: int
    frames: slice = field(default_factory=lambda: slice(0, 174))
    labels: tuple = ("sad", "happy")
    settings: FeatureSettings = field(default_factory=FeatureSettings)

    def features(self, samples):
        rng = np.random.default_rng(0)
        features = rng.normal(0, 0.1, (174, 120)).astype(np.float32)
        features[:, 0] -= 300
        features[10, 0] = -900  # the quietest
        features[:, PITCH] = 2.0
        features[10] = np.where(np.arange(120) == 0, -900, 0)
        return features

    def hear(self, features, voice=None):
        happy = 1 / (1 + np.exp(-features[:, self.frames, self.column].mean(axis=1)))
        rows = np.stack([1 - happy, happy], axis=1).astype(np.float32)
        return Heard(rows, np.ones(len(rows), dtype=np.float32), rows)


def test_the_moment_that_is_listened_to_weighs_most():
    frames = tenths(SURE.heard, 174)[6]
    explanation = explain(Listener(PITCH, slice(*frames)), np.zeros(48_000), SURE)
    weights = [part.weight for part in explanation.parts]
    assert int(np.argmax(weights)) == 6
    assert weights[6] > 0.2
    assert max(abs(w) for w in weights[:6] + weights[7:]) < 1e-6
    assert (explanation.parts[0].start, explanation.parts[-1].end) == (1.0, pytest.approx(4.0, abs=0.02))


def test_the_side_that_is_listened_to_is_the_reason():
    [reason] = explain(Listener(PITCH), np.zeros(48_000), SURE).reasons
    assert (reason.feature, reason.direction) == ("pitch", "more")
    assert reason.share > 0.1


def test_what_is_usual_for_the_voice_is_no_reason():
    mean = np.tile(Listener(PITCH).features(None).mean(axis=0), 14).astype(np.float32)
    explanation = explain(Listener(PITCH), np.zeros(48_000), SURE, VoiceProfile("mixed", 9, mean))
    assert (explanation.known_voice, explanation.reasons) == (True, ())


@pytest.mark.parametrize("side", [side for side in SIDES if side != "tempo"])
def test_a_side_made_usual_has_no_direction_any_more(side):
    features = usual_side(Listener(PITCH).features(None), side, SETTINGS, None)
    assert direction(features, side, SETTINGS, None) == "usual"
    assert np.isfinite(features).all()


def test_sides_share_no_feature():
    columns = [column for side in SIDES for column in columns_of(side, SETTINGS)]
    assert len(columns) == len(set(columns))


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2.9, 3.0])
def test_tenths_cover_what_was_heard_and_no_padding(seconds):
    spans = tenths((0.0, seconds), 174)
    assert (len(spans), spans[0][0]) == (PARTS, 0)
    assert all(first < end for first, end in spans)
    assert [end for _, end in spans[:-1]] == [first for first, _ in spans[1:]]
    assert spans[-1][1] <= 174
