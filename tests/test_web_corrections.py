"""Corrections and consent through the API and the page's forms."""

import csv
import io
import json

import pytest

from tests.fakes import prediction
from utils.emotions import ALL_EMOTIONS
from web.keys import make_key


@pytest.fixture
def correct(client):
    def correct(clip, emotion, browser=client):
        return browser.put(f"/api/clips/{clip['id']}/correction", json={"emotion": emotion})

    return correct


def test_a_correction_is_answered_kept_and_taken_back(send, client, correct):
    clip = send().json
    assert clip["correction"] is None
    for emotion in ALL_EMOTIONS:
        answer = correct(clip, emotion)
        assert (answer.status_code, answer.json) == (200, clip | {"correction": emotion})
        assert client.get(f"/api/clips/{clip['id']}").json == answer.json
    answer = client.delete(f"/api/clips/{clip['id']}/correction")
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.get(f"/api/clips/{clip['id']}").json == clip


def test_an_emotion_that_is_none_is_422_with_the_list(send, client, correct):
    clip = send().json
    answer = correct(clip, "bored")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "unknown_emotion")
    assert ", ".join(ALL_EMOTIONS) in answer.json["error"]["message"]
    assert client.get(f"/api/clips/{clip['id']}").json == clip


@pytest.mark.parametrize(
    "body", [None, {}, {"emotion": None}, {"emotion": 1}, {"emotion": ["sad"]}, {"mood": "sad"}, []]
)
def test_a_body_that_says_no_emotion_is_400(send, client, body):
    answer = client.put(f"/api/clips/{send().json['id']}/correction", json=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_request")


def test_anothers_clip_is_404_and_stays_as_it_is(app, send, client, correct):
    clip, stranger = send().json, app.test_client()
    stranger.get("/")
    for answer in (
        correct(clip, "sad", stranger),
        stranger.delete(f"/api/clips/{clip['id']}/correction"),
        stranger.post(f"/clips/{clip['id']}/correction", data={"emotion": "sad"}),
        correct({"id": "0" * 46}, "sad"),
    ):
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert client.get(f"/api/clips/{clip['id']}").json == clip


def test_too_many_corrections_are_told_to_wait(make_app, wav):
    client = make_app({"CLIPS_PER_MINUTE": 3}).test_client()
    clip = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).json
    path = f"/api/clips/{clip['id']}/correction"
    assert [client.put(path, json={"emotion": "sad"}).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.delete(path).status_code == 429
    assert client.get("/api/clips").json["clips"][0]["correction"] == "sad"


def test_clips_are_filtered_by_the_truth(send, client, correct):
    clip, other = send().json, send().json
    corrected = correct(clip, "fear").json
    assert client.get("/api/clips?emotion=fear").json["clips"] == [corrected]
    assert client.get("/api/clips?emotion=happy").json["clips"] == [other]
    assert corrected["id"] in client.get("/?emotion=fear").text.partition("<template")[0]


def test_exports_hold_the_correction_and_the_model(send, client, correct):
    correct(send().json, "fear")
    send()
    rows = list(csv.DictReader(io.StringIO(client.get("/api/clips.csv").text)))
    assert [(row["emotion"], row["correction"], row["model"]) for row in rows] == [
        ("happy", "", "fake 0"),
        ("happy", "fear", "fake 0"),
    ]
    clips = json.loads(client.get("/api/clips.json").data)["clips"]
    assert [(clip["correction"], clip["model"]) for clip in clips] == [(None, "fake 0"), ("fear", "fake 0")]


def test_without_history_there_is_nothing_to_correct_or_to_allow(make_app, wav):
    client = make_app({"HISTORY": False}, transcriber=None).test_client()
    clip = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).json
    assert client.put(f"/api/clips/{clip['id']}/correction", json={"emotion": "sad"}).status_code == 404
    assert client.put("/api/consent", json={"training": True}).status_code == 404
    assert client.put("/api/consent", json={"training": False}).status_code == 200
    assert client.get("/api/consent").json == {"training": False}
    assert "data-truth>" not in client.get("/").text


# The page without JavaScript


def shown(client):
    return client.get("/").text.partition("<template")[0]


def test_the_form_corrects_confirms_and_takes_back(send, client, predictor):
    predictor.answers.extend([prediction(), prediction(status="uncertain")])
    heard, unsure = send().json, send().json
    for clip, emotion, words in (
        (heard, "fear", "Heard happy, corrected to fear."),
        (heard, "happy", "Confirmed: it was happy."),
        (unsure, "disgust", "Heard nothing definite, corrected to disgust."),
    ):
        answer = client.post(f"/clips/{clip['id']}/correction", data={"emotion": emotion})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert words in shown(client)
        assert f'<option value="{emotion}" selected>' in shown(client)
    for clip in (heard, unsure):
        client.post(f"/clips/{clip['id']}/correction", data={"emotion": ""})
    assert "corrected to" not in shown(client)
    assert client.get("/api/clips").json["clips"] == [unsure, heard]


def test_a_row_is_named_by_the_truth_and_the_share_stays_the_answers(send, client, correct):
    correct(send().json, "fear")
    row = shown(client).partition('<li class="clip"')[2]
    assert row.startswith(f' data-clip="{client.get("/api/clips").json["clips"][0]["id"]}" data-emotion="fear">')
    assert "<span data-title>Fear</span>" in row
    assert "data-share></span>" in row


def test_the_answer_names_the_model(client, wav):
    page = client.post("/", data={"audio": (io.BytesIO(wav), "a.wav")}, headers={"Accept": "text/html"}).text
    assert "Answered by fake 0" in page


# Consent


def test_consent_is_off_until_given_and_belongs_to_the_visitor(app, client):
    assert client.get("/api/consent").json == {"training": False}
    for training in (True, False, True):
        answer = client.put("/api/consent", json={"training": training})
        assert (answer.status_code, answer.json) == (200, {"training": training})
        assert client.get("/api/consent").json == {"training": training}
    stranger = app.test_client()
    assert stranger.get("/api/consent").json == {"training": False}


@pytest.mark.parametrize("body", [{}, {"training": "yes"}, {"training": 1}, {"training": None}, None])
def test_consent_is_yes_or_no_and_nothing_like_it(client, body):
    answer = client.put("/api/consent", json=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_request")
    assert client.get("/api/consent").json == {"training": False}


def test_the_form_gives_and_withdraws_consent(client, send):
    send()
    assert client.post("/consent", data={"training": "on"}).status_code == 303
    assert client.get("/api/consent").json == {"training": True}
    assert "data-training checked" in client.get("/").text
    client.post("/consent", data={})
    assert client.get("/api/consent").json == {"training": False}


def test_delete_all_withdraws_it(client, send):
    send()
    client.put("/api/consent", json={"training": True})
    client.delete("/api/clips")
    assert client.get("/api/consent").json == {"training": False}


def test_a_program_with_a_key_consents_for_itself(app, tmp_path):
    key = make_key(tmp_path / "instance", "robot")
    headers = {"Authorization": f"Bearer {key}"}
    robot = app.test_client(use_cookies=False)
    assert robot.put("/api/consent", json={"training": True}, headers=headers).json == {"training": True}
    assert robot.get("/api/consent", headers=headers).json == {"training": True}
    assert robot.get("/api/consent").json == {"training": False}
