"""Answers as files that other programs read: tables, subtitles, label tracks.

What is written is data, whatever it says: no cell is a formula, no word ends a subtitle, no name ends a line.
"""

import csv
import importlib.util
import io
import json
import os
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from utils.emotions import EMOJI
from utils.errors import ExportError

if TYPE_CHECKING:
    from utils.timeline import Segment


@dataclass(frozen=True)
class Format:
    """One kind of file.

    `package` is what has to be installed to write it, beside what serving needs, and `module` what it is then called.
    """

    name: str
    ending: str
    media_type: str
    package: str = ""
    module: str = ""


FORMATS: dict[str, Format] = {
    "csv": Format("CSV table", ".csv", "text/csv"),
    "json": Format("JSON", ".json", "application/json"),
    "parquet": Format("Parquet table", ".parquet", "application/vnd.apache.parquet", "pyarrow", "pyarrow"),
    "vtt": Format("WebVTT subtitles", ".vtt", "text/vtt"),
    "srt": Format("SRT subtitles", ".srt", "application/x-subrip"),
    "audacity": Format("Audacity labels", ".txt", "text/plain"),
    "textgrid": Format("Praat TextGrid", ".TextGrid", "text/praat-textgrid", "praatio", "praatio"),
    "eaf": Format("ELAN annotations", ".eaf", "text/x-eaf+xml", "pympi-ling", "pympi"),
}
"""What `export` writes. Text is UTF-8."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so
_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")  # Unicode's control characters, lone surrogates, ends of lines and paragraphs
_NOT_IN_XML = {0xFFFE: None, 0xFFFF: None}  # beside control characters, which are gone already
_ROWS = 10_000  # of a Parquet table that are in memory at once


def available() -> dict[str, Format]:
    """Those of FORMATS that this installation can write."""
    return {name: form for name, form in FORMATS.items() if not form.module or importlib.util.find_spec(form.module)}


def require(format: str) -> Format:
    """The format of that name.

    Raises:
        ExportError: there is none, or what it needs is not installed.
    """
    if format not in FORMATS:
        raise ExportError(
            "There is no format “{format}”: choose {names}.", format=one_line(format), names=", ".join(FORMATS)
        )
    form = FORMATS[format]
    if format not in available():
        raise ExportError(
            "{format} needs a package: run `pip install {package}`, or choose another format.",
            format=form.name,
            package=form.package,
        )
    return form


def export(segments: "Sequence[Segment]", format: str, words: Sequence[str] = ()) -> bytes:
    """The segments of one recording as a file; neighbours are not joined here.

    Tables and JSON have every segment; subtitles and label tracks those with speech.

    Args:
        segments: in order of time.
        format: a name in FORMATS.
        words: what is said in each segment, as many as there are segments; empty where nothing was written down.

    Raises:
        ExportError: there is no such format, or what it needs is not installed.
    """
    require(format)
    if format in TABLES:
        labels = dict.fromkeys(label for segment in segments for label in segment.probabilities)
        columns = segment_columns(tuple(labels), with_words=bool(words))
        file = io.BytesIO()
        write_table(file, format, columns, (flat(record) for record in _records(segments, words)))
        return file.getvalue()
    if format == "json":
        content = {"segments": list(_records(segments, words))}
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
    said = [one_line(text) for text in words] or [""] * len(segments)
    spoken = [_Spoken(*pair) for pair in zip(segments, said, strict=True) if pair[0].emotion]
    writers: dict[str, Callable[[list[_Spoken]], str]] = {
        "vtt": _vtt,
        "srt": _srt,
        "audacity": _audacity,
        "textgrid": _textgrid,
        "eaf": _elan,
    }
    return writers[format](spoken).encode()


# --- Tables

Cell = str | float | bool | None


def record_of(segment: "Segment", words: str | None = None) -> dict[str, object]:
    """A segment as JSON; `words` only where they are asked for."""
    record: dict[str, object] = asdict(segment) | {
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "confidence": round(segment.confidence, 6),
        "probabilities": {label: round(probability, 6) for label, probability in segment.probabilities.items()},
    }
    return record if words is None else record | {"words": one_line(words)}


def flat(record: Mapping[str, object]) -> dict[str, Cell]:
    """A record as a row of a table: its probabilities are cells of their own, `p_happy` and so on."""
    row = {name: value for name, value in record.items() if name != "probabilities"}
    probabilities = record.get("probabilities")
    if isinstance(probabilities, Mapping):
        row.update((f"p_{label}", probability) for label, probability in probabilities.items())
    return row  # type: ignore[return-value]


def segment_columns(labels: Sequence[str], *, with_words: bool) -> dict[str, type]:
    """The columns of a table of segments, and what is in each."""
    return {
        "start": float,
        "end": float,
        "status": str,
        "emotion": str,
        "confidence": float,
        "voiced": bool,
        **{f"p_{label}": float for label in labels},
        **({"words": str} if with_words else {}),
    }


def write_table(file: BinaryIO, format: str, columns: Mapping[str, type], rows: Iterable[Mapping[str, Cell]]) -> None:
    """Writes rows as they come, so that a long table needs no memory.

    Args:
        file: where to.
        format: one of TABLES.
        columns: in order; each holds str, float, int or bool, or nothing.
        rows: what a row doesn't have stays empty; what has no column is left out.

    Raises:
        ExportError: what the format needs is not installed.
        OSError: the file can't be written.
    """
    require(format)
    TABLES[format](file, columns, rows)


def _write_csv(file: BinaryIO, columns: Mapping[str, type], rows: Iterable[Mapping[str, Cell]]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows([harmless(row.get(name)) for name in columns] for row in rows)
    finally:
        text.detach()  # the file is the caller's to close


def _write_parquet(file: BinaryIO, columns: Mapping[str, type], rows: Iterable[Mapping[str, Cell]]) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {str: pyarrow.string(), float: pyarrow.float64(), int: pyarrow.int64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    left = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while some := list(islice(left, _ROWS)):
            writer.write_batch(pyarrow.RecordBatch.from_pylist(some, schema=schema))


TABLES: dict[str, Callable[[BinaryIO, Mapping[str, type], Iterable[Mapping[str, Cell]]], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
}
"""The formats that are tables, and what writes them."""


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def written_name(name: str) -> str:
    r"""A file's name as one line of valid text; no two names become one.

    What can't be written is escaped as in Python: a newline is \n, the byte 0xff that is no UTF-8 \udcff, and a
    backslash, where it doesn't part folders, a double one.
    """
    special = "" if os.sep == "\\" else "\\"
    return "".join(
        c.encode("unicode_escape").decode() if c in special or unicodedata.category(c) in _UNWRITABLE else c
        for c in name
    )


def one_line(text: str) -> str:
    """Text without line ends, control characters and what is no text."""
    return " ".join("".join(" " if unicodedata.category(c) in _UNWRITABLE else c for c in text).split())


def _records(segments: "Sequence[Segment]", words: Sequence[str]) -> Iterator[dict[str, object]]:
    said: Sequence[str | None] = words or [None] * len(segments)
    for segment, text in zip(segments, said, strict=True):
        yield record_of(segment, text)


# --- Subtitles and label tracks


@dataclass(frozen=True)
class _Spoken:
    """A segment with speech, and its words in one line."""

    segment: "Segment"
    words: str

    @property
    def label(self) -> str:
        """The emotion; with a question mark where it is uncertain."""
        return one_line(str(self.segment.emotion)) + ("?" if self.segment.status == "uncertain" else "")

    def caption(self) -> str:
        """Emoji, emotion and confidence, and the words in a line of their own."""
        emoji = "🤔" if self.segment.status == "uncertain" else EMOJI.get(self.segment.emotion or "", "")
        first = f"{emoji} {self.label} {self.segment.confidence:.0%}".strip()
        return f"{first}\n{self.words}".strip()

    def times(self, point: str) -> str:
        """From when to when, as subtitles say it."""
        return f"{_clock(self.segment.start, point)} --> {_clock(self.segment.end, point)}"


def _vtt(spoken: list[_Spoken]) -> str:
    cues = (f"{one.times('.')}\n{escape(one.caption(), quote=False)}\n" for one in spoken)
    return "\n".join(["WEBVTT\n", *cues])


def _srt(spoken: list[_Spoken]) -> str:
    """SRT knows no escapes, but players know tags: what would begin one is written otherwise."""
    tags = str.maketrans("<>{}", "‹›()")
    cues = (f"{i}\n{one.times(',')}\n{one.caption().translate(tags)}\n" for i, one in enumerate(spoken, 1))
    return "\n".join(cues)


def _audacity(spoken: list[_Spoken]) -> str:
    lines = (
        f"{one.segment.start:.6f}\t{one.segment.end:.6f}\t{one.label} {one.segment.confidence:.0%} {one.words}".rstrip()
        for one in spoken
    )
    return "".join(f"{line}\n" for line in lines)


def _tiers(spoken: list[_Spoken]) -> dict[str, list[str]]:
    """What is written in lanes of their own, each with a text for each segment."""
    tiers = {
        "emotion": [one.label for one in spoken],
        "confidence": [f"{one.segment.confidence:.2f}" for one in spoken],
    }
    if any(one.words for one in spoken):
        tiers["words"] = [one.words for one in spoken]
    return tiers


def _textgrid(spoken: list[_Spoken]) -> str:
    from praatio import textgrid
    from praatio.utilities.constants import Interval

    end = round(max([one.segment.end for one in spoken], default=1.0), 3)  # Praat knows no grid of no length
    grid = textgrid.Textgrid(0, end)
    for name, texts in _tiers(spoken).items():
        intervals = [
            Interval(round(one.segment.start, 3), round(one.segment.end, 3), text)
            for one, text in zip(spoken, texts, strict=True)
        ]
        grid.addTier(textgrid.IntervalTier(name, intervals, 0, end))
    with tempfile.TemporaryDirectory() as folder:  # the library only writes files
        path = Path(folder, "grid")
        grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)
        return path.read_text(encoding="utf-8")


def _elan(spoken: list[_Spoken]) -> str:
    from pympi import Elan

    document = Elan.Eaf(author="")
    document.remove_tier("default")
    for name, texts in _tiers(spoken).items():
        document.add_tier(name)
        for one, text in zip(spoken, texts, strict=True):
            start, end = round(one.segment.start * 1000), round(one.segment.end * 1000)
            document.add_annotation(name, start, end, text.translate(_NOT_IN_XML))
    with tempfile.TemporaryDirectory() as folder:  # the library only writes files
        path = Path(folder, "annotations.eaf")
        document.to_file(path)
        return path.read_text(encoding="utf-8")


def _clock(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
