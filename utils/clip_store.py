"""The history: one database row and one WAV file for each clip.

A clip that `add` has returned is on disk and survives a crash at any moment; a clip that was not is gone
without trace. Files are named by the clip's id and lie in `FOLDER/clips`, rows in `FOLDER/history.sqlite3` or
in the database that the URL names. Several threads and processes may use one folder.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from utils import store_files
from utils.decoding import SAMPLE_RATE, encode_wav
from utils.errors import ClipNotFoundError, StoreError
from utils.predictor import Prediction, Status
from utils.store_schema import CLIPS, migrate, open_engine

Source = Literal["recording", "upload"]
TranscriptStatus = Literal["none", "done", "nothing_understood", "unavailable", "off"]


@dataclass(frozen=True)
class Transcript:
    """What was said in a clip, as far as an engine could tell; "none" until one was asked."""

    status: TranscriptStatus = "none"
    text: str = ""
    engine: str | None = None


@dataclass(frozen=True)
class Clip:
    """One stored clip and what was heard in it; the fields of a prediction are as in `Prediction`."""

    id: str
    created_at: datetime  # aware, UTC
    source: Source
    filename: str | None  # as the client called it: text to show, never a path
    duration_seconds: float
    status: Status
    emotion: str | None
    confidence: float
    probabilities: dict[str, float]
    voiced_seconds: float
    heard: tuple[float, float]
    transcript: Transcript = Transcript()


class ClipStore:
    """Adds, lists, finds and deletes the clips of visitors; no visitor can reach another's.

    Every method raises StoreError when the disk or the database can't be used now, and leaves nothing half
    done.
    """

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        """Open the store in `folder`, which is made if need be; upgrade and tidy it.

        Args:
            folder: holds the WAV files and, without `database_url`, the database.
            database_url: an SQLAlchemy URL of another database.

        Raises:
            StoreError: the folder or the database can't be used, or is of a newer version.
        """
        self._audio = folder / "clips"
        with _translated(), ExitStack() as undo:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._audio.mkdir(mode=0o700, exist_ok=True)
            self._lock = store_files.FolderLock(self._audio / ".lock")
            undo.callback(self._lock.release)
            own = sa.URL.create("sqlite", database=str(folder / "history.sqlite3"))
            self._engine = open_engine(database_url or own)
            undo.callback(self._engine.dispose)
            with self._lock.opening() as alone:
                migrate(self._engine)
                self._tidy(alone)
            undo.pop_all()

    def add(
        self,
        visitor: str,
        samples: np.ndarray,
        prediction: Prediction,
        *,
        source: Source,
        filename: str | None,
    ) -> Clip:
        """Store a clip of `samples` (float32, mono, 16 kHz); once this returns it survives a crash."""
        clip = new_clip(samples, prediction, source, filename)
        path = self._path(clip.id)
        try:
            with _translated():
                store_files.write_durably(path, encode_wav(samples))
                with self._engine.begin() as connection:
                    connection.execute(CLIPS.insert().values(visitor=visitor, **_row(clip)))
        except BaseException:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        return clip

    def list(
        self,
        visitor: str,
        *,
        limit: int = 20,
        before: str | None = None,
        emotion: str | None = None,
        search: str | None = None,
    ) -> tuple[list[Clip], str | None]:
        """The visitor's clips, newest first, and the cursor of the next page (None: this is the last).

        Args:
            visitor: whose clips.
            limit: at most this many.
            before: a cursor: only clips older than the one with this id, which may be gone meanwhile.
            emotion: only clips judged so; "uncertain" for those where no emotion is named.
            search: only clips with this text, in any case, in their transcript or file name.
        """
        wanted = CLIPS.select().where(CLIPS.c.visitor == visitor)
        if before is not None:
            wanted = wanted.where(CLIPS.c.id < before)
        if emotion == "uncertain":
            wanted = wanted.where(CLIPS.c.status == "uncertain")
        elif emotion is not None:
            wanted = wanted.where(CLIPS.c.emotion == emotion, CLIPS.c.status == "ok")
        if search:
            columns = (CLIPS.c.transcript_text, CLIPS.c.filename)
            wanted = wanted.where(sa.or_(*(c.icontains(search, autoescape=True) for c in columns)))
        with _translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted.order_by(CLIPS.c.id.desc()).limit(limit + 1)).all()
        clips = [_clip(row) for row in rows[:limit]]
        return clips, clips[-1].id if len(rows) > limit else None

    def get(self, visitor: str, clip_id: str) -> Clip:
        """The visitor's clip.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        with _translated(), self._engine.connect() as connection:
            row = connection.execute(CLIPS.select().where(_is(visitor, clip_id))).one_or_none()
        if row is None:
            raise _not_found()
        return _clip(row)

    def audio_path(self, visitor: str, clip_id: str) -> Path:
        """The WAV file (16-bit, 16 kHz, mono) of the visitor's clip.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        path = self._path(self.get(visitor, clip_id).id)
        if not path.is_file():
            raise _not_found()
        return path

    def set_transcript(self, visitor: str, clip_id: str, transcript: Transcript) -> Clip:
        """Keep what was understood, and return the clip as it is now.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        with _translated(), self._engine.begin() as connection:
            connection.execute(CLIPS.update().where(_is(visitor, clip_id)).values(**_transcript_row(transcript)))
        return self.get(visitor, clip_id)

    def delete(self, visitor: str, clip_id: str) -> None:
        """Remove a clip from the disk: audio and row.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        if not self._delete(_is(visitor, clip_id)):
            raise _not_found()

    def delete_all(self, visitor: str) -> None:
        """Remove all the visitor's clips from the disk."""
        self._delete(CLIPS.c.visitor == visitor)

    def prune(self, older_than: timedelta) -> int:
        """Remove every visitor's clips that are older; returns how many there were."""
        return self._delete(CLIPS.c.id < _id_prefix(datetime.now(timezone.utc) - older_than))

    def close(self) -> None:
        """Let the database and the folder go."""
        self._engine.dispose()
        self._lock.release()

    def _delete(self, which: sa.ColumnElement[bool]) -> int:
        """Files go before the commit: if one can't be removed its row stays, and one can try again."""
        with _translated():
            with self._engine.begin() as connection:
                ids = connection.scalars(sa.delete(CLIPS).where(which).returning(CLIPS.c.id)).all()
                for clip_id in ids:
                    self._path(clip_id).unlink(missing_ok=True)
                store_files.sync_folder(self._audio)
            if ids and self._engine.dialect.name == "sqlite":
                with self._engine.connect() as connection:  # what was said must not stay in the log either
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(ids)

    def _tidy(self, alone: bool) -> None:
        """Drop rows without a file; remove what crashed processes left. `alone`: nobody is adding now."""
        with self._engine.begin() as connection:
            ids = set(connection.scalars(sa.select(CLIPS.c.id)))
            lost = [i for i in ids if not self._path(i).is_file()]
            for start in range(0, len(lost), 500):
                connection.execute(sa.delete(CLIPS).where(CLIPS.c.id.in_(lost[start : start + 500])))
        store_files.remove_strays(self._audio, keep={f"{i}.wav" for i in ids}, all_ages=alone)

    def _path(self, clip_id: str) -> Path:
        return self._audio / f"{clip_id}.wav"


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the disk and the database raise into a StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, ImportError, OSError) as error:
        raise StoreError(
            "The history can't be read or written right now: make sure its disk has space and can be "
            "written, then try again."
        ) from error


def _not_found() -> ClipNotFoundError:
    return ClipNotFoundError("There is no such clip in your history: it may have been deleted.")


def _is(visitor: str, clip_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(CLIPS.c.visitor == visitor, CLIPS.c.id == clip_id)


def _id_prefix(moment: datetime) -> str:
    """Ids begin with the time in microseconds (14 hex digits), so they sort by age and serve as cursors."""
    return f"{int(moment.timestamp() * 1_000_000):014x}"


def new_clip(samples: np.ndarray, prediction: Prediction, source: Source, filename: str | None) -> Clip:
    """A clip with a new id, made now; nothing is stored by this."""
    now = datetime.now(timezone.utc)
    return Clip(
        id=_id_prefix(now) + secrets.token_hex(16),  # 128 random bits: nobody guesses an id
        created_at=now,
        source=source,
        filename=filename,
        duration_seconds=len(samples) / SAMPLE_RATE,
        status=prediction.status,
        emotion=prediction.emotion,
        confidence=prediction.confidence,
        probabilities=prediction.probabilities,
        voiced_seconds=prediction.voiced_seconds,
        heard=prediction.heard,
    )


def _transcript_row(transcript: Transcript) -> dict[str, str | None]:
    return {f"transcript_{name}": value for name, value in vars(transcript).items()}


def _row(clip: Clip) -> dict[str, Any]:
    values = vars(clip) | {"heard_start": clip.heard[0], "heard_end": clip.heard[1]}
    del values["heard"], values["transcript"]
    return values | _transcript_row(clip.transcript)


def _clip(row: sa.Row[Any]) -> Clip:
    values = dict(row._mapping)
    del values["visitor"]
    created = values.pop("created_at")  # SQLite gives it back without its time zone
    return Clip(
        created_at=created.replace(tzinfo=timezone.utc) if created.tzinfo is None else created,
        heard=(values.pop("heard_start"), values.pop("heard_end")),
        transcript=Transcript(**{name: values.pop(f"transcript_{name}") for name in vars(Transcript())}),
        **values,
    )
