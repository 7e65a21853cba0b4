"""An upload of any length becomes a recording; a recording becomes what is shown of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import IO, Any

from flask import current_app, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from utils.decoding import stream_audio
from utils.errors import AudioTooLargeError, RecordingNotFoundError
from utils.recording_queue import Recording
from utils.recording_store import RecordingStore
from utils.timeline import Segment, merge, share
from web import visitor
from web.hearing import NoFileError, shown_name
from web.jobs import Jobs
from web.language import spoken
from web.recording_schemas import RecordingJson
from web.services import services

MOMENTS = 8  # that are shown at most,
MOMENTS_EACH = 2  # of one emotion


def jobs() -> Jobs:
    """What analyses recordings.

    Raises:
        RecordingNotFoundError: this server keeps none.
    """
    found = services().jobs
    if found is None:
        raise RecordingNotFoundError("This server keeps no recordings: send it to /api/clips, to be heard at once.")
    return found


def store() -> RecordingStore:
    """Where the recordings are; raises as `jobs`."""
    return jobs().store


def receive() -> Recording:
    """Queue the upload of the current request (multipart `audio`), which goes straight to the disk.

    With `voice` = "active" it shall be heard with the voice that is switched on now.

    Raises:
        VoiceError: any reason why there is no recording; nothing is kept then.
    """
    assert services().model  # noqa: S101 - raises where there is none
    store().expect_place()
    arrived: list[IO[bytes]] = []
    try:
        filename, one_voice = _take_upload(arrived)
        with services().hearing.enter(), closing(stream_audio(arrived[0].name, 0.1)) as blocks:
            next(blocks)  # what is no sound is refused at once
        who, voice_id = visitor.known_visitor(), active_voice() if one_voice else None
        recording = store().add(who, arrived[0], filename=shown_name(filename), voice_id=voice_id)
    finally:
        for file in arrived:
            store().files.discard(file)
    jobs().wake()
    return recording


def active_voice() -> str | None:
    """The id of the voice that the visitor has switched on."""
    profiles = services().profiles
    voices = profiles.voices(visitor.visitor() or "") if profiles else []
    return next((voice.id for voice in voices if voice.active), None)


def _take_upload(arrived: list[IO[bytes]]) -> tuple[str, bool]:
    """Write the files of the request to the store's disk as they come.

    Returns:
        The first file's name, and whether only the visitor's active voice speaks in it.
    """

    def incoming(*_: Any, **__: Any) -> IO[bytes]:
        arrived.append(store().files.incoming())
        return arrived[-1]

    parser = request.make_form_data_parser()
    parser.stream_factory = incoming
    try:
        _, form, files = parser.parse(request.stream, request.mimetype, request.content_length, request.mimetype_params)
    except RequestEntityTooLarge as error:
        most = current_app.config["RECORDING_MEGABYTES"]
        raise AudioTooLargeError(
            "This is larger than {megabytes} MB: compress it, or cut it into pieces.", megabytes=most
        ) from error
    upload = files.get("audio")
    if upload is None or not upload.filename or upload.stream is not arrived[0]:
        raise NoFileError("There is no audio in this request: send one file in the form field `audio`.")
    upload.stream.flush()
    return upload.filename, form.get("voice") == "active"


def describe(recording: Recording) -> dict[str, Any]:
    """A recording as `RecordingJson` shows it."""
    heard = recording.duration_seconds is not None
    return vars(recording) | {
        "progress": {"done_seconds": recording.done_seconds, "of_seconds": recording.duration_seconds},
        "error": {"code": recording.error_code, "message": spoken().say(recording.error)} if recording.error else None,
        "audio_url": url_for("recordings.audio", recording_id=recording.id) if heard else None,
    }


def result(recording: Recording) -> dict[str, Any]:
    """A recording of this visitor as `RecordingResult` shows it."""
    found: dict[str, Any] = {"regions": None, "shares": None, "moments": None}
    if recording.state == "done":
        segments = store().segments(visitor.visitor() or "", recording.id)
        regions = merge(segments)
        found = {"regions": regions, "shares": share(segments), "moments": strongest(segments)}
    return describe(recording) | found


def newest(visitor_name: str) -> list[dict[str, Any]]:
    """The visitor's newest recordings as JSON; none where none are kept."""
    found = store().list(visitor_name, limit=100)[0] if services().jobs else []
    return list(RecordingJson(many=True).dump(map(describe, found)))


def all_results(visitor_name: str) -> Iterator[dict[str, Any]]:
    """All the visitor's recordings as `RecordingResult` shows them, newest first."""
    cursor: str | None = None
    while services().jobs:
        found, cursor = store().list(visitor_name, limit=20, before=cursor)
        yield from map(result, found)
        if cursor is None:
            return


def strongest(segments: list[Segment]) -> list[Segment]:
    """The moments with the surest emotions other than neutral, in the order of time.

    At most `MOMENTS`, of each emotion at most `MOMENTS_EACH`, and of one region of it at most one.
    """
    best: dict[tuple[float, str], Segment] = {}
    for region in merge(segments):
        inside = [one for one in segments if region.start <= one.start < region.end]
        if region.status == "ok" and region.emotion not in (None, "neutral"):
            best[region.start, str(region.emotion)] = max(inside, key=lambda one: one.confidence)
    ranked = sorted(best.values(), key=lambda one: -one.confidence)
    count: dict[str | None, int] = {}
    chosen = []
    for one in ranked:
        count[one.emotion] = count.get(one.emotion, 0) + 1
        if count[one.emotion] <= MOMENTS_EACH:
            chosen.append(one)
    return sorted(chosen[:MOMENTS], key=lambda one: one.start)
