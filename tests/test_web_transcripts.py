"""Words come after the emotion, from an engine that hears only what the visitor lets it hear."""

import io

import numpy as np
import pytest

from tests.fakes import FakeTranscriber
from tests.test_web_errors import assert_error
from utils.clip_store import Transcript
from utils.errors import NothingUnderstoodError, TranscriberUnavailableError


@pytest.fixture
def clip(send):
    return f"/api/clips/{send().json['id']}"


def test_words_are_answered_and_kept(client, clip, transcriber, tone):
    answer = client.post(f"{clip}/transcript")
    assert answer.status_code == 200
    assert answer.json == {"status": "done", "text": "hello there", "engine": "fake"}
    assert client.get(clip).json["transcript"] == answer.json
    assert client.get("/api/clips?search=HELLO").json["clips"][0]["transcript"] == answer.json
    [(samples, language)] = transcriber.calls
    np.testing.assert_allclose(samples, tone, atol=1e-4)
    assert language == "en-US"


@pytest.mark.parametrize("body", [{"json": {"language": "pl-PL"}}, {"data": {"language": "pl-PL"}}])
def test_the_language_can_be_said(client, clip, transcriber, body):
    client.post(f"{clip}/transcript", **body)
    assert transcriber.calls[0][1] == "pl-PL"


@pytest.mark.parametrize("body", [{}, {"json": {}}, {"json": None}, {"data": {"other": "x"}}])
def test_else_it_is_the_visitors(client, clip, transcriber, body):
    client.put("/api/settings", json={"language": "pl-PL"})
    assert client.post(f"{clip}/transcript", **body).status_code == 200
    assert transcriber.calls[0][1] == "pl-PL"


@pytest.mark.parametrize(
    "body", [{"language": "klingon"}, {"language": 3}, {"language": ["pl-PL"]}, {"language": ""}, []]
)
def test_a_language_nobody_knows_is_refused(client, clip, transcriber, body):
    assert_error(client.post(f"{clip}/transcript", json=body), 400, "bad_request")
    assert transcriber.calls == []


def test_an_engine_that_knows_any_language_is_given_it(make_app, wav):
    transcriber = FakeTranscriber(languages=())
    client = make_app(transcriber=transcriber).test_client()
    clip = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).json["id"]
    client.post(f"/api/clips/{clip}/transcript", json={"language": "bn-BD"})
    client.post(f"/api/clips/{clip}/transcript")
    assert [language for _, language in transcriber.calls] == ["bn-BD", "en-US"]


def test_an_engine_without_english_starts_with_its_own(make_app):
    client = make_app(transcriber=FakeTranscriber(languages=("pl-PL", "bn-BD"))).test_client()
    assert client.get("/api/settings").json["language"] == "pl-PL"


def test_nothing_understood_is_an_answer(client, clip, transcriber):
    transcriber.answers.append(NothingUnderstoodError("No words were understood: speak closer."))
    answer = client.post(f"{clip}/transcript")
    assert answer.status_code == 200
    assert answer.json == {"status": "nothing_understood", "text": "", "engine": "fake"}
    assert client.get(clip).json["transcript"] == answer.json


def test_an_engine_out_of_reach_can_be_asked_again(client, clip, transcriber):
    transcriber.answers.append(TranscriberUnavailableError("Google can't be reached: try again later."))
    answer = client.post(f"{clip}/transcript")
    assert_error(answer, 503, "transcriber_unavailable")
    assert "Google" in answer.json["error"]["message"]
    assert client.get(clip).json["transcript"] == {"status": "unavailable", "text": "", "engine": "fake"}
    assert client.get(clip).json["emotion"] == "happy"
    assert client.post(f"{clip}/transcript").json["status"] == "done"


def test_a_clip_deleted_meanwhile_stays_deleted(make_app, wav, tmp_path):
    class Slow(FakeTranscriber):
        def transcribe(self, samples, language="en-US"):
            client.delete("/api/clips")
            return "too late"

    client = make_app(transcriber=Slow()).test_client()
    clip = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).json["id"]
    assert_error(client.post(f"/api/clips/{clip}/transcript"), 404, "not_found")
    assert client.get("/api/clips").json["clips"] == []


# The visitor's switch


def test_who_switched_it_off_is_heard_by_nobody(client, clip, transcriber):
    client.put("/api/settings", json={"transcribe": False})
    for call in (
        client.post(f"{clip}/transcript"),
        client.post(f"{clip}/transcript", json={"language": "pl-PL"}),
    ):
        assert (call.status_code, call.json) == (200, {"status": "off", "text": "", "engine": None})
    client.post(f"{clip.removeprefix('/api')}/transcript")
    assert transcriber.calls == []
    assert client.get(clip).json["transcript"]["status"] == "none"
    client.put("/api/settings", json={"transcribe": True})
    assert client.post(f"{clip}/transcript").json["status"] == "done"


def test_words_once_written_stay_when_it_is_switched_off(client, clip, app):
    words = client.post(f"{clip}/transcript").json
    client.put("/api/settings", json={"transcribe": False})
    client.post(f"{clip}/transcript")
    assert client.get(clip).json["transcript"] == words


def test_the_switch_is_remembered_for_this_visitor_only(app, client):
    assert client.get("/api/settings").json == {"transcribe": True, "language": "en-US"}
    changed = client.put("/api/settings", json={"transcribe": False, "language": "pl-PL"})
    assert changed.json == {"transcribe": False, "language": "pl-PL"}
    assert client.get("/api/settings").json == changed.json
    assert client.put("/api/settings", json={"language": "en-US"}).json["transcribe"] is False
    assert app.test_client().get("/api/settings").json["transcribe"] is True


def test_an_answer_on_its_way_doesnt_undo_the_switch(client, send):
    send()
    client.put("/api/settings", json={"transcribe": False})
    for answer in (
        client.get("/api/clips"),
        send(),
        client.get("/api/settings"),
        client.delete("/api/clips"),
    ):
        assert "Set-Cookie" not in answer.headers


def test_the_owner_can_have_it_off_until_asked_for(make_app):
    assert make_app({"TRANSCRIBE": False}).test_client().get("/api/settings").json["transcribe"] is False


def test_an_engine_called_off_is_off(make_app, wav):
    client = make_app({"TRANSCRIBER": "off"}, transcriber=None).test_client()
    clip = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).json["id"]
    assert client.post(f"/api/clips/{clip}/transcript").json["status"] == "off"


def test_the_contract_of_a_transcript():
    assert Transcript() == Transcript(status="none", text="", engine=None)
