"""The JSON of the API: how clips are written and parameters are read."""

from typing import Any

from flask import url_for
from marshmallow import Schema, fields, post_dump, validate

from utils.clip_store import Clip
from utils.emotions import ALL_EMOTIONS
from web.hearing import SOURCES
from web.services import services
from web.visitor import LANGUAGE

TRANSCRIPT_STATUSES = ("none", "done", "nothing_understood", "unavailable", "off")


class ErrorDetail(Schema):
    """What went wrong."""

    code = fields.String(required=True, metadata={"description": "for programs; stable"})
    message = fields.String(
        required=True,
        metadata={
            "description": "one sentence for people, in the first language of Accept-Language that the server speaks"
        },
    )


class Error(Schema):
    """Any failure."""

    error = fields.Nested(ErrorDetail, required=True)


class TranscriptJson(Schema):
    """What was said in a clip."""

    status = fields.String(required=True, validate=validate.OneOf(TRANSCRIPT_STATUSES))
    text = fields.String(required=True)
    engine = fields.String(required=True, allow_none=True)


class ClipJson(Schema):
    """A clip and what was heard in it."""

    id = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True, format="iso")
    source = fields.String(required=True, validate=validate.OneOf(SOURCES))
    filename = fields.String(required=True, allow_none=True)
    duration_seconds = fields.Float(required=True)
    status = fields.String(required=True, validate=validate.OneOf(("ok", "uncertain")))
    emotion = fields.String(required=True, metadata={"description": "the most probable one"})
    confidence = fields.Float(required=True, metadata={"description": "calibrated probability of `emotion`"})
    probabilities = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    voiced_seconds = fields.Float(required=True)
    heard = fields.List(
        fields.Float(),
        required=True,
        metadata={"description": "start and end, in seconds, of what was judged"},
    )
    audio_url = fields.Method("_audio_url", required=True, allow_none=True, metadata={"type": "string"})
    transcript = fields.Nested(TranscriptJson, required=True)
    correction = fields.String(
        required=True, allow_none=True, metadata={"description": "what it was, as the visitor says; null: not said"}
    )
    model = fields.String(
        required=True, allow_none=True, metadata={"description": "which model answered: system and version"}
    )
    voice = fields.String(
        required=True, allow_none=True, metadata={"description": "name of the taught voice that it was answered with"}
    )
    personal = fields.Boolean(
        required=True, metadata={"description": "whether the visitor's own corrections had a part in the answer"}
    )

    def _audio_url(self, clip: Clip) -> str | None:
        return url_for("clips.audio", clip_id=clip.id) if services().keeps_history else None


class WhoJson(Schema):
    """Which of the visitor's taught voices a clip is of."""

    name = fields.String(
        required=True, allow_none=True, metadata={"description": "of the voice; null: it sounds like none of them"}
    )
    probability = fields.Float(
        required=True,
        metadata={
            "description": "of the likeliest voice; a stranger is as likely to begin with as all the voices together"
        },
    )


class AnswerJson(ClipJson):
    """A clip that was judged just now."""

    intensity = fields.Float(
        metadata={
            "description": "probability that `emotion` was expressed strongly, if that is as common as not; said now "
            "and not stored; not there where the model doesn't tell, and for neutral and calm"
        },
    )
    who = fields.Nested(
        WhoJson,
        metadata={"description": "who speaks; said now and not stored; not there where no voice was taught"},
    )

    @post_dump
    def _only_if_known(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name not in ("who", "intensity") or value is not None}


class AllClips(Schema):
    """Clips, newest first."""

    clips = fields.List(fields.Nested(ClipJson), required=True)


NEXT = fields.String(
    required=True, allow_none=True, metadata={"description": "`before` of the next page; null on the last"}
)


class PageQuery(Schema):
    """Which part of a list; the lists say with `cursor` what `before` is."""

    limit = fields.Integer(
        load_default=20,
        validate=validate.Range(1, 100),
        metadata={"description": "how many at most: 1 to 100, 20 if not given"},
    )


def cursor(description: str) -> fields.String:
    """An id: what is older than that comes."""
    return fields.String(
        load_default=None, validate=validate.Regexp("^[0-9a-f]{1,64}$"), metadata={"description": description}
    )


class ClipPage(AllClips):
    """Some clips, newest first."""

    next = NEXT


class ClipQuery(PageQuery):
    """Which clips."""

    before = cursor("a clip's id")
    emotion = fields.String(
        load_default=None,
        validate=[validate.Length(max=32), validate.ContainsNoneOf("\0")],
        metadata={
            "description": "what the clip was, as the visitor says, or else as it was heard; "
            '"uncertain" for clips where no emotion is named'
        },
    )
    search = fields.String(
        load_default=None,
        validate=[validate.Length(max=200), validate.ContainsNoneOf("\0")],
        metadata={"description": "text in the transcript or the file name"},
    )


class Switch(fields.Boolean):
    """true or false, and nothing that only looks like them."""

    def _deserialize(self, value: object, *_args: object, **_options: object) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class SettingsJson(Schema):
    """What a visitor chose."""

    transcribe = Switch(metadata={"description": "whether clips may be written down"})
    language = fields.String(validate=validate.Regexp(f"^{LANGUAGE.pattern}$"), metadata={"example": "en-US"})


class CorrectionJson(Schema):
    """What a clip really was."""

    emotion = fields.String(required=True, metadata={"enum": list(ALL_EMOTIONS)})  # any other is 422, not 400


class ConsentJson(Schema):
    """What a visitor allows."""

    training = Switch(required=True, metadata={"description": "whether corrected clips may be used to train the model"})


class Health(Schema):
    """The server answers."""

    status = fields.String(required=True)


class Ready(Health):
    """The server can judge clips."""

    model = fields.String(required=True)
    version = fields.String(required=True)
    labels = fields.List(fields.String(), required=True)
