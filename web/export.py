"""The whole history as one file to take home."""

import csv
import io
import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from flask import Response, stream_with_context

from utils.exports import export, harmless, require
from utils.timeline import merge
from web.recording_schemas import RecordingResult
from web.recordings import all_results, store
from web.schemas import ClipJson
from web.services import services

STEPS = ("csv", "json", "parquet")  # formats that have every step of a recording
COLUMNS = (
    "created_at",
    "source",
    "filename",
    "duration_seconds",
    "status",
    "emotion",
    "confidence",
    "correction",
    "model",
    "voice",
    "personal",
)


def csv_download(visitor: str) -> Response:
    """A table: one line a clip, one column for each probability."""
    labels = services().labels
    header = (*COLUMNS, *(f"p_{label}" for label in labels), "transcript")
    rows = (tuple(_cells(clip, labels)) for clip in _clips(visitor))
    return _download(map(_csv_line, chain([header], rows)), "text/csv", "clips.csv")


def json_download(visitor: str) -> Response:
    """`{"clips": [...], "recordings": [...]}`, each as the API answers it."""
    return _download(_json_lines(visitor), "application/json", "clips.json")


def recording_download(visitor: str, recording_id: str, format: str) -> Response:
    """What was heard in a recording: every step in tables, neighbours that agree as one in subtitles and labels.

    Raises:
        RecordingNotFoundError: this visitor has no such recording.
        RecordingStateError: it isn't done.
        ExportError: there is no such format.
    """
    form = require(format)
    segments = store().segments(visitor, recording_id)
    whole = format in STEPS
    answer = Response(export(segments if whole else merge(segments), format), content_type=form.media_type)
    name = (store().get(visitor, recording_id).filename or "recording").rpartition(".")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{name[0] or name[2]}{form.ending}")
    return answer


def _json_lines(visitor: str) -> Iterator[str]:
    before = '{"clips": [\n'
    for clip in _clips(visitor):
        yield before + json.dumps(clip, ensure_ascii=False)
        before = ",\n"
    yield "" if before == ",\n" else before
    before = '],\n"recordings": [\n'
    for recording in all_results(visitor):
        yield before + json.dumps(RecordingResult().dump(recording), ensure_ascii=False)
        before = ",\n"
    yield ("" if before == ",\n" else before) + "]}\n"


def _clips(visitor: str) -> Iterator[dict[str, Any]]:
    """All the visitor's clips as JSON, page by page, so that a long history needs no memory."""
    cursor: str | None = None
    while True:
        clips, cursor = services().store.list(visitor, limit=100, before=cursor)
        yield from ClipJson(many=True).dump(clips)
        if cursor is None:
            return


def _cells(clip: dict[str, Any], labels: tuple[str, ...]) -> Iterator[object]:
    yield from (clip[name] for name in COLUMNS)
    yield from (clip["probabilities"].get(label) for label in labels)
    yield clip["transcript"]["text"]


def _csv_line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(harmless(cell) for cell in cells)
    return line.getvalue()


def _download(lines: Iterator[str], mimetype: str, name: str) -> Response:
    start = list(islice(lines, 2))  # a history that can't be read fails here, while the status can say so
    answer = Response(stream_with_context(chain(start, lines)), mimetype=mimetype)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer
