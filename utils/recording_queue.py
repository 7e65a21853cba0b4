"""The work on recordings: files that come in, rows that wait, and what whoever analyses one may report.

A recording waits, runs, and is done, failed or cancelled. Its file is the upload (`ID.upload`) until that is
decoded, and then what is played (`ID.wav`). A worker holds a recording until it hands it back; what it reports is
refused once the recording is cancelled, deleted or somebody else's.
"""

import os
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any, Literal

import sqlalchemy as sa

from utils import store_files
from utils.errors import AudioError, RecordingNotFoundError, VoiceError
from utils.store_schema import PROFILES, RECORDINGS, translated, utc
from utils.timeline import Segment

State = Literal["waiting", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("waiting", "running", "done", "failed", "cancelled")
FRESH = {"state": "waiting", "done_seconds": 0.0, "error_code": None, "error": None, "worker": None, "voice": None}
"""What a row says of a recording that nobody has begun with."""

LOST_SECONDS = 120.0  # a worker that has said nothing for so long is dead
STRAY_SECONDS = 6 * 3600.0  # older than any upload can be that is still arriving
_DIGITS = 4  # of the figures that are kept


@dataclass(frozen=True)
class Recording:
    """How far a recording is; once it is decoded its `duration_seconds` is known and it can be heard."""

    id: str
    created_at: datetime  # aware, UTC
    filename: str | None  # as the client called it: text to show, never a path
    duration_seconds: float | None
    state: State
    done_seconds: float
    error_code: str | None
    error: str | None  # why it failed, in a sentence for people
    voice: str | None  # name of the profile that it was heard with


SHOWN = tuple(RECORDINGS.c[name] for name in Recording.__dataclass_fields__)


def recording(row: sa.Row[Any]) -> Recording:
    """The recording of a row of `SHOWN`."""
    values = dict(row._mapping)
    return Recording(created_at=utc(values.pop("created_at")), **values)


class RecordingFiles:
    """The files of recordings in one folder. Raises OSError when the disk can't be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def incoming(self) -> IO[bytes]:
        """A new file; `settle` or `discard` it afterwards."""
        return (self._folder / f"{secrets.token_hex(8)}.part").open("x+b")

    def discard(self, file: IO[bytes]) -> None:
        """Remove an incoming file, unless it was settled."""
        file.close()
        with suppress(OSError):
            Path(file.name).unlink(missing_ok=True)

    def settle(self, file: IO[bytes], recording_id: str, kind: Literal["upload", "wav"]) -> None:
        """Make an incoming file a recording's; once this returns it survives a crash."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        Path(file.name).rename(self.path(recording_id, kind))
        store_files.sync_folder(self._folder)

    def path(self, recording_id: str, kind: Literal["upload", "wav"]) -> Path:
        """Where a file of a recording is, or would be."""
        return self._folder / f"{recording_id}.{kind}"

    def source(self, recording_id: str) -> Path | None:
        """The file to analyse: what is played, or else the upload; None when neither is there."""
        paths = (self._folder / f"{recording_id}.{kind}" for kind in ("wav", "upload"))
        return next((path for path in paths if path.is_file()), None)

    def remove(self, recording_id: str) -> None:
        """Remove the files of a recording, where there are any."""
        for kind in ("upload", "wav"):
            (self._folder / f"{recording_id}.{kind}").unlink(missing_ok=True)

    def sync(self) -> None:
        """Make removals survive a crash."""
        store_files.sync_folder(self._folder)

    def remove_strays(self, keep: set[str], *, all_ages: bool) -> None:
        """Remove decoded uploads, and files of no recording in `keep`; the young, perhaps arriving, if `all_ages`."""
        oldest = time.time() - STRAY_SECONDS
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process was quicker
                decoded = path.suffix == ".upload" and path.with_suffix(".wav").exists()
                stray = path.suffix in {".upload", ".wav", ".part"} and path.stem not in keep
                if decoded or (stray and (all_ages or path.stat().st_mtime < oldest)):
                    path.unlink()


class Held:
    """A recording in the hands of one worker.

    Every report raises RecordingNotFoundError when it is not in its hands any more (cancelled, deleted, taken over
    as lost), and StoreError when the disk or the database can't be used now.
    """

    def __init__(self, engine: sa.Engine, files: RecordingFiles, recording: Recording, worker: str) -> None:
        self.recording = recording
        self._engine, self._files, self._worker = engine, files, worker

    @property
    def source(self) -> Path | None:
        """The file to analyse: what is played, or else the upload; None when neither is there."""
        return self._files.source(self.recording.id)

    def voice(self) -> tuple[str, str] | None:
        """Name and JSON of the profile that it shall be heard with, which counts as a use; None: there is none."""
        chosen = sa.select(RECORDINGS.c.voice_id).where(RECORDINGS.c.id == self.recording.id).scalar_subquery()
        use = PROFILES.update().where(PROFILES.c.id == chosen).values(used_at=datetime.now(timezone.utc))
        with translated(), self._engine.begin() as connection:
            row = connection.execute(use.returning(PROFILES.c.name, PROFILES.c.content)).one_or_none()
        return (row.name, row.content) if row else None

    def progress(self, done_seconds: float) -> None:
        """Say how far it is."""
        with translated(), self._engine.begin() as connection:
            self._report(connection, {"done_seconds": done_seconds})

    def decoded(self, wav: IO[bytes], seconds: float, peaks: bytes) -> None:
        """From now on keep what is played, written to an incoming file, instead of the upload."""
        with translated():
            with self._engine.begin() as connection:
                self._report(connection, {"duration_seconds": seconds, "peaks": peaks, "done_seconds": 0.0})
                self._files.settle(wav, self.recording.id, "wav")
            self._files.path(self.recording.id, "upload").unlink(missing_ok=True)

    def finish(self, segments: list[Segment], voice: str | None = None) -> None:
        """It is done, and this was heard, with the profile of that name."""
        end = segments[-1].end if segments else 0.0
        found = {"state": "done", "worker": None, "done_seconds": end, "segments": [_row(one) for one in segments]}
        found["voice"] = voice
        with translated(), self._engine.begin() as connection:
            self._report(connection, found)

    def fail(self, reason: VoiceError) -> None:
        """It can't be analysed; where the sound is to blame, none of it is kept."""
        found = {"state": "failed", "worker": None, "error_code": reason.code, "error": str(reason)}
        with translated():
            with self._engine.begin() as connection:
                self._report(connection, found)
            if isinstance(reason, AudioError):
                self._files.remove(self.recording.id)

    def release(self) -> None:
        """Hand it back unfinished: it waits again."""
        with translated(), self._engine.begin() as connection:
            self._report(connection, {"state": "waiting", "worker": None, "done_seconds": 0.0})

    def _report(self, connection: sa.Connection, values: dict[str, Any]) -> None:
        held = sa.and_(RECORDINGS.c.id == self.recording.id, RECORDINGS.c.worker == self._worker)
        now = {"touched_at": datetime.now(timezone.utc)}
        if not connection.execute(RECORDINGS.update().where(held).values(**now, **values)).rowcount:
            raise RecordingNotFoundError("This recording was cancelled or deleted meanwhile.")


class RecordingQueue:
    """Hands out recordings to whoever analyses them; every method may raise StoreError."""

    def __init__(self, engine: sa.Engine, files: RecordingFiles) -> None:
        self._engine, self._files = engine, files

    def has_waiting(self) -> bool:
        """Whether there is work; what a dead worker held waits again."""
        lost = datetime.now(timezone.utc) - timedelta(seconds=LOST_SECONDS)
        with translated(), self._engine.begin() as connection:
            give_back(connection, RECORDINGS.c.touched_at < lost)
            return bool(connection.scalar(sa.select(sa.exists().where(RECORDINGS.c.state == "waiting"))))

    def claim(self, worker: str) -> Held | None:
        """The recording that has waited longest, now held by `worker`; None when none is waiting."""
        waiting = RECORDINGS.c.state == "waiting"
        oldest = sa.select(RECORDINGS.c.id).where(waiting).order_by(RECORDINGS.c.id).limit(1)
        first = oldest.with_for_update(skip_locked=True).scalar_subquery()  # where the database has row locks
        take = RECORDINGS.update().where(RECORDINGS.c.id == first, waiting)
        take = take.values(state="running", worker=worker, touched_at=datetime.now(timezone.utc))
        with translated(), self._engine.begin() as connection:
            row = connection.execute(take.returning(*SHOWN)).one_or_none()
        return Held(self._engine, self._files, recording(row), worker) if row else None


def give_back(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Let those that run, and are `which`, wait again."""
    running = RECORDINGS.update().where(RECORDINGS.c.state == "running", which)
    connection.execute(running.values(state="waiting", worker=None, done_seconds=0.0))


def _row(segment: Segment) -> dict[str, Any]:
    rounded = {label: round(p, _DIGITS) for label, p in segment.probabilities.items()}
    return asdict(segment) | {"confidence": round(segment.confidence, _DIGITS), "probabilities": rounded}
