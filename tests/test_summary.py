"""The summary of a clip: what it holds, and that normalizing it is normalizing the features."""

import numpy as np
import pytest

from utils.features import FeatureSettings
from utils.summary import LEVELS, RHYTHM_BANDS, SPREADS, profile_size, summarize, summary_scale, summary_size

LENGTH, COUNT = 174, 120


def some_features(clips: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(2, 3, (clips, LENGTH, COUNT)).astype(np.float32)


def test_the_blocks_are_what_their_names_say() -> None:
    features = some_features()
    blocks = dict(zip((*LEVELS, *SPREADS), np.split(summarize(features)[:, : 8 * COUNT], 8, axis=1), strict=True))
    assert blocks["mean"] == pytest.approx(features.mean(axis=1), abs=1e-4)
    assert blocks["median"] == pytest.approx(np.sort(features, axis=1)[:, 87], abs=1e-6)
    assert blocks["deviation"] == pytest.approx(features.std(axis=1), abs=1e-4)
    assert blocks["change"] == pytest.approx(np.diff(features, axis=1).std(axis=1), abs=1e-4)
    assert (blocks["tenth"] <= blocks["median"]).all()
    assert (blocks["median"] <= blocks["nine tenths"]).all()
    loud = blocks["mean where loud"][:, 0] - blocks["mean"][:, 0]
    assert (loud > 0).all(), "the loud frames are louder than the others"


def test_a_clip_alone_and_among_others_is_the_same() -> None:
    features = some_features(300)
    together = summarize(features)
    assert together.shape == (300, summary_size(FeatureSettings())) == (300, 1680)
    assert together.dtype == np.float32
    for clip in (0, 255, 256, 299):
        assert summarize(features[clip : clip + 1])[0] == pytest.approx(together[clip], abs=1e-4)


@pytest.mark.parametrize(("hertz", "band"), [(1.0, 0), (4.0, 2), (6.0, 3), (20.0, 5)])
def test_rhythm_is_in_the_band_of_its_frequency(hertz: float, band: int) -> None:
    features = some_features(1) * 0.01
    features[0, :, 7] += np.sin(2 * np.pi * hertz * np.arange(LENGTH) * 276 / 16_000)
    rhythm = summarize(features)[0, 8 * COUNT :].reshape(COUNT, len(RHYTHM_BANDS) - 1)
    assert rhythm[7].argmax() == band
    assert rhythm[7, band] > rhythm[:7].max() + 1


def test_normalizing_a_summary_is_summarizing_normalized_features() -> None:
    features = some_features()
    rng = np.random.default_rng(1)
    mean, deviation = rng.normal(0, 2, COUNT), rng.uniform(0.5, 3, COUNT)
    offset, scale = summary_scale(mean, deviation, 14 * COUNT)
    of_normalized = summarize((features - mean) / deviation)[:, : 5 * COUNT]
    # Where a clip is loud doesn't depend on offset and scale, so the levels are the same.
    assert ((summarize(features) - offset) / scale)[:, : 5 * COUNT] == pytest.approx(of_normalized, abs=2e-2)


@pytest.mark.parametrize("value", [0.0, -100.0, 6e4])
def test_features_that_never_change_are_summarized_without_a_nan(value: float) -> None:
    assert np.isfinite(summarize(np.full((2, LENGTH, COUNT), value, dtype=np.float16))).all()


def test_no_clips_are_no_summaries() -> None:
    assert summarize(np.empty((0, LENGTH, COUNT))).shape == (0, 1680)


@pytest.mark.parametrize("number", [np.float16, np.float32])
@pytest.mark.parametrize("clips", [0, 3])
def test_an_encoding_is_its_own_summary(clips: int, number: type) -> None:
    settings = FeatureSettings(kind="encoding")
    encodings = np.random.default_rng(1).uniform(-1, 1, (clips, 1280)).astype(number)
    summaries = summarize(encodings)
    assert summaries.shape == (clips, summary_size(settings)) == (clips, 1280)
    assert summaries.dtype == np.float32
    assert (summaries == encodings).all()
    mean, deviation = np.arange(1280.0), np.arange(1.0, 1281)
    offset, scale = summary_scale(mean, deviation, 1280)
    assert (offset == mean).all() and (scale == deviation).all()


def test_a_profile_also_holds_what_explanations_go_by() -> None:
    assert profile_size(FeatureSettings()) == summary_size(FeatureSettings()) == 1680
    assert profile_size(FeatureSettings(kind="encoding")) == 120 + 1280
