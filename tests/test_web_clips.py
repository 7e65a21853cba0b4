"""The JSON API: what goes in comes out, only to whom it belongs."""

import csv
import io
import json
import re

import numpy as np
import pytest

from tests.fakes import FakePredictor, prediction
from utils.decoding import encode_wav
from utils.errors import UnreadableAudioError
from web.hearing import shown_name


def test_a_clip_is_judged_stored_and_described(send, predictor, tone):
    answer = send(name="hello.wav", source="recording")
    assert answer.status_code == 201
    clip = answer.json
    assert re.fullmatch(r"[0-9a-f]{46}", clip["id"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", clip["created_at"])
    assert list(clip["probabilities"]) == list(predictor.labels)
    assert {name: clip[name] for name in clip if name not in {"id", "created_at", "probabilities"}} == {
        "source": "recording",
        "filename": "hello.wav",
        "duration_seconds": 1.0,
        "status": "ok",
        "voice": None,
        "personal": False,
        "emotion": "happy",
        "confidence": 0.7,
        "voiced_seconds": 1.5,
        "heard": [0.0, 3.0],
        "audio_url": f"/api/clips/{clip['id']}/audio",
        "transcript": {"status": "none", "text": "", "engine": None},
        "correction": None,
        "model": "fake 0",
    }
    [heard] = predictor.calls
    np.testing.assert_allclose(heard, tone, atol=1e-4)


def test_the_source_is_upload_unless_said(send):
    assert send().json["source"] == "upload"


def test_an_uncertain_clip_is_stored_and_says_so(send, predictor, client):
    predictor.answers.append(prediction(status="uncertain", confidence=0.3))
    answer = send()
    assert (answer.status_code, answer.json["status"]) == (201, "uncertain")
    assert client.get("/api/clips?emotion=uncertain").json["clips"] == [answer.json]


def test_clips_are_listed_page_by_page(send, client):
    ids = [send().json["id"] for _ in range(5)]
    first = client.get("/api/clips?limit=3").json
    second = client.get(f"/api/clips?limit=3&before={first['next']}").json
    assert [clip["id"] for clip in first["clips"] + second["clips"]] == ids[::-1]
    assert second["next"] is None


def test_clips_are_filtered_and_searched(send, client, predictor):
    predictor.answers.extend([prediction("sad"), prediction("happy")])
    sad, happy = send(name="one.wav").json, send(name="two.wav").json
    assert client.get("/api/clips?emotion=sad").json["clips"] == [sad]
    assert client.get("/api/clips?search=TWO").json["clips"] == [happy]
    assert client.get("/api/clips?search=TWO&emotion=sad").json["clips"] == []


def test_one_clip(send, client):
    clip = send().json
    assert client.get(f"/api/clips/{clip['id']}").json == clip


def test_audio_comes_back_whole_and_by_range(send, client, wav):
    url = send().json["audio_url"]
    whole = client.get(url, buffered=True)
    assert (whole.status_code, whole.mimetype, whole.data) == (200, "audio/wav", wav)
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = client.get(url, headers={"Range": "bytes=44-143"}, buffered=True)
    assert (part.status_code, part.data) == (206, wav[44:144])
    assert part.headers["Content-Range"] == f"bytes 44-143/{len(wav)}"
    tail = client.get(url, headers={"Range": "bytes=-10"}, buffered=True)
    assert (tail.status_code, tail.data) == (206, wav[-10:])
    with client.head(url) as head:
        assert head.headers["Content-Length"] == str(len(wav))


def test_delete_one(send, client):
    kept, gone = send().json, send().json
    answer = client.delete(f"/api/clips/{gone['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.get("/api/clips").json["clips"] == [kept]
    for url in (f"/api/clips/{gone['id']}", gone["audio_url"]):
        assert client.get(url).status_code == 404


def test_delete_all(send, client, tmp_path):
    send(), send()
    assert client.delete("/api/clips").status_code == 204
    assert client.get("/api/clips").json == {"clips": [], "next": None}
    assert not list((tmp_path / "instance" / "clips").glob("*.wav"))


def test_a_visitor_without_a_cookie_has_no_clips_and_gets_none(client):
    answer = client.get("/api/clips")
    assert answer.json == {"clips": [], "next": None}
    assert "Set-Cookie" not in answer.headers
    assert client.delete("/api/clips").status_code == 204


@pytest.mark.parametrize("count", [0, 1, 250])
def test_the_whole_history_as_json(send, client, count, app):
    ids = [send().json["id"]] if count == 1 else []
    if count == 250:  # more than a page, straight into the store
        send()
        with client.session_transaction() as session:
            visitor = session["visitor"]
        store = app.extensions["voice"].store
        for _ in range(count - 1):
            store.add(visitor, np.zeros(16, np.float32), prediction(), source="upload", filename=None)
    answer = client.get("/api/clips.json")
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"] == "attachment; filename=clips.json"
    clips = json.loads(answer.data)["clips"]
    assert len({clip["id"] for clip in clips}) == count
    assert count != 1 or [clip["id"] for clip in clips] == ids


def test_the_whole_history_as_a_table(send, client):
    send(name="one.wav"), send(name="two.wav")
    answer = client.get("/api/clips.csv")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == "attachment; filename=clips.csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["filename"] for row in rows] == ["two.wav", "one.wav"]
    assert (rows[0]["emotion"], float(rows[0]["p_happy"]), rows[0]["transcript"]) == ("happy", 0.7, "")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum"])
def test_no_cell_is_a_formula(send, client, name):
    send(name=name + ".wav")
    [row] = csv.DictReader(io.StringIO(client.get("/api/clips.csv").text))
    assert row["filename"] == f"'{name}.wav"


def test_spoken_words_are_no_formula_either(send, client, transcriber):
    transcriber.answers.append("=cmd|' /C calc'!A0")
    client.post(f"/api/clips/{send().json['id']}/transcript")
    [row] = csv.DictReader(io.StringIO(client.get("/api/clips.csv").text))
    assert row["transcript"] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("clip.wav", "clip.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\voice.wav", "voice.wav"),
        ("a\r\nb\x00\x1b[31mc.wav", "ab[31mc.wav"),
        ("\u202egpj.exe\u2066.wav", "gpj.exe.wav"),
        ("x" * 10_000 + ".wav", "x" * 120),
        ("żółw 🐢.wav", "żółw 🐢.wav"),
        ("<script>alert(1)</script>.wav", "script>.wav"),
        ("///", None),
    ],
    ids=repr,
)
def test_file_names_are_text_to_show(sent, shown):
    assert shown_name(sent) == shown


def test_a_file_name_never_names_a_file(send, tmp_path):
    send(name="../../escaped.wav")
    assert not list(tmp_path.parent.glob("**/escaped.wav"))


# Nothing is kept of what can't be used


def bad_uploads():
    silence = encode_wav(np.zeros(16_000, np.float32))
    return {
        "no body": ({}, 400, "no_file"),
        "another field": ({"sound": (io.BytesIO(b"x"), "a.wav")}, 400, "no_file"),
        "text instead of a file": ({"audio": "hello"}, 400, "no_file"),
        "no file chosen": ({"audio": (io.BytesIO(b""), "")}, 400, "no_file"),
        "0 bytes": ({"audio": (io.BytesIO(b""), "a.wav")}, 415, "unreadable_audio"),
        "text": ({"audio": (io.BytesIO(b"hello " * 1000), "a.wav")}, 415, "unreadable_audio"),
        "half a header": ({"audio": (io.BytesIO(silence[:20]), "a.wav")}, 415, "unreadable_audio"),
        "silence": ({"audio": (io.BytesIO(silence), "a.wav")}, 422, "no_speech"),
        "bad source": ({"audio": (io.BytesIO(silence), "a.wav"), "source": "radio"}, 400, "bad_request"),
    }


@pytest.mark.parametrize("kind", bad_uploads())
def test_bad_input_stores_nothing_and_harms_nothing(client, send, tmp_path, kind):
    data, status, code = bad_uploads()[kind]
    answer = client.post("/api/clips", data=data)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert not list((tmp_path / "instance" / "clips").glob("*.wav"))
    assert client.get("/api/clips").json["clips"] == []
    assert send().status_code == 201


def test_a_model_that_refuses_stores_nothing(make_app, wav, tmp_path):
    predictor = FakePredictor(prediction(status="too_short"), UnreadableAudioError("Save it as WAV."))
    client = make_app(predictor=predictor).test_client()
    for status, code in ((422, "too_short"), (415, "unreadable_audio"), (201, None)):
        answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
        assert answer.status_code == status
        assert answer.json.get("error", {}).get("code") == code
    assert len(client.get("/api/clips").json["clips"]) == 1


# A server that keeps nothing


@pytest.fixture
def forgetful(make_app):
    return make_app({"HISTORY": False}, transcriber=None).test_client()


def test_without_history_clips_are_answered_and_forgotten(forgetful, wav, tmp_path):
    answer = forgetful.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})
    assert (answer.status_code, answer.json["emotion"], answer.json["audio_url"]) == (201, "happy", None)
    assert forgetful.get("/api/clips").json == {"clips": [], "next": None}
    clip = f"/api/clips/{answer.json['id']}"
    for call in (
        forgetful.get(clip),
        forgetful.get(f"{clip}/audio"),
        forgetful.delete(clip),
        forgetful.post(f"{clip}/transcript"),
    ):
        assert (call.status_code, call.json["error"]["code"]) == (404, "not_found")
    assert forgetful.delete("/api/clips").status_code == 204
    assert forgetful.get("/api/clips.csv").status_code == forgetful.get("/").status_code == 200
    assert [path.name for path in (tmp_path / "instance").iterdir()] == ["secret_key"]
