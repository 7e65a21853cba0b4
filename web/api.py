"""The JSON API for clips."""

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser
from werkzeug.routing import BaseConverter

from utils.clip_store import Clip, Transcript
from web import export, schemas
from web.files import send_part
from web.hearing import SOURCES, BadRequestError, hear, write_down
from web.recording_schemas import Everything
from web.services import services
from web.visitor import visitor
from web.voices import learn


class ClipId(BaseConverter):
    """A clip's id in an address; anything else is no address at all."""

    regex = "[0-9a-f]{46}"


class Parser(FlaskParser):
    """A bad parameter is a bad request: 422 is for audio without speech."""

    DEFAULT_VALIDATION_STATUS = 400


class ApiBlueprint(Blueprint):
    """A blueprint whose parameters are read by our parser."""

    ARGUMENTS_PARSER = Parser()


UPLOAD = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["audio"],
                "properties": {
                    "audio": {
                        "type": "string",
                        "format": "binary",
                        "description": "at most 25 MB, 30 minutes",
                    },
                    "source": {"type": "string", "enum": list(SOURCES), "default": "upload"},
                },
            },
            "encoding": {"audio": {"contentType": "audio/*"}},
        }
    },
}

LANGUAGE = {
    "required": False,
    "content": {
        kind: {"schema": {"type": "object", "properties": {"language": {"type": "string", "example": "en-US"}}}}
        for kind in ("application/json", "application/x-www-form-urlencoded")
    },
}

api = ApiBlueprint("clips", __name__, url_prefix="/api", description="Clips of the visitor whom the cookie names")


def fails(*statuses: int) -> Any:
    """Document the failures of a call."""

    def decorate(view: Any) -> Any:
        for status in statuses:
            view = api.alt_response(status, schema=schemas.Error)(view)
        return view

    return decorate


@api.route("/clips", methods=["POST"])
@api.doc(requestBody=UPLOAD)
@api.response(201, schemas.AnswerJson)
@fails(400, 403, 413, 415, 422, 429, 503)
def add() -> Clip:
    """Judge a recording or a file, and keep it in the history."""
    return hear()


@api.route("/clips", methods=["GET"])
@api.arguments(schemas.ClipQuery, location="query")
@api.response(200, schemas.ClipPage)
@fails(503)
def find(query: dict[str, Any]) -> dict[str, Any]:
    """The visitor's clips, newest first."""
    clips, cursor = services().store.list(visitor() or "", **query)
    return {"clips": clips, "next": cursor}


@api.route("/clips", methods=["DELETE"])
@api.response(204)
@fails(403, 503)
def delete_all() -> None:
    """Delete all the visitor's clips and recordings: audio and everything known of them."""
    services().delete_all(visitor() or "")


@api.route("/clips.csv", methods=["GET"])
@api.response(200, {"type": "string"}, content_type="text/csv")
@fails(503)
def as_csv() -> Response:
    """The whole history as a table."""
    return export.csv_download(visitor() or "")


@api.route("/clips.json", methods=["GET"])
@api.response(200, Everything)
@fails(503)
def as_json() -> Response:
    """The whole history as JSON."""
    return export.json_download(visitor() or "")


@api.route("/clips/<clip:clip_id>", methods=["GET"])
@api.response(200, schemas.ClipJson)
@fails(404, 503)
def show(clip_id: str) -> Clip:
    """One clip."""
    return services().store.get(visitor() or "", clip_id)


@api.route("/clips/<clip:clip_id>", methods=["DELETE"])
@api.response(204)
@fails(403, 404, 503)
def delete(clip_id: str) -> None:
    """Delete a clip: audio and everything known of it."""
    services().store.delete(visitor() or "", clip_id)


@api.route("/clips/<clip:clip_id>/audio", methods=["GET"])
@api.response(200, {"type": "string", "format": "binary"}, content_type="audio/wav")
@api.alt_response(206, schema={"type": "string", "format": "binary"}, content_type="audio/wav")
@fails(404, 416, 503)
def audio(clip_id: str) -> Response:
    """The clip as a WAV file (16-bit, 16 kHz, mono), whole or by Range."""
    return send_part(services().store.open_audio(visitor() or "", clip_id), "audio/wav", clip_id)


@api.route("/clips/<clip:clip_id>/correction", methods=["PUT"])
@api.arguments(schemas.CorrectionJson)
@api.response(200, schemas.ClipJson)
@fails(400, 403, 404, 422, 429, 503)
def correct(said: dict[str, str], clip_id: str) -> Clip:
    """Say what the clip really was; the model's own answer stays beside it. Saying the same confirms it."""
    clip = services().store.set_correction(visitor() or "", clip_id, said["emotion"])
    learn(clip)
    return clip


@api.route("/clips/<clip:clip_id>/correction", methods=["DELETE"])
@api.response(204)
@fails(403, 404, 429, 503)
def uncorrect(clip_id: str) -> None:
    """Take a correction back."""
    services().store.set_correction(visitor() or "", clip_id, None)


@api.route("/clips/<clip:clip_id>/transcript", methods=["POST"])
@api.doc(requestBody=LANGUAGE)
@api.response(200, schemas.TranscriptJson)
@fails(400, 403, 404, 429, 503)
def transcript(clip_id: str) -> Transcript:
    """Ask for the words of a clip; where the visitor switched this off, nobody hears it: status `off`."""
    body = request.get_json() if request.is_json else request.form
    if not hasattr(body, "get"):
        raise BadRequestError("This can't be used: send a JSON object with a language, or nothing.")
    return write_down(clip_id, body.get("language"))
