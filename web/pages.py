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
from utils.decoding import MAX_BYTES, MAX_SECONDS
from utils.emotions import EMOJI, SAMPLE_SENTENCES
from utils.errors import StoreError
from web import visitor
from web.hearing import hear, write_down
from web.schemas import ClipJson, ClipQuery
from web.services import services

PRIVACY = Path(__file__).parents[1] / "docs" / "privacy.md"
ACCEPT = (".wav", ".mp3", ".m4a", ".aac", ".mp4", ".flac", ".ogg", ".opus", ".webm")

page = Blueprint("page", __name__)


@page.get("/")
def show() -> Response:
    """The page; a visit renews the cookie."""
    visitor.known_visitor()
    session.modified = True
    return render()


@page.get("/privacy")
def privacy() -> str:
    """What happens to voices, in the words of docs/privacy.md."""
    html = MarkdownIt("commonmark").enable("table").render(PRIVACY.read_text(encoding="utf-8"))
    return render_template("privacy.html", content=Markup(html))  # noqa: S704 - our own file


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
    services().store.delete_all(visitor.visitor() or "")
    return redirect(url_for("page.show"), 303)


@page.post("/clips/<clip:clip_id>/transcript")
def transcript(clip_id: str) -> Any:
    """The button that asks for the words of a clip."""
    write_down(clip_id, request.form.get("language"))
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
    try:
        clips, cursor = services().store.list(visitor.visitor() or "", **query)
    except StoreError as error:
        clips, cursor, problem = [], None, problem or str(error)
    problem = problem or services().problem
    facts = _facts() | {"clips": ClipJson(many=True).dump(clips), "next": cursor}
    shown = ClipJson().dump(answer) if answer else None
    html = render_template("index.html", answer=shown, problem=problem, config_json=_data_block(facts), **facts)
    return make_response(html, status)


def _facts() -> dict[str, Any]:
    """What the page knows of the server and the visitor."""
    predictor, transcriber = services().predictor, services().transcriber
    model = {"name": predictor.name, "version": predictor.version} if predictor else None
    return {
        "labels": [{"name": label, "emoji": EMOJI.get(label, "")} for label in services().labels],
        "limits": {"max_bytes": MAX_BYTES, "max_seconds": MAX_SECONDS, "clip_seconds": CLIP_SECONDS},
        "accept": list(ACCEPT),
        "sentences": list(SAMPLE_SENTENCES),
        "transcriber": {
            "name": transcriber.name,
            "languages": list(transcriber.languages),
            "sends_audio_to": transcriber.sends_audio_to,
        },
        "settings": visitor.settings(),
        "model": model,
        "history": services().keeps_history,
    }


def _data_block(facts: dict[str, Any]) -> Markup:
    """JSON that can stand in a <script> element: nothing in it can end the element."""
    text = json.dumps(facts)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped just above
