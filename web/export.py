"""The whole history as one file to take home."""

import csv
import io
import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from flask import Response, stream_with_context

from web.schemas import ClipJson
from web.services import services

COLUMNS = ("created_at", "source", "filename", "duration_seconds", "status", "emotion", "confidence")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so


def csv_download(visitor: str) -> Response:
    """A table: one line a clip, one column for each probability."""
    labels = services().labels
    header = (*COLUMNS, *(f"p_{label}" for label in labels), "transcript")
    rows = (tuple(_cells(clip, labels)) for clip in _clips(visitor))
    return _download(map(_csv_line, chain([header], rows)), "text/csv", "clips.csv")


def json_download(visitor: str) -> Response:
    """`{"clips": [...]}`, each as the API answers it."""
    return _download(_json_lines(visitor), "application/json", "clips.json")


def _json_lines(visitor: str) -> Iterator[str]:
    before = '{"clips": [\n'
    for clip in _clips(visitor):
        yield before + json.dumps(clip, ensure_ascii=False)
        before = ",\n"
    yield "]}\n" if before == ",\n" else '{"clips": []}\n'


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
    csv.writer(line).writerow(_harmless(cell) for cell in cells)
    return line.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _download(lines: Iterator[str], mimetype: str, name: str) -> Response:
    start = list(islice(lines, 2))  # a history that can't be read fails here, while the status can say so
    answer = Response(stream_with_context(chain(start, lines)), mimetype=mimetype)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer
