"""The JSON of voices and of explanations."""

from marshmallow import Schema, fields, validate

from utils.explanation import SIDES
from utils.profile_store import NAME_LENGTH
from utils.voice_profile import KINDS
from web.schemas import Switch


class VoiceJson(Schema):
    """A voice that was taught."""

    id = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True, format="iso")
    name = fields.String(required=True, validate=validate.Length(1, NAME_LENGTH))
    active = fields.Boolean(required=True, metadata={"description": "whether clips are answered with it"})
    kind = fields.String(
        required=True,
        validate=validate.OneOf(KINDS),
        metadata={"description": "ordinary: of sentences read aloud; mixed: of clips of whatever moods"},
    )
    clips = fields.Integer(required=True, metadata={"description": "of how many clips with speech"})


class VoicesJson(Schema):
    """The visitor's voices."""

    voices = fields.List(fields.Nested(VoiceJson), required=True)


class VoiceSwitch(Schema):
    """Whether clips are answered with a voice."""

    active = Switch(required=True, metadata={"description": "true switches the others off"})


class PartJson(Schema):
    """A moment of a clip."""

    start = fields.Float(required=True, metadata={"description": "seconds from the beginning"})
    end = fields.Float(required=True)
    weight = fields.Float(
        required=True, metadata={"description": "by how much the answer's probability falls without it"}
    )


class ReasonJson(Schema):
    """A side of the voice that spoke for the answer."""

    feature = fields.String(required=True, validate=validate.OneOf(SIDES))
    direction = fields.String(
        required=True, validate=validate.OneOf(("more", "less", "usual")), metadata={"description": "than usual"}
    )
    share = fields.Float(
        required=True, metadata={"description": "by how much the probability falls where it is made as usual"}
    )


class WhyJson(Schema):
    """Why a clip was judged so."""

    emotion = fields.String(required=True, metadata={"description": "the answer that is explained"})
    parts = fields.List(fields.Nested(PartJson), required=True, metadata={"description": "tenths of what was judged"})
    reasons = fields.List(fields.Nested(ReasonJson), required=True, metadata={"description": "the weightiest first"})
    known_voice = fields.Boolean(
        required=True, metadata={"description": "whether usual is what is usual for the voice, not for everybody"}
    )
