"""The JSON of recordings."""

from marshmallow import Schema, fields, validate

from utils.exports import FORMATS
from utils.recording_queue import STATES
from web.schemas import NEXT, AllClips, ErrorDetail, PageQuery, cursor

SEGMENT_STATUSES = ("ok", "uncertain", "no_speech")
NOT_DONE = {"description": "null until it is done"}


class ProgressJson(Schema):
    """How far the analysis is."""

    done_seconds = fields.Float(required=True)
    of_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "null while the file is being read: nobody knows its length yet"},
    )


class RegionJson(Schema):
    """A part of a recording in which one emotion is heard throughout, or none."""

    start = fields.Float(required=True, metadata={"description": "seconds from the beginning"})
    end = fields.Float(required=True)
    status = fields.String(required=True, validate=validate.OneOf(SEGMENT_STATUSES))
    emotion = fields.String(required=True, allow_none=True, metadata={"description": "the most probable one"})
    confidence = fields.Float(required=True, metadata={"description": "calibrated probability of `emotion`"})


class SegmentJson(RegionJson):
    """A step of a recording, judged with what is around it."""

    probabilities = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    voiced = fields.Boolean(required=True, metadata={"description": "whether somebody speaks in it"})


class RecordingJson(Schema):
    """A recording and how far it is."""

    id = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True, format="iso")
    filename = fields.String(required=True, allow_none=True)
    duration_seconds = fields.Float(
        required=True, allow_none=True, metadata={"description": "null until the file has been read"}
    )
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    progress = fields.Nested(ProgressJson, required=True)
    error = fields.Nested(ErrorDetail, required=True, allow_none=True, metadata={"description": "why it failed"})
    voice = fields.String(
        required=True, allow_none=True, metadata={"description": "name of the taught voice that it was heard with"}
    )
    audio_url = fields.String(
        required=True, allow_none=True, metadata={"description": "null until the file has been read"}
    )


class RecordingResult(RecordingJson):
    """A recording and, once it is done, what was heard in it."""

    regions = fields.List(fields.Nested(RegionJson), required=True, allow_none=True, metadata=NOT_DONE)
    shares = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        required=True,
        allow_none=True,
        metadata={"description": "how much of the speech each emotion has; null until it is done"},
    )
    moments = fields.List(fields.Nested(RegionJson), required=True, allow_none=True, metadata=NOT_DONE)


class RecordingPage(Schema):
    """Some recordings, newest first."""

    recordings = fields.List(fields.Nested(RecordingJson), required=True)
    next = NEXT


class Everything(AllClips):
    """All that is kept of a visitor's voice, newest first."""

    recordings = fields.List(fields.Nested(RecordingResult), required=True)


class RecordingQuery(PageQuery):
    """Which recordings."""

    before = cursor("a recording's id")


class ExportQuery(Schema):
    """As which kind of file."""

    format = fields.String(
        required=True,
        validate=validate.OneOf(tuple(FORMATS)),
        metadata={"description": "tables and JSON have every step, the others what is spoken"},
    )


class SegmentsJson(Schema):
    """All steps of a recording."""

    segments = fields.List(fields.Nested(SegmentJson), required=True)


class PeaksJson(Schema):
    """What draws a recording."""

    per_second = fields.Integer(required=True)
    peaks = fields.List(
        fields.Integer(),
        required=True,
        metadata={"description": "loudest sample of each part, 0 to 255 of full scale"},
    )
