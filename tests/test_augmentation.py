"""Each augmentation does what it says, keeps what it must, and is repeatable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.voices import speak
from tests.test_audio_preprocessing import noise, tone
from utils.audio_preprocessing import pitch, power_spectra
from utils.augmentation import (
    CHAIN,
    CHAINS,
    Augmentation,
    add_noise,
    augment,
    change_gain,
    change_pitch,
    change_voice,
    encode,
    equalize,
    limit_band,
    mask_and_warp,
    noise_or_mask,
    reverberate,
    shift_time,
    stretch,
)
from utils.decoding import SAMPLE_RATE, Samples

ALL: dict[str, Augmentation] = {function.__name__: function for _, function in CHAIN} | {
    "shift_time": shift_time,
    "stretch": stretch,
    "change_pitch": change_pitch,
    "augment": augment,
}
KEEP_LENGTH = set(ALL) - {"change_voice", "stretch", "augment"}
each = pytest.mark.parametrize("augmentation", ALL.values(), ids=list(ALL))


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def band(samples: Samples, low: float, high: float) -> float:
    """Power between two frequencies."""
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return float((np.abs(np.fft.rfft(samples)) ** 2)[(frequencies >= low) & (frequencies < high)].sum())


@pytest.fixture(scope="module")
def voice() -> Samples:
    return speak(2, seed=1)


@each
@pytest.mark.parametrize("sound", [speak(2, seed=1), np.zeros(32_000, np.float32), np.sign(noise(0))])
def test_samples_stay_finite_samples_of_about_their_length(augmentation: Augmentation, sound: Samples) -> None:
    for seed in range(5):
        before = sound.copy()
        changed = augmentation(sound, np.random.default_rng(seed))
        assert changed.dtype == np.float32
        assert changed.ndim == 1
        assert np.isfinite(changed).all()
        assert 0.83 * len(sound) < len(changed) < 1.18 * len(sound)
        assert (sound == before).all(), "the input is left alone"
        if augmentation.__name__ in KEEP_LENGTH:
            assert len(changed) == len(sound)


@each
def test_the_same_seed_gives_the_same_and_another_gives_another(augmentation: Augmentation, voice: Samples) -> None:
    first, again, other = (augmentation(voice, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@each
@settings(max_examples=10, deadline=None)
@given(length=st.integers(800, 40_000), seed=st.integers(0, 2**32 - 1))
def test_any_length_is_taken(augmentation: Augmentation, length: int, seed: int) -> None:
    sound = np.random.default_rng(seed).uniform(-0.5, 0.5, length).astype(np.float32)
    assert np.isfinite(augmentation(sound, np.random.default_rng(seed))).all()


@pytest.mark.parametrize("seed", range(8))
def test_another_voice_has_another_pitch_and_tempo_by_the_same_factor(seed: int) -> None:
    sound = tone(200, harmonics=9)
    changed = change_voice(sound, np.random.default_rng(seed))
    factor = float(np.median(pitch(power_spectra(changed))[0][5:-5])) / 200
    assert 0.86 < factor < 1.16
    assert len(sound) / len(changed) == pytest.approx(factor, rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_stretching_keeps_the_pitch_and_changing_the_pitch_keeps_the_length(seed: int) -> None:
    sound = tone(200, harmonics=9)
    slower, higher = (change(sound, np.random.default_rng(seed)) for change in (stretch, change_pitch))
    assert np.median(pitch(power_spectra(slower))[0][8:-8]) == pytest.approx(200, rel=0.01)
    assert abs(len(slower) / len(sound) - 1) > 0.001
    assert len(higher) == len(sound)
    factor = float(np.median(pitch(power_spectra(higher))[0][8:-8])) / 200
    assert 2 ** (-2.1 / 12) < factor < 2 ** (2.1 / 12)
    assert abs(factor - 1) > 0.001
    assert rms(slower) == pytest.approx(rms(sound), rel=0.15)


@pytest.mark.parametrize("chain", CHAINS)
def test_each_chain_makes_variants(chain: str, voice: Samples) -> None:
    made = [augment(voice, np.random.default_rng(seed), chain) for seed in range(6)]
    assert sum(not np.array_equal(variant, voice) for variant in made) >= 4
    assert all(np.isfinite(variant).all() for variant in made)


@pytest.mark.parametrize("shape", [(128, 128), (94, 59), (128, 128, 2)])
def test_noise_or_a_tenth_masked_or_nothing(shape: tuple[int, ...]) -> None:
    clip = np.random.default_rng(0).normal(3, 1, shape).astype(np.float32)
    before, seen = clip.copy(), set()
    for seed in range(20):
        changed = noise_or_mask(clip, np.random.default_rng(seed))
        assert changed.shape == shape
        assert changed.dtype == np.float32
        blank = (changed == 0).reshape(shape[0], -1).all(axis=1).sum()
        if blank:
            assert blank == shape[0] // 10
            seen.add("masked")
        else:
            assert np.abs(changed - clip).max() < 1
            seen.add("as it was" if np.array_equal(changed, clip) else "noisy")
    assert seen == {"masked", "noisy", "as it was"}
    assert np.array_equal(clip, before)


def test_an_equalizer_colours_a_sound_smoothly_and_moderately(voice: Samples) -> None:
    before = np.abs(np.fft.rfft(voice))
    for seed in range(8):
        gain = 20 * np.log10(np.abs(np.fft.rfft(equalize(voice, np.random.default_rng(seed)))) / before)
        assert 1 < np.abs(gain).max() < 20
        assert np.abs(np.diff(gain))[100:].max() < 0.5


@pytest.mark.parametrize("seed", range(8))
def test_a_limited_band_keeps_the_middle_and_loses_the_ends(seed: int) -> None:
    sound = noise(0)
    changed = limit_band(sound, np.random.default_rng(seed))
    assert band(changed, 600, 2500) == pytest.approx(band(sound, 600, 2500), rel=0.1)
    assert band(changed, 7800, 8000) < 0.6 * band(sound, 7800, 8000)
    assert band(changed, 0, 40) < 0.2 * band(sound, 0, 40)


def test_a_room_rings_on_after_a_click() -> None:
    click = np.eye(1, 16_000, 100, dtype=np.float32)[0]
    for seed in range(8):
        wet = reverberate(click, np.random.default_rng(seed))
        assert wet[100] == pytest.approx(1, abs=1e-4)
        assert np.abs(wet[:100]).max() < 1e-5
        assert 0.01 < (wet[101:] ** 2).sum() < 0.4
        assert rms(wet[101:1000]) > rms(wet[11_000:12_000])


def test_noise_is_5_to_35_db_below_the_speech(voice: Samples) -> None:
    distances = []
    for seed in range(30):
        added = add_noise(voice, np.random.default_rng(seed)) - voice
        distances.append(20 * np.log10(rms(voice) / rms(added)))
    assert 4.9 < min(distances) < 12
    assert 28 < max(distances) < 35.1


def test_silence_stays_silent_under_noise() -> None:
    assert rms(add_noise(np.zeros(16_000, np.float32), np.random.default_rng(0))) < 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_a_codec_leaves_a_similar_but_other_sound(seed: int, voice: Samples) -> None:
    decoded = encode(voice, np.random.default_rng(seed))
    assert not np.array_equal(decoded, voice)
    best = max(np.corrcoef(np.roll(decoded, -delay), voice)[0, 1] for delay in range(-700, 1500))
    assert best > 0.7
    assert rms(decoded) == pytest.approx(rms(voice), rel=0.3)


def test_gain_is_between_minus_18_and_plus_12_db_and_clips(voice: Samples) -> None:
    quiet = voice * np.float32(0.1)
    changes = [20 * np.log10(rms(change_gain(quiet, np.random.default_rng(n))) / rms(quiet)) for n in range(40)]
    assert -18.01 < min(changes) < -12
    assert 6 < max(changes) < 12.01
    assert max(np.abs(change_gain(np.sign(voice), np.random.default_rng(n))).max() for n in range(10)) <= 1


def test_time_is_shifted_by_at_most_400_ms_and_zeros_come_in(voice: Samples) -> None:
    shifts = []
    for seed in range(40):
        changed = shift_time(np.arange(1, 32_001, dtype=np.float32), np.random.default_rng(seed))
        [shift] = np.unique((np.arange(1, 32_001) - changed)[changed > 0])
        assert (changed == 0).sum() == abs(shift)
        shifts.append(shift)
    assert -6400 <= min(shifts) < -3000
    assert 3000 < max(shifts) <= 6400


# --- On features


def test_mask_and_warp_keeps_shape_type_and_input() -> None:
    features = np.random.default_rng(0).normal(size=(174, 120)).astype(np.float32)
    before = features.copy()
    for seed in range(20):
        changed = mask_and_warp(features, np.random.default_rng(seed))
        assert changed.shape == (174, 120)
        assert changed.dtype == np.float32
        assert np.array_equal(features, before)
        assert np.array_equal(changed, mask_and_warp(features, np.random.default_rng(seed)))


def test_frames_come_from_the_clip_in_order_between_08_and_125_times_as_fast() -> None:
    features = np.repeat(np.arange(1, 175, dtype=np.float32)[:, None], 120, axis=1)
    for seed in range(30):
        changed = mask_and_warp(features, np.random.default_rng(seed))
        times = changed.max(axis=1)  # a blanked band doesn't hide a frame
        times = times[times > 0]
        assert set(times) <= set(features[:, 0])
        assert (np.diff(times) >= 0).all()
        moving = (times > 1) & (times < 174)
        speed = np.polyfit(np.flatnonzero(changed.max(axis=1) > 0)[moving], times[moving], 1)[0]
        assert 0.79 < speed < 1.26


def test_at_most_two_stretches_and_two_bands_are_blanked() -> None:
    features = np.ones((174, 120), dtype=np.float32)
    blanked = np.stack([mask_and_warp(features, np.random.default_rng(seed)) for seed in range(60)]) == 0
    frames, bands = blanked.all(axis=2).sum(axis=1), blanked.all(axis=1).sum(axis=1)
    assert frames.max() <= 40
    assert bands.max() <= 20
    assert frames.max() > 10 < bands.max() + 5
    assert (frames == 0).any()
    assert (bands == 0).any()
    assert set(np.unique(np.stack([mask_and_warp(features, np.random.default_rng(n)) for n in range(5)]))) <= {0, 1}


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(21, 300), count=st.integers(11, 200), seed=st.integers(0, 2**32 - 1))
def test_any_settings_can_be_masked(frames: int, count: int, seed: int) -> None:
    features = np.ones((frames, count), dtype=np.float32)
    assert mask_and_warp(features, np.random.default_rng(seed)).shape == (frames, count)
