"""The output of an analysis: a journal that grows file by file, and the table that is made from it.

The journal, `results.csv.journal`, gets one line of JSON for each file that is done, so whatever stops the program
costs the files it was at. The table beside it is written anew every half minute and in the end, and then takes the
old one's place: it is whole at any moment, in any format, and the same whoever judged the files in whatever order.
"""

import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from cli.judging import Entry
from utils.errors import VoiceError
from utils.exports import Cell, flat, segment_columns, write_table, written_name

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}
"""What --out may end in, and the format that this asks for."""
WRITE_SECONDS = 30.0  # from one writing of the table to the next
WRITE_SHARE = 0.05  # of the time, at most, is spent on it

_BEGINNING = b'{"analysis": 1'


class OutputError(VoiceError):
    """The output can't be written, or is another analysis'."""

    code = "output"


class Results:
    """An open output; what was done before is known.

    Attributes:
        journal: where the journal is.
        done: the files that are done, with the place of each in the journal.
        failed: how many of them could not be read.
        words_missing: the sentence that says why words are missing; empty where none are.
    """

    def __init__(self, output: Path, about: Mapping[str, object]) -> None:
        """Open the output, made if need be.

        Args:
            output: the table; its ending is one of ENDINGS.
            about: what makes two analyses one, as JSON; "model", "labels", "timeline" and "transcriber" are read here.

        Raises:
            OutputError: it can't be written, is in use, or is of something else.
        """
        self.output, self._about = output, dict(about)
        self.journal = output.with_name(f"{output.name}.journal")
        self.done: dict[str, int] = {}
        self.failed, self.words_missing = 0, ""
        self._due, self._end = 0.0, 0
        with self._trouble_named():
            output.parent.mkdir(parents=True, exist_ok=True)
            if output.exists() and not self.journal.exists():
                raise OutputError(
                    f"{_shown(output)} is there already, and no {_shown(self.journal)} to go on from: "
                    "name another --out, or remove it."
                )
            self._file = FileIO(self.journal, "a+")
            try:
                self._take_up()
            except BaseException:
                self._file.close()
                raise

    def add(self, entry: Entry) -> None:
        """One more file is done.

        Raises:
            OutputError: it can't be written; what was done before stays.
        """
        with self._trouble_named():
            self._append(entry)
            self._learn()
        if time.monotonic() > self._due:
            self.write()

    def write(self) -> None:
        """Writes the table from the journal, and puts it in the place of the old one.

        Raises:
            OutputError: it can't be written; the old one stays.
        """
        began = time.monotonic()
        part = self.output.with_name(f".{self.output.name}.part")
        with self._trouble_named():
            self._learn()  # Ctrl-C may have come right behind a line
            try:
                with part.open("wb") as file:
                    self._writer()(file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, self.output)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        took = time.monotonic() - began
        self._due = time.monotonic() + max(WRITE_SECONDS, took / WRITE_SHARE)

    def entries(self) -> Iterator[Entry]:
        """Everything that is done, in the order of the files' names."""
        with self.journal.open("rb") as journal:
            for _, start in sorted(self.done.items()):
                journal.seek(start)
                yield json.loads(journal.readline())

    def close(self) -> None:
        """Let the output go."""
        self._file.close()

    def _take_up(self) -> None:
        """Lock the journal, learn what is in it, and cut off a line that was never finished."""
        if fcntl:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputError(
                    f"Another analysis is writing {_shown(self.output)}: wait, or name another."
                ) from error
        self._learn()
        self._file.truncate(self._end)
        if not self._end:
            self._append({"analysis": 1, **self._about})

    def _learn(self) -> None:
        """Know what has come to the journal; a line that was never finished isn't there."""
        with self.journal.open("rb") as lines:
            lines.seek(self._end)
            for line in lines:
                if self._end == 0 and line[: len(_BEGINNING)] != _BEGINNING[: len(line)]:
                    raise OutputError(f"{_shown(self.journal)} is no journal of this program: name another --out.")
                if not line.endswith(b"\n"):
                    break
                self._read(line)
                self._end += len(line)

    def _read(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if self._end == 0:
            self._compare(entry)
        elif isinstance(entry, dict) and "file" in entry:  # what a disk spoilt is done again
            self.done[entry["file"]] = self._end
            self.failed += "error" in entry
            self.words_missing = entry.get("words_missing", self.words_missing)

    def _compare(self, header: object) -> None:
        """Raises an OutputError if the journal is of something else."""
        known = header if isinstance(header, dict) else {}
        others = [name for name, value in self._about.items() if known.get(name) != value]
        if not others:
            return
        what = "by another model" if {"model", "labels"} & set(others) else f"with other options ({', '.join(others)})"
        raise OutputError(
            f"{_shown(self.output)} was made {what}: name another --out, or remove it and "
            f"{_shown(self.journal)} to begin again."
        )

    def _append(self, entry: Mapping[str, object]) -> None:
        start = self._file.seek(0, os.SEEK_END)
        line = json.dumps(entry).encode() + b"\n"
        if self._file.write(line) != len(line):
            with suppress(OSError):
                self._file.truncate(start)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _writer(self) -> Callable[[BinaryIO], None]:
        format = ENDINGS[self.output.suffix.lower()]
        if format == "json":
            return self._write_json
        rows = (row for entry in self.entries() for row in _rows(entry))
        return lambda file: write_table(file, format, self._columns(), self._signed(rows))

    def _write_json(self, file: BinaryIO) -> None:
        file.write(json.dumps(self._about, ensure_ascii=False)[:-1].encode() + b', "files": [')
        before = "\n"
        for entry in self.entries():
            named = entry | {"file": written_name(str(entry["file"]))}
            file.write((before + json.dumps(named, ensure_ascii=False)).encode())
            before = ",\n"
        file.write(b"\n]}\n")

    def _columns(self) -> dict[str, type]:
        labels: Sequence[str] = self._about["labels"]  # type: ignore[assignment]
        columns = segment_columns(labels, with_words=bool(self._about["transcriber"]))
        if not self._about["timeline"]:
            columns = {("voiced_seconds" if name == "voiced" else name): kind for name, kind in columns.items()}
            columns["voiced_seconds"] = float
        return {"file": str, **columns, "error_code": str, "error": str, "model": str}

    def _signed(self, rows: Iterable[dict[str, Cell]]) -> Iterator[dict[str, Cell]]:
        model = str(self._about["model"])
        return (row | {"model": model} for row in rows)

    @contextmanager
    def _trouble_named(self) -> Iterator[None]:
        """Turns what the disk refuses into an OutputError."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{_shown(self.output)} can't be written ({error.strerror or error}): make room or name another --out; "
                "what is done is kept, and the same command goes on from there."
            ) from error


def _rows(entry: Entry) -> Iterator[dict[str, Cell]]:
    """An entry as rows of the table: one for the file, or one for each segment."""
    file: dict[str, Cell] = {"file": written_name(str(entry["file"]))}
    if isinstance(error := entry.get("error"), dict):
        yield file | {"status": "error", "error_code": error["code"], "error": error["message"]}
    elif isinstance(segments := entry.get("segments"), list):
        yield from (file | flat(segment) for segment in segments)
    else:
        yield flat(entry) | file


def _shown(path: Path) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(path))
