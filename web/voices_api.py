"""The JSON API for voices, and for why a clip was judged so."""

from typing import Any

from flask import Response

from utils.explanation import Explanation
from utils.profile_store import NAME_LENGTH, StoredProfile
from web import voice_schemas as schemas
from web.api import BINARY, ApiBlueprint, fails
from web.services import services
from web.visitor import visitor
from web.voices import SENTENCES, store, teach, why

TEACHING = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "default": "My voice"},
                    "audio": {
                        "type": "array",
                        "items": BINARY,
                        "maxItems": SENTENCES,
                        "description": "sentences read aloud in an ordinary voice; five are enough",
                    },
                    "profile": BINARY | {"description": "instead: a profile that was downloaded"},
                    "history": {
                        "type": "string",
                        "enum": ["yes"],
                        "description": "instead: learn from the newest clips of the history",
                    },
                },
            }
        }
    },
}

voices = ApiBlueprint("voices", __name__, url_prefix="/api", description="Voices that the visitor taught")


@voices.route("/voices", methods=["GET"])
@voices.response(200, schemas.VoicesJson)
@fails(503)
def find() -> dict[str, Any]:
    """The visitor's voices, by name."""
    return {"voices": store().voices(visitor() or "") if services().profiles else []}


@voices.route("/voices", methods=["POST"])
@voices.doc(requestBody=TEACHING)
@voices.response(201, schemas.VoiceJson)
@fails(400, 403, 404, 413, 415, 422, 429, 503)
def add() -> StoredProfile:
    """Teach a voice, which is used from then on; no sound of it is kept. One of the same name is replaced."""
    return teach()


@voices.route("/voices/<clip:voice_id>", methods=["PUT"])
@voices.arguments(schemas.VoiceSwitch)
@voices.response(200, schemas.VoiceJson)
@fails(400, 403, 404, 503)
def switch(said: dict[str, bool], voice_id: str) -> StoredProfile:
    """Switch a voice on or off."""
    return store().switch(visitor() or "", voice_id, on=said["active"])


@voices.route("/voices/<clip:voice_id>", methods=["DELETE"])
@voices.response(204)
@fails(403, 404, 503)
def delete(voice_id: str) -> None:
    """Delete a voice: nothing that was learnt of it is kept."""
    store().delete(visitor() or "", voice_id)


@voices.route("/voices/<clip:voice_id>/profile", methods=["GET"])
@voices.response(200, {"type": "object"}, content_type="application/json")
@fails(404, 503)
def profile(voice_id: str) -> Response:
    """The profile itself, to keep or to hand to another server."""
    answer = Response(store().content(visitor() or "", voice_id), mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename="voice.json")
    return answer


@voices.route("/clips/<clip:clip_id>/why", methods=["GET"])
@voices.response(200, schemas.WhyJson)
@fails(404, 429, 503)
def explanation(clip_id: str) -> Explanation:
    """Why a clip was judged so: how much each moment weighed, and which sides of the voice spoke for it."""
    return why(clip_id)
