"""The page and its forms work without JavaScript, and what clients send is never markup."""

import html
import io
import json
import re
from html.parser import HTMLParser

import pytest

from tests.fakes import FakeTranscriber, prediction
from utils.emotions import SAMPLE_SENTENCES


class DataBlock(HTMLParser):
    """Finds the text of <script id="config"> as a browser does."""

    def __init__(self):
        super().__init__()
        self.text, self.inside = "", False

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "script" and dict(attributes).get("id") == "config"

    def handle_data(self, data):
        self.text += data if self.inside else ""

    def handle_endtag(self, tag):
        self.inside = False


def config_of(answer):
    parser = DataBlock()
    parser.feed(answer.text)
    return json.loads(parser.text)


def upload(client, wav, name="a.wav"):
    return client.post("/", data={"audio": (io.BytesIO(wav), name)}, headers={"Accept": "text/html,*/*;q=0.8"})


def test_the_page_knows_the_server(client):
    config = config_of(client.get("/"))
    assert config["labels"][:2] == [{"name": "neutral", "emoji": "😐"}, {"name": "happy", "emoji": "😊"}]
    assert config["limits"] == {"max_bytes": 26_214_400, "max_seconds": 1800, "clip_seconds": 3}
    assert {".wav", ".mp3", ".m4a", ".flac", ".ogg", ".opus", ".webm"} <= set(config["accept"])
    assert config["sentences"] == list(SAMPLE_SENTENCES)
    assert config["transcriber"] == {
        "name": "fake",
        "languages": ["en-US", "pl-PL"],
        "sends_audio_to": "Somebody",
    }
    assert config["settings"] == {"transcribe": True, "language": "en-US"}
    assert config["model"] == {"name": "fake", "version": "0"}
    assert (config["history"], config["clips"], config["next"]) == (True, [], None)


def test_the_page_leads_to_what_happens_with_voices(client):
    assert 'href="/privacy"' in client.get("/").text
    page = client.get("/privacy")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "<h1>Privacy</h1>" in page.text
    assert "<td>30 days" in page.text
    assert "theme.js" in page.text  # the colours that the visitor chose on the page
    assert 'rel="icon"' in page.text
    assert "Google" in page.text
    assert "**" not in page.text


def test_the_template_gets_what_it_is_promised(app, client, wav):
    from flask import template_rendered

    seen = {}

    def remember(_sender, template, context, **_):
        seen.update(context, template=template.name)

    with template_rendered.connected_to(remember, app):
        upload(client, wav)
    promised = {
        "labels",
        "limits",
        "accept",
        "sentences",
        "transcriber",
        "settings",
        "clips",
        "next",
        "answer",
    }
    assert promised | {"problem", "model", "history", "config_json"} <= set(seen)
    assert seen["template"] == "index.html"
    assert seen["answer"] == seen["clips"][0] == client.get("/api/clips").json["clips"][0]


def test_the_form_answers_on_the_page(client, wav):
    answer = upload(client, wav)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "happy" in answer.text.lower()
    assert len(config_of(answer)["clips"]) == 1


def test_the_forms_failure_is_a_sentence_on_the_page(client, predictor, wav):
    predictor.answers.append(prediction(status="no_speech"))
    answer = upload(client, wav)
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "No speech was heard" in answer.text
    assert config_of(answer)["clips"] == []


def test_an_uncertain_clip_never_looks_like_a_definite_one(client, predictor, wav):
    predictor.answers.append(prediction(status="uncertain"))
    shown = re.sub("<template.*?</template>", "", upload(client, wav).text, flags=re.S)
    assert shown.count("Not sure: perhaps") >= 2, "in the answer and in the history"
    assert "at most" in shown
    card, row = re.search("<article.*?>", shown, re.S)[0], re.search('<li class="clip".*?</h3>', shown, re.S)[0]
    assert 'data-emotion="uncertain"' in card
    assert 'data-emotion="uncertain"' in row
    assert "%" not in row


@pytest.mark.parametrize("path", ["/clips/{id}/delete", "/clips/delete"])
def test_delete_buttons_work(client, send, path):
    clip = send().json
    answer = client.post(path.format(id=clip["id"]))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/api/clips").json["clips"] == []


def test_the_settings_form_works(client):
    assert client.post("/settings", data={"language": "pl-PL"}).status_code == 303
    assert client.get("/api/settings").json == {"transcribe": False, "language": "pl-PL"}
    client.post("/settings", data={"transcribe": "on"})
    assert client.get("/api/settings").json == {"transcribe": True, "language": "pl-PL"}


def test_the_transcript_button_works(client, send):
    clip = send().json
    assert client.post(f"/clips/{clip['id']}/transcript").status_code == 303
    assert client.get("/api/clips").json["clips"][0]["transcript"]["text"] == "hello there"


def test_without_a_transcriber_nothing_is_offered_to_be_written_down(make_app, wav):
    client = make_app(transcriber=FakeTranscriber(name="off")).test_client()
    client.get("/")
    answer = upload(client, wav)
    assert '/transcript"' not in answer.text
    assert config_of(answer)["settings"]["transcribe"] is False
    assert client.get("/api/settings").json["transcribe"] is True  # for the day there is one


def test_older_clips_have_pages_too(client, send):
    ids = [send().json["id"] for _ in range(22)]
    first = config_of(client.get("/"))
    assert [clip["id"] for clip in first["clips"]] == ids[:1:-1]
    second = config_of(client.get(f"/?before={first['next']}"))
    assert [clip["id"] for clip in second["clips"]] == [ids[1], ids[0]]
    assert config_of(client.get("/?emotion=sad"))["clips"] == []


@pytest.mark.parametrize("query", ["limit=abc", "before='", "limit=-1", "search=%00", "emotion=%ff"])
def test_a_strange_query_is_the_plain_page(client, query):
    assert client.get(f"/?{query}").status_code == 200


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&quot;'\"{{7*7}}"


def test_nothing_a_client_sends_becomes_markup(client, send, transcriber):
    transcriber.answers.append(EVIL)
    clip = send(name=EVIL.replace("/", "∕")).json
    client.post(f"/api/clips/{clip['id']}/transcript")
    answer = client.get("/")
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert config_of(answer)["clips"][0]["transcript"]["text"] == EVIL
    for query in ("search", "emotion"):
        page = client.get("/", query_string={query: EVIL})
        assert "<script>alert" not in page.text


def test_there_is_no_inline_script_or_style(client, send):
    send()
    for path in ("/", "/api/docs"):
        text = client.get(path).text
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
        for script in re.findall(r"<script[^>]*>", text):
            assert "src=" in script or 'type="application/json"' in script
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', text):
            assert not re.match(r"(https?:)?//", html.unescape(address)), address


def test_a_visit_renews_the_cookie(client):
    assert "Set-Cookie" in client.get("/").headers
    assert "Set-Cookie" in client.get("/").headers


def test_a_server_without_history_shows_so(make_app, wav):
    client = make_app({"HISTORY": False}, transcriber=None).test_client()
    config = config_of(upload(client, wav))
    assert (config["history"], config["clips"], config["transcriber"]["name"]) == (False, [], "off")
