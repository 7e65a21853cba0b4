import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import soundfile

from utils.errors import NothingUnderstoodError, TranscriberUnavailableError
from utils.transcription import (
    ENGINES,
    GOOGLE_ENDPOINT,
    LANGUAGES,
    MAX_SECONDS,
    GoogleTranscriber,
    SphinxTranscriber,
    VoskTranscriber,
    WhisperTranscriber,
    make_transcriber,
)

CORPORA = Path(os.environ.get("VER_CORPORA") or Path(__file__).parents[2] / "shared" / "corpora")
TONE = (0.3 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)).astype(np.float32)


class FakeGoogle(ThreadingHTTPServer):
    """Speaks Google's wire format on a free local port: `answer` is (status, body) or what to do instead."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = (200, b"")
        self.requests = []
        self.released = threading.Event()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}/speech-api/v2/recognize"

    def says(self, *results):
        self.answer = (200, "\n".join(json.dumps({"result": result}) for result in ([], *results)).encode())


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers, self.body))
        if callable(self.server.answer):
            self.server.answer(self)
            return
        status, answer = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def google():
    with FakeGoogle() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def alternatives(*texts):
    return [{"alternative": [{"transcript": text, "confidence": 0.9} for text in texts], "final": True}]


# Which engine


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_is_made_without_its_library(name, monkeypatch):
    for module in ("speech_recognition", "pocketsphinx", "faster_whisper", "vosk"):
        monkeypatch.setitem(sys.modules, module, None)
    transcriber = make_transcriber(name)
    assert transcriber.name == name
    assert transcriber.sends_audio_to == ("Google" if name == "google" else None)
    with pytest.raises(TranscriberUnavailableError, match="switched off" if name == "off" else "pip install"):
        transcriber.transcribe(TONE)


def test_the_engine_is_chosen_by_name_then_environment_then_google(monkeypatch):
    monkeypatch.delenv("VOICE_TRANSCRIBER", raising=False)
    assert make_transcriber().name == "google"
    monkeypatch.setenv("VOICE_TRANSCRIBER", "sphinx")
    assert make_transcriber().name == "sphinx"
    assert make_transcriber("off").name == "off"


def test_an_unknown_engine_is_refused_with_the_names_there_are(monkeypatch):
    monkeypatch.setenv("VOICE_TRANSCRIBER", "gogle")
    with pytest.raises(TranscriberUnavailableError, match="“gogle”: choose google, sphinx, whisper, vosk, off"):
        make_transcriber()


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "off"])
def test_a_clip_of_many_minutes_is_not_written_down(name):
    with pytest.raises(TranscriberUnavailableError, match="2 minutes"):
        make_transcriber(name).transcribe(np.zeros(MAX_SECONDS * 16_000 + 1, np.float32))


@pytest.mark.parametrize("name, language", [("sphinx", "pl-PL"), ("google", "xx\r\nX-Evil: 1"), ("whisper", "")])
def test_a_language_that_the_engine_does_not_know_is_refused(name, language):
    with pytest.raises(TranscriberUnavailableError, match="language"):
        make_transcriber(name).transcribe(TONE, language)


# Google


def test_google_is_asked_over_https():
    assert GOOGLE_ENDPOINT.startswith("https://")


def test_google_hears_the_clip_as_flac_and_its_first_alternative_is_the_text(google):
    google.says(alternatives("dogs are sitting by the door", "dogs are sitting by the drawer"))
    text = GoogleTranscriber(google.endpoint).transcribe(TONE, "bn-BD")
    assert text == "dogs are sitting by the door"
    [(path, headers, body)] = google.requests
    assert urlsplit(path).path == "/speech-api/v2/recognize"
    assert parse_qs(urlsplit(path).query)["lang"] == ["bn-BD"]
    assert headers["Content-Type"] == "audio/x-flac; rate=16000"
    heard, rate = soundfile.read(io.BytesIO(body), dtype="float32")
    assert (soundfile.info(io.BytesIO(body)).format, rate) == ("FLAC", 16_000)
    np.testing.assert_allclose(heard, TONE, atol=1 / 32768)


def test_the_endpoint_can_be_set_in_the_environment(google, monkeypatch):
    monkeypatch.setenv("VOICE_GOOGLE_ENDPOINT", google.endpoint)
    google.says(alternatives("hello"))
    assert make_transcriber("google").transcribe(TONE) == "hello"


@pytest.mark.parametrize(
    "results", [[], [[]], [[{"alternative": []}]], [[{"final": True}]], [alternatives("  ")]], ids=repr
)
def test_google_understood_nothing(google, results):
    google.says(*results)
    with pytest.raises(NothingUnderstoodError, match="No words"):
        GoogleTranscriber(google.endpoint).transcribe(TONE)


GARBAGE = {
    "html": b"<html>Sign in to this hotel's network</html>",
    "not UTF-8": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "a number": b"7",
    "other keys": b'{"answer": 42}',
    "results of numbers": b'{"result": [1]}',
    "text that is no text": b'{"result": [{"alternative": [{"transcript": 7}]}]}',
    "cut off": b'{"result": [{"alternative"',
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_an_answer_that_makes_no_sense(google, body):
    google.answer = (200, body)
    with pytest.raises(TranscriberUnavailableError, match="made no sense"):
        GoogleTranscriber(google.endpoint).transcribe(TONE)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_google_refuses(google, status):
    google.answer = (status, b"no")
    with pytest.raises(TranscriberUnavailableError, match=f"refused .*{status}"):
        GoogleTranscriber(google.endpoint).transcribe(TONE)


def test_google_is_redirected_away_and_the_voice_does_not_follow(google):
    def redirect(handler):
        handler.send_response(307)
        handler.send_header("Location", google.endpoint + "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    google.answer = redirect
    with pytest.raises(TranscriberUnavailableError, match="refused"):
        GoogleTranscriber(google.endpoint).transcribe(TONE)
    assert len(google.requests) == 1


def silent(handler):
    handler.server.released.wait(5)


def silent_in_the_middle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"result"')
    handler.wfile.flush()
    handler.server.released.wait(5)


@pytest.mark.parametrize("answer", [silent, silent_in_the_middle])
def test_google_takes_too_long(google, answer):
    google.answer = answer
    started = time.monotonic()
    with pytest.raises(TranscriberUnavailableError, match="too long"):
        GoogleTranscriber(google.endpoint, timeout=0.2).transcribe(TONE)
    assert time.monotonic() - started < 2


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hang_up_in_the_middle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"result"')
    handler.close_connection = True


@pytest.mark.parametrize("answer", [hang_up, hang_up_in_the_middle])
def test_the_connection_breaks(google, answer):
    google.answer = answer
    with pytest.raises(TranscriberUnavailableError, match="can't be reached"):
        GoogleTranscriber(google.endpoint).transcribe(TONE)


def test_nobody_listens_at_the_endpoint():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TranscriberUnavailableError, match="can't be reached"):
        GoogleTranscriber(f"http://127.0.0.1:{port}/").transcribe(TONE)


def test_the_name_of_the_endpoint_does_not_exist():
    with pytest.raises(TranscriberUnavailableError, match="can't be reached"):
        GoogleTranscriber("https://nowhere.invalid/").transcribe(TONE)


def test_many_clips_at_once_get_their_own_answers(google):
    def say_the_length(handler):
        frames = soundfile.info(io.BytesIO(handler.body)).frames
        answer = json.dumps({"result": alternatives(str(frames))}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    google.answer = say_the_length
    transcriber = GoogleTranscriber(google.endpoint)
    lengths = [1000 + 100 * i for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda length: transcriber.transcribe(TONE[:length]), lengths))
    assert [int(answer) for answer in answers] == lengths


# Engines on this machine


class FakeEngine:
    """Counts how often it is made and whether two threads are ever inside."""

    def __init__(self):
        self.made = 0
        self.inside = 0
        self.crowded = False
        self.text = "hello"
        self.error = None

    def hear(self):
        self.inside += 1
        self.crowded |= self.inside > 1
        time.sleep(0.005)
        self.inside -= 1
        if self.error is not None:
            raise self.error
        return self.text


@pytest.fixture
def engine():
    return FakeEngine()


def fake_sphinx(engine):
    class Decoder:
        def __init__(self, **_):
            engine.made += 1
            self.busy = False

        def start_utt(self):
            if self.busy:
                raise RuntimeError("the last utterance was never ended")
            self.busy = True

        def process_raw(self, raw, full_utt):
            assert full_utt and len(raw) % 2 == 0
            self.text = engine.hear()

        def end_utt(self):
            self.busy = False

        def hyp(self):
            return SimpleNamespace(hypstr=self.text) if self.text else None

    return "pocketsphinx", {"Decoder": Decoder}, SphinxTranscriber


def fake_whisper(engine):
    class WhisperModel:
        def __init__(self, name, **_):
            engine.made += 1

        def transcribe(self, samples, language, **_):
            assert samples.dtype == np.float32 and language == "en"
            return iter([SimpleNamespace(text=f" {word}") for word in engine.hear().split()]), None

    return "faster_whisper", {"WhisperModel": WhisperModel}, WhisperTranscriber


def fake_vosk(engine):
    class Model:
        def __init__(self, folder):
            engine.made += 1

    class KaldiRecognizer:
        def __init__(self, model, rate):
            assert isinstance(model, Model) and rate == 16_000

        def AcceptWaveform(self, raw):  # noqa: N802
            self.text = engine.hear()

        def FinalResult(self):  # noqa: N802
            return json.dumps({"text": self.text})

    contents = {"Model": Model, "KaldiRecognizer": KaldiRecognizer, "SetLogLevel": lambda level: None}
    return "vosk", contents, lambda: VoskTranscriber("model")


@pytest.fixture(params=[fake_sphinx, fake_whisper, fake_vosk])
def local(request, engine, monkeypatch):
    """An engine on this machine with its library faked."""
    name, contents, make = request.param(engine)
    module = ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)
    return make()


def test_the_model_is_made_once_kept_and_used_by_one_thread_at_a_time(local, engine):
    assert engine.made == 0
    engine.text = "kids  are talking "
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: local.transcribe(TONE), range(16))) == {"kids are talking"}
    assert (engine.made, engine.crowded) == (1, False)


def test_a_local_engine_understood_nothing(local, engine):
    engine.text = " "
    with pytest.raises(NothingUnderstoodError):
        local.transcribe(TONE)


def test_an_engine_that_fails_in_a_clip_serves_the_next(local, engine):
    engine.error = RuntimeError("boom")
    with pytest.raises(TranscriberUnavailableError, match="failed on this clip"):
        local.transcribe(TONE)
    engine.error = None
    assert local.transcribe(TONE) == "hello"


@pytest.mark.parametrize(
    "module, variable, make",
    [
        ("faster_whisper", "VOICE_WHISPER_MODEL", lambda: WhisperTranscriber("no-such-model")),
        ("vosk", "VOICE_VOSK_MODEL", lambda: VoskTranscriber("/nowhere")),
    ],
)
def test_a_model_that_can_not_be_loaded_says_what_to_set_and_is_tried_again(module, variable, make, monkeypatch):
    tries = []

    def fail(*args, **_):
        tries.append(args)
        raise Exception("no weights")

    fake = ModuleType(module)
    fake.__dict__.update(Model=fail, WhisperModel=fail, SetLogLevel=lambda level: None)
    monkeypatch.setitem(sys.modules, module, fake)
    transcriber = make()
    for _ in range(2):
        with pytest.raises(TranscriberUnavailableError, match=variable):
            transcriber.transcribe(TONE)
    assert len(tries) == 2


def test_models_are_named_in_the_environment(monkeypatch):
    asked = []
    fakes = {"faster_whisper": ModuleType("faster_whisper"), "vosk": ModuleType("vosk")}
    for name, fake in fakes.items():
        fake.__dict__.update(SetLogLevel=lambda level: None)
        fake.Model = fake.WhisperModel = lambda model, **_: asked.append(model)
        monkeypatch.setitem(sys.modules, name, fake)
    for variable in ("VOICE_WHISPER_MODEL", "VOICE_VOSK_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    unset = make_transcriber("whisper")
    monkeypatch.setenv("VOICE_WHISPER_MODEL", "tiny")
    monkeypatch.setenv("VOICE_VOSK_MODEL", "some/folder")
    for transcriber in (unset, make_transcriber("whisper"), make_transcriber("vosk")):
        with pytest.raises(TranscriberUnavailableError):  # what the fakes made can hear nothing
            transcriber.transcribe(TONE)
    assert asked == ["base", "tiny", "some/folder"]


# PocketSphinx for real


@pytest.fixture(scope="module")
def sphinx():
    pytest.importorskip("pocketsphinx")
    return SphinxTranscriber()


def test_sphinx_writes_down_a_synthesized_sentence(sphinx, tmp_path):
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    spoken = tmp_path / "numbers.wav"
    sentence = "one two three four five"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "130", "-w", spoken, sentence], check=True)
    samples, rate = soundfile.read(spoken, dtype="float32")
    text = sphinx.transcribe(resample(samples, rate))
    assert len(set(text.split()) & set(sentence.split())) >= 3, text


@pytest.mark.parametrize("samples", [np.zeros(16_000, np.float32), np.zeros(0, np.float32)])
def test_sphinx_makes_nothing_of_silence(sphinx, samples):
    with pytest.raises(NothingUnderstoodError):
        sphinx.transcribe(samples)


@pytest.mark.corpora
@pytest.mark.skipif(not CORPORA.is_dir(), reason="the real corpora are not here")
@pytest.mark.parametrize(
    "clip, words",
    [
        ("Actor_02/03-01-01-01-02-01-02", "dogs are sitting by the door"),
        ("Actor_10/03-01-03-01-01-01-10", "kids are talking by the door"),
    ],
)
def test_sphinx_writes_down_a_real_voice_alike_whatever_it_heard_before(sphinx, clip, words):
    [path] = (CORPORA / "ravdess_speech").glob(f"{clip}.*")
    samples, rate = soundfile.read(path, dtype="float32")
    first = sphinx.transcribe(resample(samples, rate))
    assert len(set(first.split()) & set(words.split())) >= 4, first
    noise = np.random.default_rng(0).normal(0, 0.2, 32_000).astype(np.float32)
    for other in (TONE, noise):
        with suppress(NothingUnderstoodError):
            sphinx.transcribe(other)
    assert sphinx.transcribe(resample(samples, rate)) == first


def resample(samples, rate):
    soxr = pytest.importorskip("soxr")
    return samples if rate == 16_000 else soxr.resample(samples, rate, 16_000)


def test_the_languages_offered_are_tags_a_browser_knows():
    assert len(set(LANGUAGES)) == len(LANGUAGES) and LANGUAGES[0] == "en-US"
    assert all(len(tag) == 5 and tag[2] == "-" for tag in LANGUAGES)
