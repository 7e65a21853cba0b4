"""Recordings: long sound files that are analysed in the background, a database row and one file for each.

What `add` has returned is on disk and survives a crash; one that was being analysed then waits again. Files are
named by the recording's id and lie in `FOLDER/recordings`, rows in the database of the history. Several threads
and processes may use one folder; several machines need one that they share.
"""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from utils import store_files
from utils.errors import QueueFullError, RecordingNotFoundError, RecordingStateError
from utils.recording_queue import FRESH, SHOWN, Recording, RecordingFiles, RecordingQueue, State, give_back, recording
from utils.store_files import id_prefix
from utils.store_schema import RECORDINGS, forget_log, migrate, open_engine, translated
from utils.timeline import Segment


class RecordingStore:
    """Keeps the recordings of visitors; no visitor can reach another's.

    Every method raises StoreError when the disk or the database can't be used now, and leaves nothing half done.

    Attributes:
        files: where uploads are written to.
        queue: where workers get recordings from.
    """

    def __init__(self, folder: Path, database_url: str | None = None, *, most_waiting: int = 16) -> None:
        """Open the store in `folder`, which is made if need be; upgrade it, and tidy up after a crash.

        Args:
            folder: holds the sound files and, without `database_url`, the database.
            database_url: an SQLAlchemy URL of another database.
            most_waiting: as many recordings, of all visitors, may wait at a time.

        Raises:
            StoreError: the folder or the database can't be used, or is of a newer version.
        """
        own = folder / "recordings"
        self._most_waiting = most_waiting
        with translated(), ExitStack() as undo:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            own.mkdir(mode=0o700, exist_ok=True)
            self._lock = store_files.FolderLock(own / ".lock")
            undo.callback(self._lock.release)
            beside = sa.URL.create("sqlite", database=str(folder / "history.sqlite3"))
            self._engine = open_engine(database_url or beside)
            undo.callback(self._engine.dispose)
            self.files = RecordingFiles(own)
            self.queue = RecordingQueue(self._engine, self.files)
            with self._lock.opening() as alone:
                migrate(self._engine)
                self._tidy(alone, own=database_url is None)
            undo.pop_all()

    def add(self, visitor: str, upload: IO[bytes], *, filename: str | None, voice_id: str | None = None) -> Recording:
        """Queue what was written to an incoming file of `files`; once this returns it survives a crash.

        Args:
            visitor: whose it is.
            upload: the file.
            filename: what the client called it.
            voice_id: the visitor's profile that it shall be heard with, if it is still there then.

        Raises:
            QueueFullError: too many are waiting.
        """
        now = datetime.now(timezone.utc)
        new_id = id_prefix(now) + secrets.token_hex(16)  # 128 random bits: nobody guesses an id
        row = FRESH | {"id": new_id, "visitor": visitor, "created_at": now, "filename": filename, "voice_id": voice_id}
        try:
            with translated():
                self.files.settle(upload, new_id, "upload")
                with self._engine.begin() as connection:
                    connection.execute(RECORDINGS.insert().values(**row))
                    self._expect_place(connection, taken=1)
        except BaseException:
            with suppress(OSError):
                self.files.remove(new_id)
            raise
        return self.get(visitor, new_id)

    def expect_place(self) -> None:
        """Check that one more may wait.

        Raises:
            QueueFullError: it may not.
        """
        with translated(), self._engine.connect() as connection:
            self._expect_place(connection, taken=0)

    def list(self, visitor: str, *, limit: int = 20, before: str | None = None) -> tuple[list[Recording], str | None]:
        """The visitor's recordings, newest first, and the cursor of the next page (None: this is the last)."""
        wanted = sa.select(*SHOWN).where(RECORDINGS.c.visitor == visitor)
        if before is not None:
            wanted = wanted.where(RECORDINGS.c.id < before)
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted.order_by(RECORDINGS.c.id.desc()).limit(limit + 1)).all()
        found = [recording(row) for row in rows[:limit]]
        return found, found[-1].id if len(rows) > limit else None

    def get(self, visitor: str, recording_id: str) -> Recording:
        """The visitor's recording.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
        """
        return recording(self._row(visitor, recording_id, *SHOWN))

    def segments(self, visitor: str, recording_id: str) -> Sequence[Segment]:
        """What was heard from start to end, figures rounded to four digits.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
            RecordingStateError: it isn't done.
        """
        kept = self._row(visitor, recording_id, RECORDINGS.c.segments).segments
        if kept is None:
            raise RecordingStateError("This recording isn't analysed yet: wait until it is done.")
        return [Segment(**segment) for segment in kept]

    def peaks(self, visitor: str, recording_id: str) -> bytes:
        """What draws it, as `utils.waveform.PeakMeter` gives it.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
            RecordingStateError: it isn't decoded yet.
        """
        kept: bytes | None = self._row(visitor, recording_id, RECORDINGS.c.peaks).peaks
        if kept is None:
            raise _not_decoded()
        return kept

    def audio_path(self, visitor: str, recording_id: str) -> Path:
        """The WAV file (16-bit, 16 kHz, mono) of the visitor's recording.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
            RecordingStateError: it isn't decoded yet.
        """
        path = self.files.path(self.get(visitor, recording_id).id, "wav")
        if not path.is_file():
            raise _not_decoded()
        return path

    def cancel(self, visitor: str, recording_id: str) -> Recording:
        """Stop the analysis, or take it out of the queue; it is kept and may be started again.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
            RecordingStateError: it is over already.
        """
        return self._turn(visitor, recording_id, ("waiting", "running"), FRESH | {"state": "cancelled"})

    def restart(self, visitor: str, recording_id: str) -> Recording:
        """Queue once more what failed or was cancelled.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
            RecordingStateError: it waits, runs or is done; or nothing of it was kept, since it was no sound.
            QueueFullError: too many are waiting.
        """
        self.expect_place()
        if self.files.source(self.get(visitor, recording_id).id) is None:
            raise RecordingStateError("Nothing of this recording was kept: send the file again.")
        return self._turn(visitor, recording_id, ("failed", "cancelled"), FRESH)

    def delete(self, visitor: str, recording_id: str) -> None:
        """Remove a recording from the disk with all that is known of it; whoever analyses it stops.

        Raises:
            RecordingNotFoundError: this visitor has no such recording.
        """
        if not self._delete(_is(visitor, recording_id)):
            raise _not_found()

    def delete_all(self, visitor: str) -> None:
        """Remove all the visitor's recordings from the disk."""
        self._delete(RECORDINGS.c.visitor == visitor)

    def prune(self, older_than: timedelta) -> int:
        """Remove every visitor's recordings that are older; returns how many there were."""
        return self._delete(RECORDINGS.c.id < id_prefix(datetime.now(timezone.utc) - older_than))

    def close(self) -> None:
        """Let the database and the folder go."""
        self._engine.dispose()
        self._lock.release()

    def _row(self, visitor: str, recording_id: str, *columns: sa.Column[Any]) -> sa.Row[Any]:
        with translated(), self._engine.connect() as connection:
            row = connection.execute(sa.select(*columns).where(_is(visitor, recording_id))).one_or_none()
        if row is None:
            raise _not_found()
        return row

    def _expect_place(self, connection: sa.Connection, *, taken: int) -> None:
        count = sa.select(sa.func.count()).where(RECORDINGS.c.state == "waiting")
        if (connection.scalar(count) or 0) - taken >= self._most_waiting:
            raise QueueFullError("Many recordings are waiting to be heard already: try again in some minutes.")

    def _turn(self, visitor: str, recording_id: str, states: tuple[State, ...], values: dict[str, Any]) -> Recording:
        """Change a recording in one of these states; whoever held it doesn't any more."""
        which = sa.and_(_is(visitor, recording_id), RECORDINGS.c.state.in_(states))
        with translated(), self._engine.begin() as connection:
            changed = connection.execute(RECORDINGS.update().where(which).values(**values)).rowcount
        found = self.get(visitor, recording_id)
        if not changed:
            raise RecordingStateError(
                "This can't be done now, for this recording is {state}: look at it again.", state=found.state
            )
        return found

    def _delete(self, which: sa.ColumnElement[bool]) -> int:
        """Files go before the commit: if one can't be removed its row stays, and one can try again."""
        with translated():
            with self._engine.begin() as connection:
                ids = connection.scalars(sa.delete(RECORDINGS).where(which).returning(RECORDINGS.c.id)).all()
                for recording_id in ids:
                    self.files.remove(recording_id)
                self.files.sync()
            if ids:
                forget_log(self._engine)
        return len(ids)

    def _tidy(self, alone: bool, *, own: bool) -> None:
        """Drop what lost its file, remove what crashed processes left.

        Args:
            alone: nobody else has the folder open.
            own: nobody else has the database: what has no file here has none anywhere.
        """
        with self._engine.begin() as connection:
            if alone:
                give_back(connection, sa.true())
            rows = connection.execute(sa.select(RECORDINGS.c.id, RECORDINGS.c.state)).all()
            states = {row.id: row.state for row in rows}
            gone = [i for i, state in states.items() if own and state != "failed" and self.files.source(i) is None]
            for start in range(0, len(gone), 500):
                connection.execute(sa.delete(RECORDINGS).where(RECORDINGS.c.id.in_(gone[start : start + 500])))
        self.files.remove_strays(set(states) - set(gone), all_ages=alone)


def _is(visitor: str, recording_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(RECORDINGS.c.visitor == visitor, RECORDINGS.c.id == recording_id)


def _not_found() -> RecordingNotFoundError:
    return RecordingNotFoundError("There is no such recording of yours: it may have been deleted.")


def _not_decoded() -> RecordingStateError:
    return RecordingStateError("This recording can't be heard yet: wait until it has been read.")
