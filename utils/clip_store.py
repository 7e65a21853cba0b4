"""The history: one database row and one WAV file for each clip.

A clip that `add` has returned is on disk and survives a crash at any moment; a clip that was not is gone
without trace. Files are named by the clip's id and lie in `FOLDER/clips`, rows in `FOLDER/history.sqlite3` or
in the database that the URL names; the files may lie elsewhere, too (`utils.store_files`). Several threads and
processes may use one folder.
"""

import io
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from utils import store_queries
from utils.decoding import SAMPLE_RATE, Samples, encode_wav, load_audio
from utils.emotions import ALL_EMOTIONS
from utils.errors import AudioError, ClipNotFoundError, UnknownEmotionError
from utils.prediction import Prediction, Status
from utils.speakers import Who
from utils.store_files import Folder, id_prefix
from utils.store_objects import open_files
from utils.store_schema import CLIPS, forget_log, migrate, open_engine, translated, utc

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
    """One stored clip and what was heard in it; the fields of a prediction are as in `Prediction`.

    `correction` is the emotion that its visitor says it was, which may be the one that was heard; None: not said.
    `who` and `intensity` are told with the answer and not stored: None ever after.
    """

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
    correction: str | None = None
    model: str | None = None
    voice: str | None = None
    personal: bool = False
    who: Who | None = None
    intensity: float | None = None


class ClipStore:
    """Adds, lists, finds and deletes the clips of visitors; no visitor can reach another's.

    Every method raises StoreError when the disk or the database can't be used now, and leaves nothing half
    done.
    """

    def __init__(self, folder: Path, database_url: str | None = None, clips_url: str | None = None) -> None:
        """Open the store in `folder`, which is made if need be; upgrade and tidy it.

        Args:
            folder: holds the WAV files without `clips_url`, and the database without `database_url`.
            database_url: an SQLAlchemy URL of another database.
            clips_url: another place for the WAV files, as `open_files` takes it, of this database alone: files
                there that it doesn't know are removed.

        Raises:
            StoreError: the folder, the place or the database can't be used, or is of a newer version.
        """
        with translated(), ExitStack() as undo:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = open_files(folder / "clips", clips_url)
            undo.callback(self._files.close)
            own = sa.URL.create("sqlite", database=str(folder / "history.sqlite3"))
            self._engine = open_engine(database_url or own)
            undo.callback(self._engine.dispose)
            with self._files.opening() as alone:
                migrate(self._engine)
                self._tidy(alone, own=database_url is None)
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
        try:
            with translated():
                self._files.write(_name(clip.id), io.BytesIO(encode_wav(samples)))
                with self._engine.begin() as connection:
                    connection.execute(CLIPS.insert().values(visitor=visitor, **_row(clip)))
        except BaseException:
            with suppress(OSError, SQLAlchemyError):
                self._take_back(clip.id)
            raise
        return clip

    def _take_back(self, clip_id: str) -> None:
        """Undo an `add` that failed. A connection lost in a commit doesn't tell whether there is a row now."""
        if self._engine.dialect.name != "sqlite":  # there a commit that failed is none
            with self._engine.begin() as connection:
                connection.execute(sa.delete(CLIPS).where(CLIPS.c.id == clip_id))
        self._files.remove([_name(clip_id)])

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
            emotion: only clips that were corrected to this or, where nobody said, judged so; "uncertain" for
                those where no emotion is named.
            search: only clips with this text, in any case, in their transcript or file name.
        """
        wanted = store_queries.matching(visitor, before=before, emotion=emotion, search=search)
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted.limit(limit + 1)).all()
        clips = [_clip(row) for row in rows[:limit]]
        return clips, clips[-1].id if len(rows) > limit else None

    def get(self, visitor: str, clip_id: str) -> Clip:
        """The visitor's clip.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        with translated(), self._engine.connect() as connection:
            row = connection.execute(CLIPS.select().where(_is(visitor, clip_id))).one_or_none()
        if row is None:
            raise _not_found()
        return _clip(row)

    def open_audio(self, visitor: str, clip_id: str) -> BinaryIO:
        """The WAV file (16-bit, 16 kHz, mono) of the visitor's clip, to be read from any position and closed.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        name = _name(self.get(visitor, clip_id).id)
        with translated():
            try:
                return self._files.open(name)
            except FileNotFoundError as error:
                raise _not_found() from error

    def set_transcript(self, visitor: str, clip_id: str, transcript: Transcript) -> Clip:
        """Keep what was understood, and return the clip as it is now.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        return self._change(visitor, clip_id, _transcript_row(transcript))

    def set_correction(self, visitor: str, clip_id: str, emotion: str | None) -> Clip:
        """Keep what the clip was, one of ALL_EMOTIONS, or forget that with None; returns the clip as it is now.

        Raises:
            UnknownEmotionError: there is no such emotion.
            ClipNotFoundError: this visitor has no such clip.
        """
        if emotion is not None and emotion not in ALL_EMOTIONS:
            raise UnknownEmotionError(
                "This emotion isn't known here: choose one of {names}.", names=", ".join(ALL_EMOTIONS)
            )
        return self._change(visitor, clip_id, {"correction": emotion})

    def allows_training(self, visitor: str) -> bool:
        """Whether the visitor's corrected clips may be used to train a model; no, unless the visitor said so."""
        with translated(), self._engine.connect() as connection:
            return bool(connection.scalar(store_queries.allows_training(visitor)))

    def set_training(self, visitor: str, allowed: bool) -> None:
        """Keep or withdraw that consent."""
        change = store_queries.give_consent(visitor) if allowed else store_queries.withdraw_consent(visitor)
        with translated(), suppress(IntegrityError), self._engine.begin() as connection:  # given before: it stays
            connection.execute(change)

    def for_training(self) -> Iterator[tuple[str, Clip, Samples]]:
        """The corrected clips of everybody who consents to training, oldest first: visitor, clip, its sound.

        Nothing is written by this; a clip that is deleted meanwhile is left out.
        """
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(store_queries.for_training()).all()
        for row in rows:
            with suppress(ClipNotFoundError, AudioError):
                with self.open_audio(row.visitor, row.id) as file:
                    samples = load_audio(file.read())
                yield row.visitor, _clip(row), samples

    def delete(self, visitor: str, clip_id: str) -> None:
        """Remove a clip from the disk: audio and row.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        if not self._delete(_is(visitor, clip_id)):
            raise _not_found()

    def delete_all(self, visitor: str) -> None:
        """Remove all the visitor's clips from the disk, and the consent to train with them."""
        self._delete(CLIPS.c.visitor == visitor)
        self.set_training(visitor, False)

    def prune(self, older_than: timedelta) -> int:
        """Remove every visitor's clips that are older, and consents that are about none; returns how many clips."""
        before = datetime.now(timezone.utc) - older_than
        count = self._delete(CLIPS.c.id < id_prefix(before))
        with translated(), self._engine.begin() as connection:
            connection.execute(store_queries.forget_stale_consents(before))
        return count

    def sweep(self) -> None:
        """Remove audio that processes which died left without a row, once it is too old to be still on its way."""
        with translated():
            self._files.sweep(self._known, alone=False)

    def close(self) -> None:
        """Let the database and the files go."""
        self._engine.dispose()
        self._files.close()

    def _change(self, visitor: str, clip_id: str, values: dict[str, str | None]) -> Clip:
        change = CLIPS.update().where(_is(visitor, clip_id)).values(**values).returning(*CLIPS.c)
        with translated(), self._engine.begin() as connection:
            row = connection.execute(change).one_or_none()
        if row is None:
            raise _not_found()
        return _clip(row)

    def _delete(self, which: sa.ColumnElement[bool]) -> int:
        """Files go before the commit: if one can't be removed its row stays, and one can try again."""
        with translated():
            with self._engine.begin() as connection:
                ids = connection.scalars(sa.delete(CLIPS).where(which).returning(CLIPS.c.id)).all()
                self._files.remove(map(_name, ids))
            if ids:
                forget_log(self._engine)
        return len(ids)

    def _tidy(self, alone: bool, *, own: bool) -> None:
        """Drop rows without a file; remove what crashed processes left.

        Args:
            alone: nobody is adding now.
            own: the database is this folder's; in one that machines share, files that aren't here lie elsewhere.
        """
        if own and isinstance(self._files, Folder) and not self._files.shared:  # a shared folder may be away
            there = {path.name for path in self._files.path.iterdir()}
            lost = [Path(name).stem for name in self._known("") - there]
            with self._engine.begin() as connection:
                for start in range(0, len(lost), 500):
                    connection.execute(sa.delete(CLIPS).where(CLIPS.c.id.in_(lost[start : start + 500])))
        self._files.sweep(self._known, alone=alone)

    def _known(self, first: str) -> set[str]:
        """The names, from `first` on, of the files that rows refer to."""
        with self._engine.connect() as connection:
            return set(map(_name, connection.scalars(sa.select(CLIPS.c.id).where(CLIPS.c.id >= first))))


def _name(clip_id: str) -> str:
    """What the clip's file is called."""
    return f"{clip_id}.wav"


def _not_found() -> ClipNotFoundError:
    return ClipNotFoundError("There is no such clip in your history: it may have been deleted.")


def _is(visitor: str, clip_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(CLIPS.c.visitor == visitor, CLIPS.c.id == clip_id)


def new_clip(samples: np.ndarray, prediction: Prediction, source: Source, filename: str | None) -> Clip:
    """A clip with a new id, made now; nothing is stored by this."""
    now = datetime.now(timezone.utc)
    return Clip(
        id=id_prefix(now) + secrets.token_hex(16),  # ids sort by age; 128 random bits: nobody guesses one
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
        model=prediction.model,
        voice=prediction.voice,
        personal=prediction.personal,
        who=prediction.who,
        intensity=prediction.intensity,
    )


def _transcript_row(transcript: Transcript) -> dict[str, str | None]:
    return {f"transcript_{name}": value for name, value in vars(transcript).items()}


def _row(clip: Clip) -> dict[str, Any]:
    values = vars(clip) | {"heard_start": clip.heard[0], "heard_end": clip.heard[1]}
    del values["heard"], values["transcript"], values["who"], values["intensity"]
    return values | _transcript_row(clip.transcript)


def _clip(row: sa.Row[Any]) -> Clip:
    values = dict(row._mapping)
    del values["visitor"]
    return Clip(
        created_at=utc(values.pop("created_at")),
        heard=(values.pop("heard_start"), values.pop("heard_end")),
        transcript=Transcript(**{name: values.pop(f"transcript_{name}") for name in vars(Transcript())}),
        **values,
    )
