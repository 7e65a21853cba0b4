"""The engine behind every door, on a tiny network made here, and on the bundle that ships."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks.voices import speak
from tests.made_up import tiny_bundle, tiny_onnx
from tests.test_audio_preprocessing import noise, tone
from utils.audio_preprocessing import find_voice, fit_clip
from utils.decoding import encode_wav, load_audio
from utils.emotions import DEFAULT_LABELS
from utils.encoder import ENCODER
from utils.errors import AudioNotFoundError, BundleError, NoSpeechError, TooShortError, UnreadableAudioError
from utils.features import FeatureSettings, extract_features
from utils.model_bundle import ONNX, verify_files
from utils.prediction import Prediction
from utils.predictor import Predictor
from utils.summary import profile_size, summarize, summary_size

pytest.importorskip("onnx")

SHIPPED = Path(__file__).parents[1] / "models"
ships = (SHIPPED / "bundle.json").is_file()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(
    scope="module",
    params=["made-up", pytest.param("shipped", marks=pytest.mark.skipif(not ships, reason="no model ships yet"))],
)
def predictor(request: pytest.FixtureRequest, folder: Path) -> Predictor:
    return Predictor.load(folder if request.param == "made-up" else SHIPPED)


def at(seconds: float, begin: float, length: float, seed: int = 1) -> np.ndarray:
    """Silence, with somebody speaking for a while."""
    samples = np.zeros(round(seconds * 16_000), np.float32)
    voice = speak(length, seed=seed)
    first = round(begin * 16_000)
    samples[first : first + len(voice)] = voice
    return samples


# --- What a prediction says


@pytest.mark.parametrize("seed", range(4))
def test_a_voice_gets_probabilities_in_model_order_that_sum_to_1(predictor: Predictor, seed: int) -> None:
    prediction = predictor.predict(speak(3, seed=seed))
    assert prediction.status in ("ok", "uncertain")
    assert tuple(prediction.probabilities) == predictor.labels
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert all(0 <= p <= 1 for p in prediction.probabilities.values())
    assert prediction.emotion == max(prediction.probabilities, key=lambda label: prediction.probabilities[label])
    assert prediction.confidence == max(prediction.probabilities.values())
    assert 1 < prediction.voiced_seconds < 3
    assert prediction.require_speech() is prediction


def test_name_content_and_samples_of_a_file_are_heard_alike(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(encode_wav(speak(4, seed=2)))
    expected = predictor.predict(path)
    assert predictor.predict(str(path)) == expected
    assert predictor.predict(path.read_bytes()) == expected
    assert predictor.predict(load_audio(path)) == expected


def test_the_samples_are_left_alone(predictor: Predictor) -> None:
    samples = speak(3)
    before = samples.copy()
    predictor.predict(samples)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(48_000, np.float32), np.zeros(0, np.float32), noise(0), noise(2), tone(440), tone(50)],
    ids=["silence", "nothing", "white noise", "brown noise", "a note", "hum"],
)
def test_without_a_voice_there_is_no_emotion(predictor: Predictor, samples: np.ndarray) -> None:
    prediction = predictor.predict(samples)
    assert prediction.status == "no_speech"
    assert (prediction.emotion, prediction.confidence, prediction.probabilities) == (None, 0.0, {})
    assert prediction.voiced_seconds < 0.1
    with pytest.raises(NoSpeechError, match="speak closer"):
        prediction.require_speech()


def test_a_moment_of_voice_is_too_short(predictor: Predictor) -> None:
    prediction = predictor.predict(at(2, 0.8, 0.26))
    assert prediction.status == "too_short"
    assert (prediction.emotion, prediction.confidence, prediction.probabilities) == (None, 0.0, {})
    assert 0.1 <= prediction.voiced_seconds < 0.3
    with pytest.raises(TooShortError, match="too little speech"):
        prediction.require_speech()


@pytest.mark.parametrize(
    ("samples", "begin", "end"),
    [
        (at(1.5, 0.2, 1.2), 0, 1.5),
        (at(3, 0, 3), 0, 3),
        (at(10, 0.5, 2), 0, 3),
        (at(10, 6, 2), 5.5, 8.5),
        (at(10, 8, 2), 7, 10),
    ],
    ids=["short", "3 s", "early", "late", "at the end"],
)
def test_it_says_which_three_seconds_were_heard(
    predictor: Predictor, samples: np.ndarray, begin: float, end: float
) -> None:
    heard = predictor.predict(samples).heard
    assert heard == (pytest.approx(begin, abs=0.5), pytest.approx(end, abs=0.5))
    assert 0 <= heard[0] < heard[1] <= len(samples) / 16_000
    assert heard[1] - heard[0] == pytest.approx(min(3, len(samples) / 16_000))


def test_what_is_not_in_those_seconds_changes_nothing(predictor: Predictor) -> None:
    samples = at(10, 4, 3)
    begin, end = (round(second * 16_000) for second in predictor.predict(samples).heard)
    clip, start = fit_clip(samples, find_voice(samples))
    assert start == begin
    assert np.array_equal(clip, samples[begin:end])


def test_what_an_answer_goes_by_comes_with_it(predictor: Predictor) -> None:
    for samples in (at(10, 4, 3), speak(3)):
        examined = predictor.examine(samples)
        assert examined.prediction == predictor.predict(samples)
        assert examined.features is not None and examined.heard is not None
        assert np.array_equal(examined.features, predictor.features(samples))
        assert list(examined.prediction.probabilities.values()) == examined.heard.probabilities[0].tolist()
        summary = predictor.summary(samples)
        assert summary.shape == (profile_size(predictor.settings),)
        assert np.array_equal(summary[-summary_size(predictor.settings) :], summarize(examined.features[None])[0])
        clip, _ = fit_clip(samples, find_voice(samples))
        assert np.allclose(summary[:120], extract_features(clip, FeatureSettings()).mean(axis=0), atol=1e-3)


def test_the_network_is_not_asked_about_silence(predictor: Predictor) -> None:
    examined = predictor.examine(np.zeros(48_000, np.float32))
    assert (examined.prediction.status, examined.features, examined.heard) == ("no_speech", None, None)


def test_how_strongly_is_told_of_emotions_that_can_be_strong(folder: Path, tmp_path: Path) -> None:
    telling = Predictor.load(tiny_bundle(tmp_path, onnx=tiny_onnx(intensity=0.9)))
    examined = telling.examine(speak(3))
    assert examined.heard is not None
    assert examined.prediction.intensity == examined.heard.strength(examined.prediction.emotion)
    assert [examined.heard.strength(emotion) for emotion in ("neutral", "calm", None)] == [None] * 3
    assert examined.heard.strength("angry") == pytest.approx(0.9)
    assert telling.predict(np.zeros(48_000, np.float32)).intensity is None
    silent = Predictor.load(folder).examine(speak(3)).heard
    assert silent is not None and silent.strength("angry") is None


@pytest.mark.skipif(not ships, reason="no model ships yet")
def test_whoever_is_loud_is_not_called_strong_for_it() -> None:
    shipped, voice = Predictor.load(SHIPPED), 0.2 * speak(3)
    quiet, plain, loud = (shipped.examine(gain * voice).heard for gain in (0.25, 1, 4))
    assert quiet and plain and loud
    strengths = [heard.strength("angry") for heard in (quiet, plain, loud)]
    assert strengths == pytest.approx([strengths[1]] * 3, abs=0.05)


@pytest.mark.skipif(not ships, reason="no model ships yet")
def test_the_embedding_is_the_same_whether_the_voice_is_known_or_not() -> None:
    """What a head learnt stays right when a profile is switched on or off."""
    shipped, samples = Predictor.load(SHIPPED), speak(3)
    known = shipped.hear(shipped.features(samples)[None], shipped.learn_voice([speak(3, seed=1)], "mixed"))
    unknown = shipped.hear(shipped.features(samples)[None])
    assert not np.array_equal(known.probabilities, unknown.probabilities)
    assert np.array_equal(known.embedding, unknown.embedding)


# --- Uncertainty


def test_below_its_threshold_an_answer_is_uncertain(tmp_path: Path) -> None:
    samples = speak(3)
    confidence = Predictor.load(tiny_bundle(tmp_path / "0")).predict(samples).confidence
    for below, status in ((confidence * 0.999, "ok"), (confidence, "ok"), (confidence * 1.001, "uncertain")):
        prediction = Predictor.load(tiny_bundle(tmp_path / str(below), uncertain_below=below)).predict(samples)
        assert prediction.status == status
        assert prediction.emotion is not None
        assert prediction.require_speech() is prediction


# --- Many at once


def test_one_clip_and_a_batch_agree(predictor: Predictor) -> None:
    clips = np.stack([extract_features(speak(3, seed=n), predictor.settings) for n in range(7)])
    together = predictor.hear(clips).probabilities
    assert together.shape == (7, len(predictor.labels))
    assert together.sum(axis=1) == pytest.approx(1, abs=1e-5)
    for n in range(7):
        assert predictor.hear(clips[n : n + 1]).probabilities[0] == pytest.approx(together[n], abs=1e-5)
        alone = predictor.predict(speak(3, seed=n)).probabilities
        assert list(alone.values()) == pytest.approx(together[n], abs=1e-5)


def test_threads_get_what_one_gets(predictor: Predictor) -> None:
    voices = [speak(2, seed=n) for n in range(8)] + [np.zeros(16_000, np.float32)]
    expected = [predictor.predict(voice) for voice in voices]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(predictor.predict, voices * 5)) == expected * 5


# --- Errors


def test_what_is_no_sound_is_an_error_and_the_next_is_heard(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(UnreadableAudioError):
        predictor.predict(tmp_path / "text.wav")
    with pytest.raises(UnreadableAudioError):
        predictor.predict(b"")
    with pytest.raises(AudioNotFoundError):
        predictor.predict(tmp_path / "nowhere.wav")
    with pytest.raises(AudioNotFoundError):
        predictor.predict(tmp_path)
    assert predictor.predict(speak(3)).emotion is not None


def test_it_carries_what_the_bundle_says(folder: Path) -> None:
    predictor = Predictor.load(str(folder))
    assert (predictor.name, predictor.labels, predictor.uncertain_below) == ("made-up", DEFAULT_LABELS, 0.0)
    assert predictor.version


def test_a_damaged_bundle_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "emotion_model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match="was changed after training"):
        Predictor.load(tmp_path / "copy")


def test_a_network_that_can_t_be_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="update onnxruntime"):
        Predictor.load(tiny_bundle(tmp_path, onnx=b"sealed, but no network"))


@pytest.mark.parametrize("output", [b"probabilities", b"embedding"])
def test_a_network_that_says_something_else_is_a_sentence(tmp_path: Path, output: bytes) -> None:
    renamed = tiny_onnx().replace(output, output[::-1])
    with pytest.raises(BundleError, match="don't fit together"):
        Predictor.load(tiny_bundle(tmp_path, onnx=renamed))


def test_predictions_are_frozen() -> None:
    prediction = Prediction("no_speech", None, 0.0, {}, 0.0, (0.0, 0.0))
    with pytest.raises(AttributeError):
        prediction.emotion = "happy"  # type: ignore[misc]


@pytest.mark.skipif(not ships, reason="no model ships yet")
def test_what_ships_is_whole_and_small() -> None:
    verify_files(SHIPPED)
    assert Predictor.load(SHIPPED).labels == DEFAULT_LABELS
    assert (SHIPPED / ONNX).stat().st_size + ENCODER.stat().st_size < 10e6
    assert max(path.stat().st_size for path in SHIPPED.rglob("*")) < 8 * 2**20, "the repository takes no larger files"
