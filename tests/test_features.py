"""The feature function: its shape, its values against librosa and against a golden array, its bounds."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.voices import speak
from tests.test_audio_preprocessing import clicks, noise, tone
from utils import audio_preprocessing, dataset_loader, decoding, features, predictor
from utils.audio_preprocessing import CLIP_SAMPLES, level, power_spectra
from utils.decoding import SAMPLE_RATE, Samples
from utils.encoder import encode
from utils.features import KINDS, SCALARS, FeatureSettings, extract_features
from utils.spectral import delta

GOLDEN = Path(__file__).parent / "golden" / "features.npz"
SETTINGS = FeatureSettings()
NAMES = SETTINGS.names()
STFT = {"sr": SAMPLE_RATE, "n_fft": 1024, "hop_length": 276, "win_length": 640, "pad_mode": "constant"}
MEL = {"n_mels": 48, "fmin": 50, "htk": True, "norm": "slaney"}


def columns(values: np.ndarray, name: str) -> np.ndarray:
    """The features called `name` or `name 0`, `name 1`, ..."""
    return values[:, [i for i, full in enumerate(NAMES) if full == name or full.rpartition(" ")[0] == name]]


@pytest.fixture(scope="module")
def clip() -> Samples:
    return speak(3, seed=7, pitch=170) + noise(1, amplitude=0.01)


@pytest.fixture(scope="module")
def values(clip: Samples) -> np.ndarray:
    return extract_features(clip, SETTINGS)


def loud(clip: Samples) -> np.ndarray:
    """Frames that are not near silence, where a floor would decide the ratio of two powers."""
    return level(power_spectra(clip)) > -50


SOUNDS = {
    "a voice": speak(3),
    "silence": np.zeros(CLIP_SAMPLES, np.float32),
    "an offset": np.full(CLIP_SAMPLES, 1.0, np.float32),
    "white noise": noise(0),
    "brown noise": noise(2),
    "clipping": np.sign(noise(0)),
    "one sample": np.eye(1, CLIP_SAMPLES, 20_000, dtype=np.float32)[0],
    "the last sample": np.eye(1, CLIP_SAMPLES, CLIP_SAMPLES - 1, dtype=np.float32)[0],
    "clicks": clicks(4000),
    "the highest frequency": np.tile(np.array([1, -1], np.float32), CLIP_SAMPLES // 2),
    "hardly anything": np.full(CLIP_SAMPLES, 1e-30, np.float32),
    "a tone": tone(440),
}


@pytest.mark.parametrize("sound", SOUNDS.values(), ids=list(SOUNDS))
def test_174_frames_of_120_finite_features(sound: Samples) -> None:
    found = extract_features(sound, SETTINGS)
    assert found.shape == (174, 120) == (SETTINGS.frames, SETTINGS.count)
    assert found.dtype == np.float32
    assert np.isfinite(found.astype(np.float16)).all()  # as the cache keeps them


KIND_SETTINGS = {kind: FeatureSettings(kind=kind, hop=600, frames=81, mel_bands=64) for kind in KINDS}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@pytest.mark.parametrize("sound", SOUNDS.values(), ids=list(SOUNDS))
def test_every_kind_is_finite_and_of_the_shape_it_says(kind: str, sound: Samples) -> None:
    found = extract_features(sound, KIND_SETTINGS[kind])
    assert found.shape == KIND_SETTINGS[kind].shape
    assert found.dtype == np.float32
    assert np.isfinite(found.astype(np.float16)).all()  # as the cache keeps them
    assert np.array_equal(found, extract_features(sound.copy(), KIND_SETTINGS[kind]))


@each_kind
def test_every_kind_tells_two_voices_apart_and_survives_json(kind: str) -> None:
    there = FeatureSettings(**json.loads(json.dumps(KIND_SETTINGS[kind].as_dict())))
    assert there == KIND_SETTINGS[kind]
    one, other = (extract_features(speak(3, seed=seed, pitch=pitch), there) for seed, pitch in ((1, 100), (2, 250)))
    assert np.abs(one - other).max() > (0.5 if there.encoded else 1)


def test_an_encoding_is_what_the_encoder_makes_of_the_clip(clip: Samples) -> None:
    settings = FeatureSettings(kind="encoding")
    assert (settings.shape, settings.count, settings.encoded, SETTINGS.encoded) == ((1280,), 1280, True, False)
    assert (extract_features(clip, settings) == encode(clip[None])[0]).all()


def test_kinds_are_of_the_shapes_that_the_systems_tell() -> None:
    def shape(kind: str, hop: int, bands: int) -> tuple[int, ...]:
        return FeatureSettings(kind=kind, hop=hop, frames=1 + CLIP_SAMPLES // hop, mel_bands=bands).shape

    assert shape("log-mel-deltas", 512, 64) == (94, 192)
    assert shape("timbre", 512, 48) == (94, 59)
    assert shape("timbre-aggregated", 276, 48) == (236,)
    assert shape("log-mel-image", 377, 128) == (128, 128)
    assert shape("spectrogram-mfcc-image", 377, 64) == (128, 128, 2)
    assert shape("functionals", 276, 48) == (840,)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of features"):
        FeatureSettings(kind="tea leaves")


def test_kinds_agree_with_the_default_features(clip: Samples, values: np.ndarray) -> None:
    def of(kind: str) -> np.ndarray:
        return extract_features(clip, FeatureSettings(kind=kind))

    timbre = np.concatenate([columns(values, name) for name in ("mfcc", "chroma", "contrast")], axis=1)
    assert np.array_equal(of("timbre"), timbre)
    assert of("timbre-aggregated") == pytest.approx(
        np.concatenate([timbre.mean(0), timbre.std(0), *np.percentile(timbre, [10, 90], axis=0)]), rel=1e-4, abs=1e-3
    )
    assert np.array_equal(of("log-mel-image"), columns(values, "mel"))
    assert np.array_equal(of("log-mel-deltas")[:, :48], columns(values, "mel"))
    assert of("functionals")[:120] == pytest.approx(values.mean(axis=0), rel=1e-4, abs=1e-4)


def test_deltas_are_slopes() -> None:
    line = np.arange(20, dtype=np.float32)[:, None] * np.array([[2, -3]], np.float32)
    assert delta(line)[2:-2] == pytest.approx(np.tile([2, -3], (16, 1)))
    assert delta(np.ones((7, 3), np.float32)) == pytest.approx(0)


def test_the_spectrogram_picture_has_a_tone_in_its_row() -> None:
    image = extract_features(tone(1000), KIND_SETTINGS["spectrogram-mfcc-image"])
    assert (image[3:-3, :, 0].argmax(axis=1) == 1000 // 62.5).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.floats(-12, 0))
def test_features_are_finite_at_any_level(seed: int, exponent: float) -> None:
    sound = np.random.default_rng(seed).uniform(-1, 1, CLIP_SAMPLES).astype(np.float32) * np.float32(10**exponent)
    assert np.isfinite(extract_features(sound, SETTINGS)).all()


@pytest.mark.parametrize(
    "shape", [(CLIP_SAMPLES - 1,), (CLIP_SAMPLES + 1,), (0,), (1, CLIP_SAMPLES), (CLIP_SAMPLES, 2)]
)
def test_another_length_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="48000 samples"):
        extract_features(np.zeros(shape, np.float32), SETTINGS)


def test_the_input_is_left_alone(clip: Samples) -> None:
    before = clip.copy()
    extract_features(clip, SETTINGS)
    assert (clip == before).all()


def test_names_and_count_agree() -> None:
    assert len(NAMES) == len(set(NAMES)) == SETTINGS.count == 120
    assert NAMES[-len(SCALARS) :] == SCALARS


def test_settings_survive_json() -> None:
    other = FeatureSettings(mel_bands=40, mfcc=20, contrast_bands=5, dynamic_range_db=60.0)
    for one in (SETTINGS, other):
        assert FeatureSettings(**json.loads(json.dumps(one.as_dict()))) == one
    assert extract_features(speak(3), other).shape == (174, 40 + 20 + 6 + 12 + 13) == (174, other.count)


def test_training_and_serving_call_the_same_functions() -> None:
    assert predictor.extract_features is dataset_loader.extract_features is features.extract_features
    assert predictor.find_voice is dataset_loader.find_voice is audio_preprocessing.find_voice
    assert predictor.fit_clip is dataset_loader.fit_clip is audio_preprocessing.fit_clip
    assert predictor.load_audio is dataset_loader.load_audio is decoding.load_audio


def test_the_values_are_those_of_the_golden_array() -> None:
    """Made once by `python -m tests.test_features`; who changes the values must train anew."""
    with np.load(GOLDEN) as golden:
        found = extract_features(golden["clip"].astype(np.float32) / 32768, SETTINGS)
        expected = golden["features"]
    scale = expected.std(axis=0) + 1e-3
    close = np.abs(found - expected) / scale < 0.01
    assert close.mean() > 0.999  # another NumPy rounds otherwise, and a rolloff may fall into the next bin


# --- Gain


def test_gain_changes_levels_and_nothing_else(clip: Samples) -> None:
    before, after = (extract_features(sound, SETTINGS) for sound in (clip / 2, clip))
    change, sounding = after - before, loud(clip / 2)
    gain = 20 * np.log10(2)
    assert columns(change, "mel") == pytest.approx(gain, abs=0.01)
    assert columns(change, "energy") == pytest.approx(gain, abs=0.01)
    assert columns(change, "mfcc")[:, 0] == pytest.approx(gain * np.sqrt(48), abs=0.05)
    assert columns(change, "mfcc")[:, 1:] == pytest.approx(0, abs=0.05)
    assert columns(change, "zero crossings") == pytest.approx(0)
    for name in ("chroma", "pitch", "periodicity", "centroid", "bandwidth", "rolloff", "flatness", "tilt", "flux"):
        assert columns(change, name)[sounding] == pytest.approx(0, abs=0.02), name


# --- What the single features say


def test_pitch_is_in_octaves_around_150_hz_where_there_is_a_voice() -> None:
    assert columns(extract_features(tone(300, harmonics=9), SETTINGS), "pitch")[3:-3] == pytest.approx(1, abs=0.02)
    assert columns(extract_features(tone(75, harmonics=9), SETTINGS), "pitch")[3:-3] == pytest.approx(-1, abs=0.02)
    assert np.abs(columns(extract_features(noise(0), SETTINGS), "pitch")).mean() < 0.05


def test_a_note_is_in_its_chroma_in_every_octave() -> None:
    for frequency in (220, 440, 880, 1760):
        chroma = columns(extract_features(tone(frequency), SETTINGS), "chroma")
        assert (chroma[3:-3].argmax(axis=1) == 0).all()


def test_jitter_and_shimmer_tell_a_trembling_voice_from_a_tone() -> None:
    steady, voice = (extract_features(sound, SETTINGS) for sound in (tone(120, harmonics=20), speak(3, pitch=120)))
    for name in ("jitter", "shimmer"):
        assert columns(voice, name).mean() > 10 * columns(steady, name)[3:-3].mean()


def test_flux_is_where_a_sound_begins() -> None:
    sound = np.where(np.arange(CLIP_SAMPLES) < 24_000, 0, noise(0)).astype(np.float32)
    assert abs(int(columns(extract_features(sound, SETTINGS), "flux").argmax()) - 24_000 // 276) <= 2


def test_tilt_tells_dark_from_bright() -> None:
    dark, bright = (columns(extract_features(sound, SETTINGS), "tilt").mean() for sound in (noise(2), noise(0)))
    assert dark < -10 < 5 < bright


# --- Against librosa


@pytest.mark.filterwarnings("default")  # what librosa's own imports warn of is not ours
class TestAgreementWithLibrosa:
    """The same definitions, computed by somebody else."""

    def test_log_mel_within_a_hundredth_of_a_decibel(self, clip: Samples, values: np.ndarray) -> None:
        librosa = pytest.importorskip("librosa")
        power = librosa.feature.melspectrogram(y=clip, **STFT, **MEL)
        expected = librosa.power_to_db(power, ref=1.0, amin=1e-9, top_db=80).T
        assert np.abs(columns(values, "mel") - expected).max() < 0.01

    def test_mfcc_within_a_hundredth_of_a_decibel(self, clip: Samples, values: np.ndarray) -> None:
        librosa = pytest.importorskip("librosa")
        power = librosa.feature.melspectrogram(y=clip, **STFT, **MEL)
        expected = librosa.feature.mfcc(S=librosa.power_to_db(power, ref=1.0, amin=1e-9, top_db=80), n_mfcc=40).T
        assert np.abs(columns(values, "mfcc") - expected).max() < 0.05

    def test_spectral_shape(self, clip: Samples, values: np.ndarray) -> None:
        """Exactly, but for silence, where floors differ: rolloff within a bin, the others within 1%."""
        feature = pytest.importorskip("librosa").feature
        power, frames = power_spectra(clip).T, loud(clip)
        kilohertz = {"S": power, "sr": SAMPLE_RATE, "n_fft": 1024}
        for name, expected in {
            "centroid": feature.spectral_centroid(**kilohertz) / 1000,
            "bandwidth": feature.spectral_bandwidth(**kilohertz) / 1000,
            "flatness": feature.spectral_flatness(S=power, power=1.0, amin=1e-9),
        }.items():
            assert columns(values, name)[frames, 0] == pytest.approx(expected[0][frames], rel=0.01), name
        rolloff = feature.spectral_rolloff(**kilohertz, roll_percent=0.85)[0] / 1000
        assert np.abs(columns(values, "rolloff")[:, 0] - rolloff)[frames].max() < 0.016

    def test_zero_crossings_but_for_the_ends(self, clip: Samples, values: np.ndarray) -> None:
        feature = pytest.importorskip("librosa").feature
        expected = feature.zero_crossing_rate(clip, frame_length=552, hop_length=276)[0]
        assert np.abs(columns(values, "zero crossings")[2:-2, 0] - expected[2:-2]).max() <= 3 / 552

    def test_contrast_is_alike_where_the_bands_are(self, clip: Samples, values: np.ndarray) -> None:
        """librosa takes a bin more of a band's neighbours and of its extremes: alike, not equal."""
        feature = pytest.importorskip("librosa").feature
        power, frames = power_spectra(clip).T, loud(clip)
        expected = feature.spectral_contrast(S=power, sr=SAMPLE_RATE, n_bands=5, fmin=200, quantile=0.1).T
        for band in range(2, 5):
            found = columns(values, "contrast")[frames, band]
            assert np.corrcoef(found, expected[frames, band])[0, 1] > 0.9


if __name__ == "__main__":
    rounded = np.round(speak(3, seed=11, pitch=190, loudness=0.5) * 32768).astype(np.int16)
    made = extract_features(rounded.astype(np.float32) / 32768, SETTINGS)
    np.savez_compressed(GOLDEN, clip=rounded, features=made)
