"""The voices that visitors taught: named profiles, one of which may be active; and examples of corrected clips.

All of it is numbers in the database of the history: no sound is kept here.
"""

import secrets
import unicodedata
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from utils.errors import ClipNotFoundError, ProfileNotFoundError, VoiceProfileError
from utils.store_files import id_prefix
from utils.store_schema import CLIPS, EXAMPLES, PROFILES, forget_log, migrate, open_engine, translated, utc
from utils.voice_profile import Kind, VoiceProfile

MOST_PROFILES = 20  # of one visitor
NAME_LENGTH = 60
MOST_EXAMPLES = 300  # the newest of a visitor
_USED_AGAIN = timedelta(days=1)  # a use within a day of the last is not written down


@dataclass(frozen=True)
class StoredProfile:
    """A visitor's profile, without its numbers; `kind` and `clips` are as in `VoiceProfile`."""

    id: str
    created_at: datetime  # aware, UTC
    name: str
    active: bool
    kind: Kind
    clips: int


_SHOWN = [PROFILES.c[name] for name in StoredProfile.__dataclass_fields__]


class ProfileStore:
    """Keeps the voices of visitors; no visitor can reach another's.

    Every method raises StoreError when the database can't be used now, and leaves nothing half done.
    """

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        """Open the store in the database of the history in `folder`, or in another one; upgrade it.

        Raises:
            StoreError: the folder or the database can't be used, or is of a newer version.
        """
        with translated(), ExitStack() as undo:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = sa.URL.create("sqlite", database=str(folder / "history.sqlite3"))
            self._engine = open_engine(database_url or beside)
            undo.callback(self._engine.dispose)
            migrate(self._engine)
            undo.pop_all()

    def add(self, visitor: str, name: str, profile: VoiceProfile) -> StoredProfile:
        """Keep a voice and make it the active one; one of the same name is replaced.

        Raises:
            VoiceProfileError: the name can't be used, or there are `MOST_PROFILES` already.
        """
        name, now = clean_name(name), datetime.now(timezone.utc)
        stored = StoredProfile(id_prefix(now) + secrets.token_hex(16), now, name, True, profile.kind, profile.clips)
        own = PROFILES.c.visitor == visitor
        with translated(), self._engine.execution_options(exclusive=True).begin() as connection:
            connection.execute(sa.delete(PROFILES).where(own, PROFILES.c.name == name))
            if (connection.scalar(sa.select(sa.func.count()).where(own)) or 0) >= MOST_PROFILES:
                raise VoiceProfileError(
                    "You have taught {most} voices already: delete one of them first.", most=MOST_PROFILES
                )
            connection.execute(PROFILES.update().where(own).values(active=False))
            values = vars(stored) | {"visitor": visitor, "used_at": now, "content": profile.to_json()}
            connection.execute(PROFILES.insert().values(**values))
        return stored

    def voices(self, visitor: str) -> list[StoredProfile]:
        """The visitor's voices, by name."""
        wanted = sa.select(*_SHOWN).where(PROFILES.c.visitor == visitor)
        with translated(), self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(wanted.order_by(PROFILES.c.name))]

    def get(self, visitor: str, profile_id: str) -> StoredProfile:
        """One of the visitor's voices.

        Raises:
            ProfileNotFoundError: this visitor has no such voice.
        """
        wanted = sa.select(*_SHOWN).where(_is(visitor, profile_id))
        with translated(), self._engine.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise _not_found()
        return _stored(row)

    def content(self, visitor: str, profile_id: str) -> str:
        """The JSON of a VoiceProfile.

        Raises:
            ProfileNotFoundError: this visitor has no such voice.
        """
        wanted = sa.select(PROFILES.c.content).where(_is(visitor, profile_id))
        with translated(), self._engine.connect() as connection:
            content = connection.scalar(wanted)
        if content is None:
            raise _not_found()
        return content

    def contents(self, visitor: str) -> dict[str, tuple[str, str]]:
        """All the visitor's voices: id -> name, JSON of a VoiceProfile."""
        wanted = sa.select(PROFILES.c.id, PROFILES.c.name, PROFILES.c.content).where(PROFILES.c.visitor == visitor)
        with translated(), self._engine.connect() as connection:
            return {row.id: (row.name, row.content) for row in connection.execute(wanted)}

    def active(self, visitor: str) -> tuple[str, str] | None:
        """Name and JSON of the voice that is switched on, which counts as a use of it."""
        on = sa.and_(PROFILES.c.visitor == visitor, PROFILES.c.active)
        now = datetime.now(timezone.utc)
        with translated(), self._engine.connect() as connection:
            row = connection.execute(sa.select(PROFILES).where(on)).first()
            if row and utc(row.used_at) < now - _USED_AGAIN:
                connection.execute(PROFILES.update().where(PROFILES.c.id == row.id).values(used_at=now))
                connection.commit()
        return (row.name, row.content) if row else None

    def switch(self, visitor: str, profile_id: str, *, on: bool) -> StoredProfile:
        """Make a voice the active one, which switches off the others; or switch it off.

        Raises:
            ProfileNotFoundError: this visitor has no such voice.
        """
        self.get(visitor, profile_id)
        chosen = PROFILES.c.id == profile_id
        which = PROFILES.c.visitor == visitor if on else _is(visitor, profile_id)
        with translated(), self._engine.begin() as connection:
            connection.execute(PROFILES.update().where(which).values(active=chosen if on else False))
        return self.get(visitor, profile_id)

    def delete(self, visitor: str, profile_id: str) -> None:
        """Remove a voice.

        Raises:
            ProfileNotFoundError: this visitor has no such voice.
        """
        if not self._delete(_is(visitor, profile_id)):
            raise _not_found()

    def delete_all(self, visitor: str) -> None:
        """Remove all the visitor's voices; examples go with their clips."""
        self._delete(PROFILES.c.visitor == visitor)

    def prune(self, older_than: timedelta) -> int:
        """Remove every visitor's voices that were not used for so long; returns how many there were."""
        return self._delete(PROFILES.c.used_at < datetime.now(timezone.utc) - older_than)

    def keep_example(self, visitor: str, clip_id: str, model: str, vector: NDArray[np.float32]) -> None:
        """Keep what the network `model` made of the visitor's clip, for as long as the clip.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
        """
        own = sa.exists().where(CLIPS.c.id == clip_id, CLIPS.c.visitor == visitor)
        with translated(), self._engine.execution_options(exclusive=True).begin() as connection:
            if not connection.scalar(sa.select(own)):
                raise ClipNotFoundError("There is no such clip in your history: it may have been deleted.")
            connection.execute(sa.delete(EXAMPLES).where(EXAMPLES.c.clip_id == clip_id))
            content = np.asarray(vector, dtype="<f4").tobytes()
            connection.execute(EXAMPLES.insert().values(clip_id=clip_id, model=model, vector=content))

    def examples(self, visitor: str, model: str) -> list[tuple[str, NDArray[np.float32]]]:
        """What the visitor's clips really were, and their vectors by the network `model`; the newest first."""
        both = EXAMPLES.join(CLIPS, EXAMPLES.c.clip_id == CLIPS.c.id)
        wanted = (
            sa.select(CLIPS.c.correction, EXAMPLES.c.vector)
            .select_from(both)
            .where(CLIPS.c.visitor == visitor, EXAMPLES.c.model == model, CLIPS.c.correction.is_not(None))
            .order_by(CLIPS.c.id.desc())
            .limit(MOST_EXAMPLES)
        )
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted).all()
        return [(row.correction, np.frombuffer(row.vector, dtype="<f4").astype(np.float32)) for row in rows]

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def _delete(self, which: sa.ColumnElement[bool]) -> int:
        with translated():
            with self._engine.begin() as connection:
                count = connection.execute(sa.delete(PROFILES).where(which)).rowcount
            if count:
                forget_log(self._engine)
        return int(count)


def clean_name(name: str) -> str:
    """A name as it is kept: text to show, on one line.

    Raises:
        VoiceProfileError: nothing is left of it, or it is too long.
    """
    shown = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip()
    if not 0 < len(shown) <= NAME_LENGTH:
        raise VoiceProfileError("This name can't be used: give the voice one of 1 to {most} letters.", most=NAME_LENGTH)
    return shown


def _stored(row: sa.Row[tuple[object, ...]]) -> StoredProfile:
    values = dict(row._mapping)
    return StoredProfile(**{**values, "created_at": utc(values["created_at"])})


def _is(visitor: str, profile_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(PROFILES.c.visitor == visitor, PROFILES.c.id == profile_id)


def _not_found() -> ProfileNotFoundError:
    return ProfileNotFoundError("There is no such voice of yours: it may have been deleted.")
