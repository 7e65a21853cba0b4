"""The JSON API for recordings: sound files of any length, analysed in the background."""

from typing import Any

from flask import Response, send_file, url_for

from utils.decoding import MAX_TIMELINE_SECONDS
from utils.errors import RecordingNotFoundError
from utils.exports import FORMATS
from utils.waveform import PEAKS_PER_SECOND
from web import recording_schemas as schemas
from web.api import BINARY, ApiBlueprint, fails, upload
from web.export import recording_download
from web.recordings import describe, jobs, receive, result, store
from web.services import services
from web.visitor import visitor

VOICE = {
    "type": "string",
    "enum": ["active"],
    "description": "`active`: only the voice that is switched on speaks in it: hear it with that one; without this it "
    "is heard as anybody's, since several may speak",
}
EXPORTS = {form.media_type: {"schema": BINARY} for form in FORMATS.values()} | {
    FORMATS["json"].media_type: {"schema": {"type": "object"}}
}

recordings = ApiBlueprint(
    "recordings", __name__, url_prefix="/api", description="Long recordings, analysed in the background"
)


@recordings.route("/recordings", methods=["POST"])
@recordings.doc(requestBody=upload(f"at most {MAX_TIMELINE_SECONDS // 3600} hours", voice=VOICE))
@recordings.response(202, schemas.RecordingJson)
@fails(400, 403, 404, 413, 415, 429, 503)
def add() -> tuple[dict[str, Any], dict[str, str]]:
    """Send a sound file of any length; it is analysed in the background, and its state says how far that is."""
    recording = receive()
    return describe(recording), {"Location": url_for("recordings.show", recording_id=recording.id)}


@recordings.route("/recordings", methods=["GET"])
@recordings.arguments(schemas.RecordingQuery, location="query")
@recordings.response(200, schemas.RecordingPage)
@fails(503)
def find(query: dict[str, Any]) -> dict[str, Any]:
    """The visitor's recordings, newest first."""
    if services().jobs is None:
        return {"recordings": [], "next": None}
    found, cursor = store().list(visitor() or "", **query)
    return {"recordings": [describe(one) for one in found], "next": cursor}


@recordings.route("/recordings/<clip:recording_id>", methods=["GET"])
@recordings.response(200, schemas.RecordingResult)
@fails(404, 503)
def show(recording_id: str) -> dict[str, Any]:
    """How far a recording is and, once it is done: regions, the share of each emotion, the strongest moments."""
    recording = store().get(visitor() or "", recording_id)
    if recording.state in ("waiting", "running"):
        jobs().wake()  # whoever had it may be gone
    return result(recording)


@recordings.route("/recordings/<clip:recording_id>", methods=["DELETE"])
@recordings.response(204)
@fails(403, 404, 503)
def delete(recording_id: str) -> None:
    """Delete a recording: sound and everything known of it; if it is being analysed, that ends."""
    store().delete(visitor() or "", recording_id)


@recordings.route("/recordings/<clip:recording_id>/cancel", methods=["POST"])
@recordings.response(200, schemas.RecordingJson)
@fails(403, 404, 409, 503)
def cancel(recording_id: str) -> dict[str, Any]:
    """Stop the analysis; the recording is kept, and can be started again."""
    return describe(store().cancel(visitor() or "", recording_id))


@recordings.route("/recordings/<clip:recording_id>/start", methods=["POST"])
@recordings.response(202, schemas.RecordingJson)
@fails(403, 404, 409, 429, 503)
def start(recording_id: str) -> dict[str, Any]:
    """Analyse once more what failed or was cancelled."""
    recording = store().restart(visitor() or "", recording_id)
    jobs().wake()
    return describe(recording)


@recordings.route("/recordings/<clip:recording_id>/segments", methods=["GET"])
@recordings.response(200, schemas.SegmentsJson)
@fails(404, 409, 503)
def segments(recording_id: str) -> dict[str, Any]:
    """Every step of a recording with all probabilities."""
    return {"segments": store().segments(visitor() or "", recording_id)}


@recordings.route("/recordings/<clip:recording_id>/peaks", methods=["GET"])
@recordings.response(200, schemas.PeaksJson)
@fails(404, 409, 503)
def peaks(recording_id: str) -> dict[str, Any]:
    """The waveform, small enough to draw hours of it."""
    return {"per_second": PEAKS_PER_SECOND, "peaks": list(store().peaks(visitor() or "", recording_id))}


@recordings.route("/recordings/<clip:recording_id>/export", methods=["GET"])
@recordings.arguments(schemas.ExportQuery, location="query")
@recordings.doc(responses={"200": {"description": "OK", "content": EXPORTS}})
@fails(400, 404, 409, 503)
def export(query: dict[str, Any], recording_id: str) -> Response:
    """What was heard, as a file for other programs."""
    return recording_download(visitor() or "", recording_id, query["format"])


@recordings.route("/recordings/<clip:recording_id>/audio", methods=["GET"])
@recordings.response(200, BINARY, content_type="audio/wav")
@recordings.alt_response(206, schema=BINARY, content_type="audio/wav")
@fails(404, 409, 416, 503)
def audio(recording_id: str) -> Response:
    """The recording as a WAV file (16-bit, 16 kHz, mono), whole or by Range."""
    path = store().audio_path(visitor() or "", recording_id)
    try:
        return send_file(path.resolve(), mimetype="audio/wav", conditional=True)
    except FileNotFoundError as error:
        raise RecordingNotFoundError("This recording was deleted a moment ago.") from error
