"""The page and the API answer in the language of who asks."""

import io
import json
import re
from pathlib import Path

import pytest

from tests.fakes import FakeTranscriber, prediction
from tests.test_web_pages import config_of
from utils.language import LANGUAGES, Language
from utils.transcription import LANGUAGES as SPOKEN
from web.language import LATER, page_words

ROOT = Path(__file__).resolve().parents[1]
OTHERS = [code for code in LANGUAGES if code != "en"]


def lang(answer):
    return re.search(r'<html lang="(\w+)"', answer.text)[1]


def page(client, header=None, path="/"):
    return client.get(path, headers={"Accept-Language": header} if header is not None else {})


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "en"),
        ("de", "de"),
        ("de-AT,en;q=0.9", "de"),
        ("en;q=0.5, pl;q=0.8", "pl"),
        ("ja, bn-IN;q=0.3", "bn"),
        ("fr;q=0, de;q=0.1", "de"),
        ("es-419,es;q=0.9", "es"),
        ("*", "en"),
        ("", "en"),
        ("ja,zh", "en"),
        (";;;,q=,de;q=x,=", "en"),
        ("\u00ff\u00fe" * 50, "en"),
        ("d" * 8000, "en"),
    ],
)
def test_the_browsers_language_comes_first(client, header, code):
    answer = page(client, header)
    assert (answer.status_code, lang(answer), answer.headers["Content-Language"]) == (200, code, code)
    assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_the_switch_is_remembered_and_its_address_is_plain(client):
    answer = page(client, "fr", "/?lang=pl&search=a+b")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?search=a+b")
    assert lang(page(client, "fr")) == lang(page(client, "fr", "/privacy")) == "pl"
    assert lang(page(client, "de", "/offline")) == "pl"
    page(client, "fr", "/privacy?lang=en")
    assert lang(page(client, "fr")) == "en"
    chosen = re.findall(r'<option value="(\w+)" lang="\w+" selected>', page(client, "fr").text)
    assert chosen == ["en"]


def test_the_choice_takes_its_region_from_the_browser(client):
    page(client, path="/?lang=de")
    client.post("/api/clips", data={"audio": (io.BytesIO(b""), "a.wav")})
    settings = client.get("/api/settings", headers={"Accept-Language": "en-GB,de-CH;q=0.4"})
    assert settings.headers["Content-Language"] == "de"


@pytest.mark.parametrize("wanted", ["xx", "", "de-AT", "../pl", "%00", "en%0d%0aX:y"])
def test_a_language_we_dont_speak_is_no_matter(client, wanted):
    answer = page(client, "de", f"/?lang={wanted}")
    assert (answer.status_code, lang(answer)) == (200, "de")


def test_only_pages_are_switched(client):
    for path in ("/api/clips", "/api/docs", "/offline", "/static/style.css"):
        with client.get(f"{path}?lang=de") as answer:
            assert answer.status_code == 200
    client.post("/settings?lang=de")
    client.post("/?lang=de")
    assert lang(page(client)) == "en"


def test_settings_keep_the_choice_and_the_choice_the_settings(client):
    client.put("/api/settings", json={"transcribe": False})
    page(client, path="/?lang=pl")
    assert client.get("/api/settings").json == {"transcribe": False, "language": "pl-PL"}
    client.post("/settings", data={"transcribe": "on", "language": "en-US"})
    assert lang(page(client)) == "pl"
    assert client.get("/api/settings").json == {"transcribe": True, "language": "en-US"}


@pytest.mark.parametrize("code", OTHERS)
def test_the_whole_page_is_in_the_language(client, predictor, send, code):
    send()
    predictor.answers.append(prediction(status="uncertain"))
    send(name="b.wav")
    answer = page(client, code)
    words = Language(code)
    for sentence in ("How do you sound?", "Only you can see these clips.", "Voice emotion"):
        assert words.say(sentence) in answer.text
        assert f">{sentence}<" not in answer.text
    assert f"{words.capital('happy')}</span>" in answer.text
    assert words.say("Not sure: perhaps {first} or {second}").partition("{")[0] in answer.text
    config = config_of(answer)
    assert config["sentences"][0] == words.say("The kettle is on, so come and sit with me for a while.")
    assert {clip["emotion"] for clip in config["clips"]} <= {"happy", "sad", "neutral", "angry", "fear", "surprise"}
    block = re.search(r"data-catalogue>(.*?)</script>", answer.text)[1]
    assert json.loads(block) == page_words(code)
    assert "<" not in block


@pytest.mark.parametrize("part", sorted(LATER))
def test_a_part_brings_its_words_and_the_page_has_the_rest(client, part):
    answer = client.get(f"/parts/{part}", headers={"Accept-Language": "pl"})
    words = page_words("pl", part)
    assert words and json.loads(re.search(r"data-catalogue>(.*?)</script>", answer.text)[1]) == words
    assert not words.keys() & page_words("pl").keys()
    assert "data-catalogue" not in client.get(f"/parts/{part}", headers={"Accept-Language": "en"}).text


def test_what_is_asked_before_all_clips_go_is_asked_in_the_language(client):
    part = client.get("/parts/clips", headers={"Accept-Language": "pl"}).text
    assert Language("pl").say("Delete all your clips?") in part


def test_the_modules_of_the_parts_are_there():
    for modules in LATER.values():
        for name in modules:
            assert (ROOT / "static" / "js" / f"{name}.js").exists(), name


def test_english_carries_no_words(client):
    assert "data-catalogue" not in page(client).text
    assert page_words("en") == {}


def test_the_page_is_given_what_its_modules_say_and_no_more(client):
    words = page_words("pl")
    assert words["Cancel"] == "Anuluj"
    assert words["{count} clip listed."] == [
        "{count} klip na liście.",
        "{count} klipy na liście.",
        "{count} klipów na liście.",
    ]
    assert "Only clips of up to {minutes} minutes are written down: try with a shorter one." not in words


# The API


def test_the_api_says_why_in_the_language_and_keeps_the_code(client):
    for header, sentence in (
        (None, "There is nothing"),
        ("de-AT,de;q=0.9", "Unter dieser Adresse"),
        ("bn", "এই ঠিকানায়"),
    ):
        answer = page(client, header, "/api/nothing")
        assert answer.json["error"]["code"] == "not_found"
        assert answer.json["error"]["message"].startswith(sentence)
        assert answer.headers["Content-Language"] == (header or "en")[:2]
        assert "Accept-Language" in answer.headers["Vary"]


def test_errors_of_the_core_are_said_in_the_language(client, predictor, wav):
    predictor.answers.append(prediction(status="no_speech"))
    upload = {"audio": (io.BytesIO(wav), "a.wav")}
    answer = client.post("/api/clips", data=upload, headers={"Accept-Language": "es"})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "no_speech")
    assert answer.json["error"]["message"].startswith("No se oyó ninguna voz")
    headers = {"Accept-Language": "fr", "Accept": "text/html"}
    shown = client.post("/", data={"audio": (io.BytesIO(b"junk"), "a.wav")}, headers=headers)
    assert "Ceci ne se lit pas comme du son" in shown.text


def test_a_program_with_a_key_is_answered_in_its_language(make_app, tmp_path):
    from web.keys import make_key

    key = make_key(tmp_path / "instance", "robot")
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "pl"}
    answer = make_app().test_client().get(f"/api/clips/{'0' * 46}", headers=headers)
    assert answer.json["error"]["message"].startswith("Nie ma takiego klipu")
    assert "Set-Cookie" not in answer.headers


def test_clips_are_the_same_in_every_language(client, send):
    send()
    answers = [client.get("/api/clips", headers={"Accept-Language": code}).json for code in LANGUAGES]
    assert all(answer == answers[0] for answer in answers)


def test_the_description_of_the_api_is_english_and_says_so(client):
    answer = page(client, "de", "/api/docs")
    assert lang(answer) == "en"
    assert "Content-Language" not in answer.headers


# Words of clips


@pytest.mark.parametrize(
    ("header", "tag"), [(None, "en-US"), ("de-AT", "de-DE"), ("bn", "bn-BD"), ("en-GB", "en-GB"), ("ja", "en-US")]
)
def test_what_is_spoken_is_what_is_read_until_it_is_chosen(make_app, wav, header, tag):
    transcriber = FakeTranscriber(languages=SPOKEN)
    client = make_app(transcriber=transcriber).test_client()
    headers = {"Accept-Language": header} if header else {}
    clip = client.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")}).json["id"]
    assert config_of(client.get("/", headers=headers))["settings"]["language"] == tag
    client.post(f"/api/clips/{clip}/transcript", headers=headers)
    client.put("/api/settings", json={"language": "es-MX"})
    client.post(f"/api/clips/{clip}/transcript", headers=headers)
    assert [language for _, language in transcriber.calls] == [tag, "es-MX"]


# Privacy


@pytest.mark.parametrize("code", OTHERS)
def test_privacy_is_told_in_the_language(client, code):
    english, other = page(client, "en", "/privacy"), page(client, code, "/privacy")
    assert lang(other) == code
    for tag in ("<h1>", "<tr>", "<li>", "<code>", "<strong>", "<p>"):
        assert english.text.count(tag) == other.text.count(tag), tag

    def codes(answer):
        return set(re.findall("<code>(.*?)</code>", answer.text))

    assert codes(english) == codes(other)
    assert "Google" in other.text
