"""Every failure of every route has one shape, one sentence, and no secret in it."""

import io
import logging
import re

import pytest

from tests.fakes import FakePredictor, FakeTranscriber, prediction
from utils.errors import BundleError, StoreError, TranscriberUnavailableError, VoiceError
from web.gate import Gate

ID = "0" * 46
NOWHERE = f"/api/clips/{ID}"


def assert_error(answer, status, code):
    """The one shape that every failure has."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert list(answer.json) == ["error"]
    assert set(answer.json["error"]) == {"code", "message"}
    assert answer.json["error"]["code"] == code
    message = answer.json["error"]["message"]
    assert re.fullmatch(r"[A-Z][^\n]{20,200}\.", message), message
    assert not re.search(r"Traceback|/tmp|/home|line \d|Error\b|sqlite", message), message
    assert ("Retry-After" in answer.headers) is (status in {429, 503})


FAILURES = [
    # method, path, request, status, code
    ("POST", "/api/clips", {}, 400, "no_file"),
    ("PUT", "/api/clips", {}, 405, "method_not_allowed"),
    ("PATCH", NOWHERE, {}, 405, "method_not_allowed"),
    ("GET", "/api/clips?limit=0", {}, 400, "bad_request"),
    ("GET", "/api/clips?limit=101", {}, 400, "bad_request"),
    ("GET", "/api/clips?limit=many", {}, 400, "bad_request"),
    ("GET", "/api/clips?before=../x", {}, 400, "bad_request"),
    ("GET", f"/api/clips?search={'x' * 201}", {}, 400, "bad_request"),
    ("GET", "/api/clips?search=%00", {}, 400, "bad_request"),
    ("GET", "/api/clips?emotion=%00", {}, 400, "bad_request"),
    ("GET", f"/api/clips?emotion={'x' * 33}", {}, 400, "bad_request"),
    ("GET", NOWHERE, {}, 404, "not_found"),
    ("DELETE", NOWHERE, {}, 404, "not_found"),
    ("GET", f"{NOWHERE}/audio", {}, 404, "not_found"),
    ("POST", f"{NOWHERE}/transcript", {}, 404, "not_found"),
    ("GET", f"{NOWHERE}/transcript", {}, 405, "method_not_allowed"),
    ("GET", "/api/clips/NUL", {}, 404, "not_found"),
    ("GET", "/api/clips/NUL/audio", {}, 404, "not_found"),
    ("GET", "/api/clips/..%2f..%2fsecret_key/audio", {}, 404, "not_found"),
    ("GET", "/api/clips/%00", {}, 404, "not_found"),
    ("GET", f"/api/clips/{ID.upper()}/", {}, 404, "not_found"),
    ("PUT", "/api/settings", {"data": "{", "content_type": "application/json"}, 400, "bad_request"),
    ("PUT", "/api/settings", {"data": "[" * 50_000, "content_type": "application/json"}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": []}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"transcribe": "perhaps"}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"transcribe": None}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"transcribe": 0}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"transcribe": "on"}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"language": "klingon"}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"language": "<script>"}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"nonsense": 1}}, 400, "bad_request"),
    ("PUT", "/api/settings", {"json": {"language": "x" * 70_000}}, 413, "too_large"),
    ("POST", "/api/settings", {}, 405, "method_not_allowed"),
    ("GET", "/api", {}, 404, "not_found"),
    ("GET", "/api/", {}, 404, "not_found"),
    ("GET", "/api/nothing", {}, 404, "not_found"),
    ("GET", "/", {"environ_overrides": {"PATH_INFO": "//evil.example/.."}}, 404, "not_found"),
    ("GET", "/", {"environ_overrides": {"PATH_INFO": "/\\evil.example"}}, 404, "not_found"),
    ("GET", "/static/../web_app.py", {}, 404, "not_found"),
    ("GET", "/static/..%2fweb_app.py", {}, 404, "not_found"),
    ("GET", "/instance/secret_key", {}, 404, "not_found"),
    ("POST", "/", {}, 400, "no_file"),
    ("DELETE", "/", {}, 405, "method_not_allowed"),
    ("POST", f"/clips/{ID}/delete", {}, 404, "not_found"),
    ("POST", f"/clips/{ID}/transcript", {}, 404, "not_found"),
    ("GET", "/clips/delete", {}, 405, "method_not_allowed"),
    ("POST", "/settings", {"data": {"language": "klingon"}}, 400, "bad_request"),
]


@pytest.mark.parametrize(("method", "path", "request_", "status", "code"), FAILURES)
def test_what_cant_be_answered(client, method, path, request_, status, code):
    assert_error(client.open(path, method=method, **request_), status, code)


def test_405_says_what_is_allowed(client):
    assert {"GET", "POST", "DELETE"} <= set(client.put("/api/clips").headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/", "/nothing", f"/clips/{ID}/delete"])
def test_people_get_the_sentence_on_the_page(client, path):
    answer = client.post(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.mimetype) == ({"/": 400}.get(path, 404), "text/html")
    assert re.search(r'role="status"[^>]*>\s*<p[^>]*>[A-Z][^<]+\.<', answer.text)


# The services behind fail


class BrokenStore:
    """Every call fails."""

    def __getattr__(self, name):
        def fail(*_args, **_options):
            if name == "prune" or name == "close":
                return
            raise StoreError("The history can't be read or written right now: try again later.")

        return fail


STORED = [
    ("GET", "/api/clips"),
    ("DELETE", "/api/clips"),
    ("GET", "/api/clips.csv"),
    ("GET", "/api/clips.json"),
    ("GET", NOWHERE),
    ("DELETE", NOWHERE),
    ("GET", f"{NOWHERE}/audio"),
    ("POST", f"{NOWHERE}/transcript"),
    ("DELETE", f"{NOWHERE}/correction"),
    ("GET", "/api/consent"),
    ("POST", "/consent"),
    ("POST", "/clips/delete"),
    ("POST", f"/clips/{ID}/delete"),
]


@pytest.mark.parametrize(("method", "path"), STORED)
def test_a_store_that_fails(make_app, method, path):
    assert_error(make_app(store=BrokenStore()).test_client().open(path, method=method), 503, "storage_unavailable")


def test_a_clip_that_cant_be_stored(make_app, wav):
    client = make_app(store=BrokenStore()).test_client()
    answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
    assert_error(answer, 503, "storage_unavailable")


def test_the_page_stands_when_the_store_doesnt(make_app):
    answer = make_app(store=BrokenStore()).test_client().get("/")
    assert answer.status_code == 200
    assert "try again later" in answer.text


def test_full_for_a_moment_then_well_again(make_app, wav, monkeypatch):
    from utils import store_files

    client = make_app().test_client()
    with monkeypatch.context() as patch:
        patch.setattr(store_files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
        assert_error(answer, 503, "storage_unavailable")
    assert client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).status_code == 201


def test_a_full_disk_below_an_upload_on_its_way(make_app, wav):
    client = make_app(predictor=FakePredictor(OSError(28, "No space left on /tmp"))).test_client()
    answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
    assert_error(answer, 503, "storage_unavailable")


@pytest.mark.parametrize("broken", [RuntimeError("secret words"), VoiceError("not meant for people"), KeyError("x")])
def test_our_own_mistakes_tell_nothing_and_harm_nothing(make_app, wav, broken, caplog):
    client = make_app(predictor=FakePredictor(broken)).test_client()
    answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
    assert_error(answer, 500, "internal")
    assert str(broken) not in answer.text
    assert "a request failed" in caplog.text
    assert client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).status_code == 201


@pytest.fixture
def modelless(make_app, monkeypatch):
    problem = BundleError("There is no model in this folder: run `python train.py` first.")

    monkeypatch.setattr("web_app._load_predictor", lambda models: (None, problem))
    return make_app(predictor=None).test_client()


def test_a_missing_model_is_told_and_the_rest_works(modelless, wav):
    assert_error(modelless.get("/api/health/ready"), 503, "bad_model")
    assert "train.py" in modelless.get("/api/health/ready").json["error"]["message"]
    assert_error(modelless.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}), 503, "bad_model")
    assert modelless.get("/api/health/live").status_code == 200
    assert modelless.get("/api/clips").status_code == 200
    page = modelless.get("/")
    assert page.status_code == 200
    assert "train.py" in page.text


def test_a_damaged_bundle_starts_a_server_that_says_so(make_app, monkeypatch):
    class Broken:
        @staticmethod
        def load(folder):
            raise BundleError("The model is damaged: get models/ again.")

    monkeypatch.setattr("web_app.Predictor", Broken)
    answer = make_app(predictor=None).test_client().get("/api/health/ready")
    assert_error(answer, 503, "bad_model")


def test_the_model_is_warm_before_anybody_asks(make_app, monkeypatch):
    fake = FakePredictor()
    monkeypatch.setattr("web_app.Predictor", type("P", (), {"load": lambda folder: fake}), raising=False)
    assert make_app(predictor=None).test_client().get("/api/health/ready").json["model"] == "fake"
    assert fake.warm


def test_ready_names_the_model(client):
    assert client.get("/api/health/ready").json == {
        "status": "ready",
        "model": "fake",
        "version": "0",
        "labels": ["neutral", "happy", "sad", "angry", "fear", "surprise"],
    }
    assert client.get("/api/health/live").json == {"status": "live"}


def test_nothing_of_a_voice_is_in_the_logs(make_app, wav, caplog):
    caplog.set_level(logging.DEBUG)
    transcriber = FakeTranscriber("private words", TranscriberUnavailableError("Google can't be reached: wait."))
    client = make_app(transcriber=transcriber).test_client()
    answer = client.post("/api/clips?note=QUERY", data={"audio": (io.BytesIO(wav), "SECRETNAME.wav")})
    clip = f"/api/clips/{answer.json['id']}"
    client.post(f"{clip}/transcript")
    client.post(f"{clip}/transcript")
    client.get("/api/clips?search=private")
    client.get("/nothing\r\nforged: line")
    client.post("/api/clips", data={"audio": (io.BytesIO(b"junk"), "SECRETNAME.wav")})
    ours = "\n".join(record.getMessage() for record in caplog.records)
    assert "POST /api/clips 201" in ours
    for private in ("SECRETNAME", "private", "QUERY", "forged", answer.json["id"], "happy"):
        assert private not in ours


# Overload


def test_a_full_gate_refuses_at_once(make_app, wav):
    app = make_app({"HEARING": (1, 0, 5.0)})
    with app.extensions["voice"].hearing.enter():
        answer = app.test_client().post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
        assert_error(answer, 503, "overloaded")
        assert app.test_client().get("/api/health/live").status_code == 200
    answer = app.test_client().post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
    assert answer.status_code == 201


def test_words_never_hold_up_emotions(make_app, wav):
    app = make_app({"WRITING": (1, 0, 5.0)})
    client = app.test_client()
    with app.extensions["voice"].writing.enter():
        answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
        assert answer.status_code == 201
        assert_error(client.post(f"/api/clips/{answer.json['id']}/transcript"), 503, "overloaded")


def test_waiting_has_an_end(make_app, wav):
    app = make_app({"HEARING": (1, 5, 0.05)})
    with app.extensions["voice"].hearing.enter():
        answer = app.test_client().post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
        assert_error(answer, 503, "overloaded")


def test_a_gate_lets_others_in_after_failures():
    gate = Gate(1, 0, 0.01)
    for _ in range(3):
        with pytest.raises(ValueError), gate.enter():
            raise ValueError
    with gate.enter():
        pass


def test_too_often_is_told_to_wait(make_app, wav):
    app = make_app({"CLIPS_PER_MINUTE": 2})
    client = app.test_client()
    client.get("/")  # a visitor from here on

    def send(path="/api/clips"):
        return client.post(path, data={"audio": (io.BytesIO(wav), "a.wav")})

    first = send()
    assert first.status_code == 201
    assert send("/").status_code == 200
    assert_error(send(), 429, "too_many_requests")
    assert_error(send("/"), 429, "too_many_requests")  # one budget, whichever door
    transcript = f"/api/clips/{first.json['id']}/transcript"
    assert [client.post(transcript).status_code for _ in range(3)] == [200, 200, 429]
    for path in ("/api/clips", "/api/health/live", "/api/health/ready", "/"):
        assert client.get(path).status_code == 200
    assert len(client.get("/api/clips").json["clips"]) == 2


def test_throwing_the_cookie_away_gains_nothing(make_app, wav):
    app = make_app({"CLIPS_PER_MINUTE": 2})
    answers = [
        app.test_client().post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).status_code for _ in range(3)
    ]
    assert answers == [201, 201, 429]


def test_silence_is_the_models_word(make_app, wav):
    predictor = FakePredictor(prediction(status="no_speech"))
    client = make_app(predictor=predictor).test_client()
    assert_error(client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}), 422, "no_speech")
