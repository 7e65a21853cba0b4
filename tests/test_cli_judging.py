"""The answer for one file of an analysis."""

import json
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.voices import speak
from cli import judging
from cli.judging import WORDS_SECONDS, Task, cut_out, judge
from tests.fakes import FakeTranscriber
from tests.made_up import tiny_bundle
from utils.decoding import SAMPLE_RATE, encode_wav
from utils.errors import BundleError, NothingUnderstoodError, TranscriberUnavailableError
from utils.predictor import Predictor


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture
def task(models):
    return Task(str(models), Predictor.load(models).version)


@pytest.fixture
def voice(tmp_path):
    """Six seconds of voice, three of silence, three of voice."""
    sound = np.concatenate([speak(6, seed=1), np.zeros(5 * SAMPLE_RATE, np.float32), speak(3, seed=2, pitch=220)])
    (tmp_path / "voice.wav").write_bytes(encode_wav(sound))
    return str(tmp_path / "voice.wav")


@pytest.fixture
def scribe(monkeypatch):
    """Whoever is asked to write down is this one."""
    scribe = FakeTranscriber()
    monkeypatch.setattr(judging, "make_transcriber", lambda name: scribe)
    return scribe


def test_a_whole_file_is_answered_as_by_the_predictor(task, models, voice):
    entry = judge(task, voice)
    expected = Predictor.load(models).predict(voice)
    assert json.loads(json.dumps(entry)) == entry
    assert (entry["file"], entry["status"], entry["emotion"]) == (voice, expected.status, expected.emotion)
    assert (entry["start"], entry["end"]) == pytest.approx(expected.heard, abs=0.001)
    assert entry["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert "words" not in entry


def test_a_timeline_is_answered_as_by_the_predictor_with_neighbours_joined(task, models, voice):
    segments = judge(Task(task.models, task.version, timeline=True), voice)["segments"]
    assert segments[0]["start"] == 0 and segments[-1]["end"] == 14
    assert all(one["end"] == other["start"] for one, other in pairwise(segments))
    assert "no_speech" in [segment["status"] for segment in segments]
    assert len(segments) < len(list(Predictor.load(models).timeline(voice)))


@pytest.mark.parametrize(
    ("content", "code"), [(b"no sound", "unreadable_audio"), (b"", "unreadable_audio"), (None, "not_found")]
)
@pytest.mark.parametrize("timeline", [False, True])
def test_a_bad_file_is_an_error_of_one_sentence(task, tmp_path, content, code, timeline):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    entry = judge(Task(task.models, task.version, timeline), str(path))
    assert list(entry) == ["file", "error"]
    assert entry["error"]["code"] == code and entry["error"]["message"].endswith(".")


def test_silence_is_an_answer(task, tmp_path):
    (tmp_path / "silence.wav").write_bytes(encode_wav(np.zeros(SAMPLE_RATE)))
    entry = judge(task, str(tmp_path / "silence.wav"))
    assert (entry["status"], entry["emotion"], entry["probabilities"]) == ("no_speech", None, {})


def test_a_flaw_in_one_file_tells_no_secrets(task, voice, monkeypatch):
    def fail(self, audio):
        raise RuntimeError("secret")

    monkeypatch.setattr(Predictor, "predict", fail)
    assert "secret" not in str(judge(task, voice)["error"])


def test_the_model_is_loaded_once(task, voice, monkeypatch):
    loads = []
    load = Predictor.load
    monkeypatch.setattr(Predictor, "load", lambda folder: loads.append(folder) or load(folder))
    judging._load.cache_clear()
    for _ in range(5):
        judge(task, voice)
    assert loads == [task.models]


def test_another_model_is_refused_not_used(task, voice):
    with pytest.raises(BundleError, match="another one"):
        judge(Task(task.models, "0123456789ab"), voice)


def test_relative_names_begin_at_the_folder(task, voice, tmp_path):
    entry = judge(Task(task.models, task.version, folder=str(tmp_path)), "voice.wav")
    assert (entry["file"], entry["status"]) == ("voice.wav", "ok")


# --- Words


def test_words_of_a_whole_file(task, voice, scribe):
    entry = judge(Task(task.models, task.version, False, "sphinx", "pl-PL"), voice)
    assert entry["words"] == "hello there"
    [(samples, language)] = scribe.calls
    assert (len(samples), language) == (14 * SAMPLE_RATE, "pl-PL")


def test_words_of_segments_are_of_their_samples_and_never_too_long(task, tmp_path, scribe):
    sound = np.concatenate([speak(50, seed=1), np.zeros(6 * SAMPLE_RATE, np.float32)])
    (tmp_path / "long.wav").write_bytes(encode_wav(sound))
    segments = judge(Task(task.models, task.version, True, "whisper", "en-GB"), str(tmp_path / "long.wav"))["segments"]
    spoken = [segment for segment in segments if segment["emotion"]]
    assert max(segment["end"] - segment["start"] for segment in spoken) <= WORDS_SECONDS + 0.001
    assert [segment["words"] for segment in segments] == ["hello there" if s["emotion"] else "" for s in segments]
    assert len(scribe.calls) == len(spoken)
    for (samples, _), segment in zip(scribe.calls, spoken, strict=True):
        first, last = round(segment["start"] * SAMPLE_RATE), round(segment["end"] * SAMPLE_RATE)
        near = range(max(0, first - 16), first + 17)  # times are written in milliseconds
        assert min(np.abs(samples[:1000] - sound[i : i + 1000]).max() for i in near) < 0.001
        assert abs(len(samples) - (last - first)) <= 16


def test_what_keeps_words_from_being_written_down_is_said_and_the_emotion_stands(task, voice, scribe):
    scribe.answers.append(TranscriberUnavailableError("Google can't be reached."))
    entry = judge(Task(task.models, task.version, False, "google", "en-US"), voice)
    assert (entry["status"], entry["words"], entry["words_missing"]) == ("ok", "", "Google can't be reached.")
    scribe.answers.append(NothingUnderstoodError("No words."))
    entry = judge(Task(task.models, task.version, False, "google", "en-US"), voice)
    assert entry["words"] == "" and "words_missing" not in entry


@pytest.mark.parametrize("block", [1, 7, 160, 16_000, 10**6])
def test_stretches_are_cut_out_of_any_blocks(block):
    sound = np.arange(3200, dtype=np.float32)
    blocks = (sound[i : i + block] for i in range(0, len(sound), block))
    stretches = [(0.0, 0.01), (0.01, 0.05), (0.1, 0.15), (0.15, 0.3)]
    found = list(cut_out(blocks, stretches))
    for (start, end), samples in zip(stretches, found, strict=True):
        assert np.array_equal(samples, sound[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])
