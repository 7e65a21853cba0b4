"""Voices through the API: taught, used, switched off, deleted; and why a clip was judged so."""

import html
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.voices import speak
from tests.fakes import FakePredictor, prediction
from tests.made_up import MANNERS, person, tiny_bundle, tiny_speakers, voice_onnx
from utils.decoding import encode_wav
from utils.emotions import STRENGTH
from utils.explanation import PARTS, SIDES
from utils.predictor import Predictor
from utils.voice_profile import VoiceProfile

NOBODY = "0" * 46


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Predictor.load(tiny_bundle(tmp_path_factory.mktemp("models") / "m", onnx=voice_onnx()))


@pytest.fixture
def app(make_app, model):
    return make_app(predictor=model)


@pytest.fixture(scope="module")
def sentences():
    return [encode_wav(speak(2, seed=n, **MANNERS["neutral"])) for n in range(3)]


@pytest.fixture
def teach(client):
    def teach(*sounds, browser=client, name="Ann", **fields):
        files = [(io.BytesIO(sound), f"{n}.wav") for n, sound in enumerate(sounds)]
        return browser.post("/api/voices", data={"name": name, "audio": files} | fields)

    return teach


def as_file(content):
    return {"profile": (io.BytesIO(content), "voice.json")}


def error_of(answer):
    assert answer.json["error"]["message"].endswith(".")
    return answer.status_code, answer.json["error"]["code"]


def test_a_voice_is_taught_used_switched_off_and_deleted(client, teach, send, sentences, tmp_path):
    before = send(sentences[0]).json
    assert (before["voice"], before["personal"]) == (None, False)
    taught = teach(*sentences)
    assert taught.status_code == 201
    voice = taught.json
    assert {key: voice[key] for key in ("name", "active", "kind", "clips")} == {
        "name": "Ann",
        "active": True,
        "kind": "ordinary",
        "clips": 3,
    }
    assert client.get("/api/voices").json == {"voices": [voice]}
    known = send(sentences[0]).json
    assert known["voice"] == "Ann"
    assert known["probabilities"] != before["probabilities"]
    off = client.put(f"/api/voices/{voice['id']}", json={"active": False})
    assert off.json == voice | {"active": False}
    assert send(sentences[0]).json["probabilities"] == before["probabilities"]
    assert client.delete(f"/api/voices/{voice['id']}").status_code == 204
    assert client.get("/api/voices").json == {"voices": []}


def test_how_strongly_is_said_once_and_not_kept(make_app):
    model = FakePredictor(*(replace(prediction("angry"), intensity=p) for p in (0.9, None, 0.9, 0.5, 0.1)))
    client = make_app(predictor=model).test_client()

    def sent(place):
        return client.post(place, data={"audio": (io.BytesIO(encode_wav(speak(1))), "a.wav")})

    heard, untold = sent("/api/clips").json, sent("/api/clips").json
    assert heard["intensity"] == 0.9 and "intensity" not in untold
    assert "intensity" not in client.get(f"/api/clips/{heard['id']}").json
    assert all("intensity" not in clip for clip in client.get("/api/clips").json["clips"])
    said = [re.search(r"data-strength>(.*?)<", sent("/").text)[1] for _ in range(3)]
    assert said == [", strongly", "", ", mildly"]
    carried = re.search('data-strengths="(.*?)"', client.get("/").text)[1]
    assert json.loads(html.unescape(carried)) == [list(step) for step in STRENGTH]


def test_who_speaks_is_said_once_and_not_kept(make_app, tmp_path):
    folder = tiny_bundle(tmp_path / "m", onnx=voice_onnx(), speakers=tiny_speakers().to_bytes())
    client = make_app(predictor=Predictor.load(folder)).test_client()

    def answer(sound):
        return client.post("/api/clips", data={"audio": (io.BytesIO(sound), "a.wav")}).json

    ann, bob = (encode_wav(speak(2, seed=n, pitch=pitch)) for n, pitch in enumerate((100, 200)))
    assert "who" not in answer(ann)
    for name, sound in (("Ann", ann), ("Bob", bob)):
        client.post("/api/voices", data={"name": name, "audio": [(io.BytesIO(sound), "a.wav")]})
    heard = answer(ann)
    assert (heard["who"]["name"], heard["voice"]) == ("Ann", "Bob")
    assert 0.5 <= heard["who"]["probability"] <= 1
    assert [voice["active"] for voice in client.get("/api/voices").json["voices"]] == [False, True]
    for voice in client.get("/api/voices").json["voices"]:
        client.delete(f"/api/voices/{voice['id']}")
    other = VoiceProfile.of(person(50), "mixed").to_json().encode()
    client.post("/api/voices", data={"name": "Cleo"} | as_file(other))
    stranger = answer(ann)["who"]
    assert (stranger["name"], stranger["probability"] < 0.5) == (None, True)
    assert len(client.get("/api/voices").json["voices"]) == 1
    assert "who" not in client.get(f"/api/clips/{heard['id']}").json
    assert all("who" not in clip for clip in client.get("/api/clips").json["clips"])


def test_no_sound_is_kept_and_delete_all_leaves_nothing(client, teach, sentences, tmp_path):
    teach(*sentences, name="Annabel")
    assert list((tmp_path / "instance" / "clips").glob("*.wav")) == []
    assert client.delete("/api/clips").status_code == 204
    assert client.get("/api/voices").json == {"voices": []}
    left = b"".join(path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file())
    assert b"Annabel" not in left


def test_a_profile_goes_home_and_comes_back(app, client, teach, sentences):
    voice = teach(*sentences).json
    file = client.get(f"/api/voices/{voice['id']}/profile")
    assert "attachment" in file.headers["Content-Disposition"]
    stranger = app.test_client()
    again = stranger.post("/api/voices", data={"name": "Mine"} | as_file(file.data)).json
    assert (again["kind"], again["clips"]) == ("ordinary", 3)
    assert stranger.get(f"/api/voices/{again['id']}/profile").json == file.json


def test_the_history_teaches_too(client, send, sentences):
    for sentence in sentences:
        send(sentence)
    voice = client.post("/api/voices", data={"name": "Ann", "history": "yes"}).json
    assert (voice["kind"], voice["clips"]) == ("mixed", 3)


@pytest.mark.parametrize(
    "change", [{"mean": [1]}, {"clips": 0}, {"kind": "loud"}, {"mean": ["x"] * 1680}, {"format": 9}]
)
def test_an_edited_profile_is_422_and_changes_nothing(client, teach, sentences, change):
    voice = teach(*sentences).json
    content = client.get(f"/api/voices/{voice['id']}/profile").json
    bad = json.dumps(content | change).encode()
    assert error_of(client.post("/api/voices", data={"name": "Ann"} | as_file(bad))) == (422, "bad_voice_profile")
    assert client.get("/api/voices").json == {"voices": [voice]}


def test_nothing_to_learn_from_is_422_and_changes_nothing(client, teach, sentences):
    silence = encode_wav(np.zeros(32_000, dtype=np.float32))
    for answer in (teach(), teach(silence, silence), teach(b""), teach(b"no sound"), teach(*sentences, name=" ")):
        assert error_of(answer) == (422, "bad_voice_profile")
    assert error_of(client.post("/api/voices", data={"history": "yes"})) == (422, "bad_voice_profile")
    assert client.get("/api/voices").json == {"voices": []}


def test_a_silent_sentence_doesnt_count(teach, sentences):
    assert teach(sentences[0], encode_wav(np.zeros(32_000, dtype=np.float32))).json["clips"] == 1


def test_somebody_elses_is_404_and_stays(app, client, teach, send, sentences):
    voice, stranger = teach(*sentences).json, app.test_client()
    stranger.get("/")
    clip = send(sentences[0]).json
    where = f"/api/voices/{voice['id']}"
    for answer in (
        stranger.put(where, json={"active": False}),
        stranger.delete(where),
        stranger.get(f"{where}/profile"),
        stranger.get(f"/api/clips/{clip['id']}/why"),
        client.delete(f"/api/voices/{NOBODY}"),
    ):
        assert error_of(answer) == (404, "not_found")
    assert stranger.get("/api/voices").json == {"voices": []}
    assert send(sentences[0], browser=stranger).json["voice"] is None
    assert client.get("/api/voices").json == {"voices": [voice]}


def test_a_server_that_keeps_nothing_keeps_no_voices(make_app, model, sentences):
    browser = make_app({"HISTORY": False}, predictor=model).test_client()
    assert browser.get("/api/voices").json == {"voices": []}
    answer = browser.post("/api/voices", data={"audio": (io.BytesIO(sentences[0]), "a.wav")})
    assert error_of(answer) == (404, "not_found")


def test_a_model_that_knows_no_voices_says_so(make_app, sentences):
    browser = make_app().test_client()
    answer = browser.post("/api/voices", data={"audio": (io.BytesIO(sentences[0]), "a.wav")})
    assert error_of(answer) == (422, "bad_voice_profile")


def test_why_tells_of_moments_and_of_sides(client, send, sentences):
    clip = send(sentences[0]).json
    why = client.get(f"/api/clips/{clip['id']}/why").json
    assert (why["emotion"], why["known_voice"], len(why["parts"])) == (clip["emotion"], False, PARTS)
    assert why["parts"][0]["start"] == clip["heard"][0]
    assert why["parts"][-1]["end"] == pytest.approx(clip["heard"][1], abs=0.02)
    assert {reason["feature"] for reason in why["reasons"]} <= set(SIDES)
    shares = [reason["share"] for reason in why["reasons"]]
    assert shares == sorted(shares, reverse=True)


def test_corrections_change_the_answers_of_this_visitor_alone(app, client, send):
    """Two ways of speaking that this model tells apart but names wrongly: six corrected clips put that right."""
    ways = {"happy": MANNERS["surprise"], "sad": MANNERS["sad"]}
    for emotion, manner in ways.items():
        for seed in range(4):
            clip = send(encode_wav(speak(2, seed=seed, **manner))).json
            client.put(f"/api/clips/{clip['id']}/correction", json={"emotion": emotion})
    fresh = {emotion: encode_wav(speak(2, seed=77, **manner)) for emotion, manner in ways.items()}
    for emotion, sound in fresh.items():
        stranger = send(sound, browser=app.test_client()).json
        mine = send(sound).json
        assert (mine["personal"], stranger["personal"]) == (True, False)
        assert mine["probabilities"][emotion] > stranger["probabilities"][emotion]
        assert sum(mine["probabilities"].values()) == pytest.approx(1)
    client.delete("/api/clips")
    assert send(fresh["sad"]).json["personal"] is False


def test_what_was_taught_costs_no_second_hearing(client, teach, send, sentences, model, monkeypatch):
    teach(*sentences)
    for emotion, manner in (("happy", MANNERS["surprise"]), ("sad", MANNERS["sad"])):
        for seed in range(3):
            clip = send(encode_wav(speak(2, seed=seed, **manner))).json
            client.put(f"/api/clips/{clip['id']}/correction", json={"emotion": emotion})
    asked, hear = [], model.hear
    monkeypatch.setattr(model, "hear", lambda *of: asked.append(of) or hear(*of))
    answer = send(encode_wav(speak(2, seed=77, **MANNERS["sad"]))).json
    assert (answer["voice"], answer["personal"], len(asked)) == ("Ann", True, 1)
