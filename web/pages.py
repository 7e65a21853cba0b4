"""The page, and its forms for people without JavaScript."""

import json
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from markdown_it import MarkdownIt
from markupsafe import Markup

from utils.audio_preprocessing import CLIP_SECONDS
from utils.clip_store import Clip
from utils.decoding import MAX_BYTES, MAX_SECONDS, MAX_TIMELINE_SECONDS
from utils.emotions import ALL_EMOTIONS, EMOJI, SAMPLE_SENTENCES
from utils.errors import StoreError
from utils.exports import available
from utils.language import FOLDER
from web import visitor
from web.hearing import hear, write_down
from web.language import page_words, spoken
from web.recordings import newest
from web.schemas import AnswerJson, ClipJson, ClipQuery
from web.services import services
from web.voices import learn

PRIVACY = Path(__file__).parents[1] / "docs" / "privacy.md"
ACCEPT = (".wav", ".mp3", ".m4a", ".aac", ".mp4", ".flac", ".ogg", ".opus", ".webm")

page = Blueprint("page", __name__)


@page.get("/")
def show() -> Response:
    """The page; a visit renews the cookie."""
    visitor.known_visitor()
    session.modified = True
    return render()


@page.get("/parts/<any(clips, live, recordings, voices):part>")
def show_part(part: str) -> str:
    """What the page fetches with the first use of a part: its styles, templates and words; nothing of the visitor's."""
    words = _data_block(page_words(spoken().code, part))
    return render_template("_part.html", part=part, words_json=words, answer=None, **_facts())


@page.get("/privacy")
def privacy() -> str:
    """What happens to voices, in the words of docs/privacy.md or of its translation."""
    translated = FOLDER / f"privacy.{spoken().code}.md"
    text = (translated if translated.exists() else PRIVACY).read_text(encoding="utf-8")
    html = MarkdownIt("commonmark").enable("table").render(text)
    return render_template("privacy.html", content=Markup(html))  # noqa: S704 - our own file


@page.get("/offline")
def offline() -> str:
    """What the service worker shows where the server can't be reached."""
    return render_template("offline.html")


@page.get("/service-worker.js")
def service_worker() -> Response:
    """The service worker, at the root because it may only serve what lies below its own address."""
    return current_app.send_static_file("service-worker.js")


@page.post("/")
def upload() -> Response:
    """The form's upload: the page with the answer (a failure is rendered by the error handler)."""
    return render(answer=hear())


@page.post("/clips/<clip:clip_id>/delete")
def delete(clip_id: str) -> Any:
    """The delete button of one clip."""
    services().store.delete(visitor.visitor() or "", clip_id)
    return redirect(url_for("page.show"), 303)


@page.post("/clips/delete")
def delete_all() -> Any:
    """The delete button of the whole history."""
    services().delete_all(visitor.visitor() or "")
    return redirect(url_for("page.show"), 303)


@page.post("/clips/<clip:clip_id>/transcript")
def transcript(clip_id: str) -> Any:
    """The button that asks for the words of a clip."""
    write_down(clip_id, request.form.get("language"))
    return redirect(url_for("page.show"), 303)


@page.post("/clips/<clip:clip_id>/correction")
def correct(clip_id: str) -> Any:
    """The form that says what a clip really was: `emotion`, empty to take it back."""
    learn(services().store.set_correction(visitor.visitor() or "", clip_id, request.form.get("emotion") or None))
    return redirect(url_for("page.show"), 303)


@page.post("/consent")
def consent() -> Any:
    """The form with the box `training` (not there: no longer allowed)."""
    services().store.set_training(visitor.known_visitor(), "training" in request.form)
    return redirect(url_for("page.show"), 303)


@page.post("/settings")
def settings() -> Any:
    """The settings form: the box `transcribe` (not there: off) and `language`."""
    wanted = request.form.get("language") or None
    visitor.choose(transcribe="transcribe" in request.form, wanted_language=wanted)
    return redirect(url_for("page.show"), 303)


def render(*, answer: Clip | None = None, problem: str | None = None, status: int = 200) -> Response:
    """The page with the visitor's clips, filtered by the query; it stands even when the history doesn't."""
    asked = {name: value for name, value in request.args.items() if value}  # a form sends empty fields, too
    query = {} if ClipQuery().validate(asked) else ClipQuery().load(asked)
    store, asking = services().store, visitor.visitor() or ""
    clips, cursor, consent, taught = [], None, False, False
    long: list[dict[str, Any]] = []
    try:
        clips, cursor = store.list(asking, **query)
        consent = store.allows_training(asking)
        long = newest(asking)
        taught = bool(services().profiles and services().profiles.voices(asking))
    except StoreError as error:
        problem = problem or spoken().error(error)
    if problem is None and services().problem:
        problem = spoken().error(services().problem)
    facts = _facts() | {"clips": ClipJson(many=True).dump(clips), "next": cursor, "recordings": long, "taught": taught}
    facts["consent"] = {"training": consent}
    shown = AnswerJson().dump(answer) if answer else None
    blocks = {"config_json": _data_block(facts), "words_json": _data_block(page_words(spoken().code))}
    html = render_template("index.html", answer=shown, problem=problem, **blocks, **facts)
    return make_response(html, status)


def _facts() -> dict[str, Any]:
    """What the page knows of the server and the visitor."""
    predictor, transcriber = services().predictor, services().transcriber
    model = {"name": predictor.name, "version": predictor.version} if predictor else None
    return {
        "labels": _shown(services().labels),
        "emotions": _shown(ALL_EMOTIONS),
        "limits": {"max_bytes": MAX_BYTES, "max_seconds": MAX_SECONDS, "clip_seconds": CLIP_SECONDS},
        "recording_limits": {
            "max_bytes": current_app.config["RECORDING_MEGABYTES"] << 20,
            "max_seconds": MAX_TIMELINE_SECONDS,
        },
        "exports": {name: form.name for name, form in available().items()},
        "accept": list(ACCEPT),
        "sentences": [spoken().say(sentence) for sentence in SAMPLE_SENTENCES],
        "transcriber": {
            "name": transcriber.name,
            "languages": list(transcriber.languages),
            "sends_audio_to": transcriber.sends_audio_to,
        },
        "settings": visitor.settings() | ({"transcribe": False} if transcriber.name == "off" else {}),
        "model": model,
        "knows_voices": bool(predictor and predictor.knows_voices),
        "history": services().keeps_history,
        "live": current_app.config["STREAMS"] > 0,
    }


def _shown(emotions: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"name": emotion, "emoji": EMOJI.get(emotion, "")} for emotion in emotions]


def _data_block(facts: dict[str, Any]) -> Markup:
    """JSON that can stand in a <script> element: nothing in it can end the element."""
    text = json.dumps(facts, ensure_ascii=False)  # escaped, a Bengali letter is twice as long
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped just above
