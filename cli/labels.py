"""Subtitles and label tracks of an analysis: a file for each recording, in a folder beside the table."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from cli.judging import Entry
from cli.results import OutputError
from utils.exports import FORMATS, export
from utils.timeline import Segment

LABEL_FORMATS = tuple(name for name in FORMATS if name not in ("csv", "json", "parquet"))
_LONGEST = 240  # bytes of a file's name; systems take 255


class Labels:
    """The folder `results-labels/` of the table `results.csv`; in it, folders as the recordings' are."""

    def __init__(self, output: Path, formats: Sequence[str]) -> None:
        """Labels in some of LABEL_FORMATS; nothing is written yet."""
        self.folder = output.with_name(f"{output.stem}-labels")
        self._formats = formats

    def write_all(self, entries: Iterable[Entry]) -> None:
        """Makes up for what is missing.

        Raises:
            OutputError: it can't be written.
        """
        if self._formats:
            for entry in entries:
                self.write(entry)

    def write(self, entry: Entry) -> None:
        """Writes the files of one recording, where it has segments and there are none yet.

        Raises:
            OutputError: they can't be written.
        """
        segments = entry.get("segments")
        if not isinstance(segments, list):
            return
        for format in self._formats:
            path = self.path(str(entry["file"]), format)
            try:
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(_exported(segments, format))
            except OSError as error:
                raise OutputError(
                    f"Labels can't be written to {self.folder} ({error.strerror}): make room, or name another --out; "
                    "what is done is kept, and the same command goes on from there."
                ) from error

    def path(self, file: str, format: str) -> Path:
        """Where the labels of a recording are: its own path below the folder, whatever that is relative to."""
        parts = [part if part != ".." else "up" for part in PurePath(file).parts if part != PurePath(file).anchor]
        name = parts[-1]
        if len(os.fsencode(name)) > _LONGEST:  # with the ending it would be too long for the disk
            name = f"{name[:50]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
        return self.folder.joinpath(*parts[:-1], f"{name}{FORMATS[format].ending}")


def _exported(records: list[dict[str, object]], format: str) -> bytes:
    words = [str(record.get("words", "")) for record in records]
    fields = Segment.__dataclass_fields__
    segments = [Segment(**{name: record[name] for name in fields}) for record in records]  # type: ignore[arg-type]
    return export(segments, format, words if any(words) else ())
