"""An upload becomes a clip; a clip gets its words."""

import re
import unicodedata
from dataclasses import replace
from typing import cast

from flask import request

from utils.clip_store import Clip, Source, Transcript
from utils.decoding import load_audio
from utils.errors import NothingUnderstoodError, TranscriberUnavailableError, VoiceError
from web import visitor
from web.services import services
from web.voices import predict, read_upload

FILENAME_LENGTH = 120
SOURCES = ("recording", "upload")


class NoFileError(VoiceError):
    """The request has no audio."""

    code = "no_file"


class BadRequestError(VoiceError):
    """The request has a value that can't be used."""

    code = "bad_request"


def hear() -> Clip:
    """Judge and store the upload of the current request (multipart `audio`, optional `source`).

    Raises:
        VoiceError: any reason why there is no clip; nothing is stored then.
    """
    assert services().model  # noqa: S101 - raises where there is none
    upload = request.files.get("audio")
    if upload is None or not upload.filename:
        raise NoFileError("There is no audio in this request: send the file in the form field `audio`.")
    source = request.form.get("source", "upload")
    if source not in SOURCES:
        raise BadRequestError("The value of source can't be used: it is recording or upload.")
    with services().hearing.enter():  # only here is the file read, so that memory is bounded
        samples = load_audio(read_upload(upload.stream))
        prediction = predict(samples).require_speech()
    return services().store.add(
        visitor.known_visitor(),
        samples,
        prediction,
        source=cast(Source, source),
        filename=shown_name(upload.filename),
    )


def write_down(clip_id: str, wanted_language: object) -> Transcript:
    """Ask for the words of the visitor's clip and keep them, unless the visitor switched that off.

    Raises:
        ClipNotFoundError: this visitor has no such clip.
        UnknownLanguageError: the engine doesn't know the language that is asked for.
        TranscriberUnavailableError: the engine can't be reached; the clip remembers that.
        OverloadedError: too many are waiting for words.
        StoreError: the history can't be read or written.
    """
    name = visitor.visitor() or ""
    store, transcriber = services().store, services().transcriber
    store.get(name, clip_id)
    visitor.require_known(wanted_language)
    if transcriber.name == "off" or not visitor.settings()["transcribe"]:
        return Transcript("off")
    chosen = visitor.language(wanted_language or visitor.settings()["language"])
    transcript = Transcript("unavailable", engine=transcriber.name)
    try:
        with services().writing.enter(), store.open_audio(name, clip_id) as file:
            text = transcriber.transcribe(load_audio(file.read()), chosen)
        transcript = replace(transcript, status="done", text=text)
    except NothingUnderstoodError:
        transcript = replace(transcript, status="nothing_understood")
    except TranscriberUnavailableError:
        store.set_transcript(name, clip_id, transcript)
        raise
    return store.set_transcript(name, clip_id, transcript).transcript


def shown_name(filename: str) -> str | None:
    """A client's file name as text to show: no folders, no control or direction marks, not long."""
    name = re.split(r"[/\\]", filename)[-1]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip()
    return name[:FILENAME_LENGTH] or None
