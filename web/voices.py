"""Voices are taught and used, corrected clips are learnt from, and answers are explained."""

from contextlib import suppress
from dataclasses import replace
from typing import IO

from flask import request

from utils.clip_store import Clip
from utils.decoding import MAX_BYTES, Samples, load_audio
from utils.errors import (
    AudioError,
    AudioTooLargeError,
    ClipNotFoundError,
    ProfileNotFoundError,
    StoreError,
    VoiceProfileError,
)
from utils.explanation import Explanation, explain
from utils.personal import Personal
from utils.prediction import Prediction
from utils.profile_store import ProfileStore, StoredProfile, clean_name
from utils.voice_profile import VoiceProfile
from web.services import services
from web.visitor import known_visitor, visitor

SENTENCES = 10  # recordings that a voice may be taught with at once
HISTORY_CLIPS = 20  # the newest, that it is taught with instead
PROFILE_BYTES = 200_000


def store() -> ProfileStore:
    """Where voices are kept.

    Raises:
        ProfileNotFoundError: nowhere.
    """
    found = services().profiles
    if found is None:
        raise ProfileNotFoundError("This server keeps no voices: it was started to keep nothing.")
    return found


def personal() -> Personal | None:
    """The model as it answers visitors who taught it; None where nothing is kept."""
    profiles = services().profiles
    return Personal(services().model, profiles) if profiles else None


def predict(samples: Samples) -> Prediction:
    """What is heard, with the visitor's own voice and corrections where there are any."""
    own, name = personal(), visitor()
    return own.predict(name, samples) if own and name else services().model.predict(samples)


def teach() -> StoredProfile:
    """Keep the voice of the current request: `name`, and sentences in `audio`, a `profile`, or `history`.

    Raises:
        VoiceError: any reason why there is none; the visitor's voices are as they were then.
    """
    profiles, model = store(), services().model
    if not model.knows_voices:
        raise VoiceProfileError("This model answers every voice alike: it can't be taught one.")
    name = clean_name(request.form.get("name", "My voice"))
    uploads, profile = request.files.getlist("audio")[:SENTENCES], request.files.get("profile")
    with services().hearing.enter():
        if profile:
            learnt: VoiceProfile = model.read_profile(profile.stream.read(PROFILE_BYTES))
        elif uploads:
            learnt = model.learn_voice((read_upload(upload.stream) for upload in uploads), "ordinary")
        elif request.form.get("history"):
            learnt = model.learn_voice(_history(), "mixed")
        else:
            raise VoiceProfileError("There is nothing to learn a voice from: record some sentences first.")
    return profiles.add(known_visitor(), name, learnt)


def learn(clip: Clip) -> None:
    """Learn from a clip that was corrected; the correction stands where that can't be done now."""
    own = personal() if services().predictor else None
    if own and clip.correction:
        with suppress(AudioError, ClipNotFoundError, StoreError):
            own.learn(visitor() or "", clip.id, _sound(clip.id))


def why(clip_id: str) -> Explanation:
    """Why the visitor's clip was judged so.

    Raises:
        ClipNotFoundError: this visitor has no such clip.
        BundleError: there is no model.
        OverloadedError: too many are being judged.
    """
    clip, model, own = services().store.get(visitor() or "", clip_id), services().model, personal()
    name, voice = own.voice(visitor() or "") if own else (None, None)
    answer = Prediction(
        clip.status, clip.emotion, clip.confidence, clip.probabilities, clip.voiced_seconds, clip.heard, clip.model
    )
    if clip.emotion not in model.labels:  # another model's
        answer = replace(answer, emotion=None)
    with services().hearing.enter():
        return explain(model, _sound(clip_id), answer, voice if name == clip.voice else None)


def read_upload(stream: IO[bytes]) -> bytes:
    """What was sent.

    Raises:
        AudioTooLargeError: it is larger than `MAX_BYTES`.
    """
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise AudioTooLargeError(
            "This file is larger than {megabytes} MB: cut it or compress it.", megabytes=MAX_BYTES >> 20
        )
    return data


def _history() -> list[Samples]:
    clips, _ = services().store.list(visitor() or "", limit=HISTORY_CLIPS)
    found = []
    for clip in clips:
        with suppress(ClipNotFoundError, AudioError):
            found.append(_sound(clip.id))
    return found


def _sound(clip_id: str) -> Samples:
    with services().store.open_audio(visitor() or "", clip_id) as file:
        return load_audio(file.read())
