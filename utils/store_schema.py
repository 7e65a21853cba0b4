"""The database of the history: its tables, how it is opened, and how an older one becomes a newer one."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from utils.errors import StoreError, marked
from utils.store_files import PlaceError

MIGRATIONS = Path(__file__).parent / "migrations"
LOG_PAGES = 16  # SQLite's log is brought in at so many: a deletion needs room for it, and the disk may be full
BUSY_SECONDS = 5.0  # how long a write waits for another process before it fails
REMOTE = {
    "connect_timeout": 5,  # seconds until a host that doesn't answer is given up
    "tcp_user_timeout": 10_000,  # milliseconds until one that fell silent is, where TCP would wait for minutes
    "keepalives_idle": 30,
}
"""What libpq is told: a server that is gone must cost a visitor seconds."""

_ALEMBIC = threading.Lock()  # it keeps the migration at work in a module of its own

METADATA = sa.MetaData()

CLIPS = sa.Table(
    "clips",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("visitor", sa.String(64), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("filename", sa.Text),
    sa.Column("duration_seconds", sa.Float, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("emotion", sa.String(32)),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("probabilities", sa.JSON, nullable=False),
    sa.Column("voiced_seconds", sa.Float, nullable=False),
    sa.Column("heard_start", sa.Float, nullable=False),
    sa.Column("heard_end", sa.Float, nullable=False),
    sa.Column("transcript_status", sa.String(32), nullable=False),
    sa.Column("transcript_text", sa.Text, nullable=False),
    sa.Column("transcript_engine", sa.String(32)),
    sa.Column("correction", sa.String(32)),
    sa.Column("model", sa.String(80)),
    sa.Column("voice", sa.String(60)),
    sa.Column("personal", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("clips_of_visitor", "visitor", "id"),
)
"""One row for each clip. A change here needs a new file in migrations/versions/ (a test compares them)."""

CONSENTS = sa.Table(
    "consents",
    METADATA,
    sa.Column("visitor", sa.String(64), primary_key=True),
    sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
)
"""One row for each visitor whose corrected clips may be used for training."""

PROFILES = sa.Table(
    "profiles",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("visitor", sa.String(64), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("clips", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Index("profiles_of_visitor", "visitor", "name", unique=True),
)
"""One row for each voice that a visitor taught; `content` is the JSON of a VoiceProfile, never sound."""

EXAMPLES = sa.Table(
    "examples",
    METADATA,
    sa.Column("clip_id", sa.String(64), sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("model", sa.String(80), nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
"""What the network `model` made of a clip that was corrected: float32, for a personal head; goes with its clip."""


RECORDINGS = sa.Table(
    "recordings",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("visitor", sa.String(64), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("filename", sa.Text),
    sa.Column("duration_seconds", sa.Float),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("done_seconds", sa.Float, nullable=False),
    sa.Column("error_code", sa.String(32)),
    sa.Column("error", sa.Text),
    sa.Column("worker", sa.String(64)),
    sa.Column("touched_at", sa.DateTime(timezone=True)),
    sa.Column("peaks", sa.LargeBinary),
    sa.Column("segments", sa.JSON(none_as_null=True)),
    sa.Column("voice_id", sa.String(64)),
    sa.Column("voice", sa.String(60)),
    sa.Index("recordings_of_visitor", "visitor", "id"),
    sa.Index("recordings_in_state", "state", "id"),
)
"""One row for each recording, finished or not.

`worker` is who analyses it now; `voice_id` is of the profile that it shall be heard with, which may be gone by then,
and `voice` the name of the one that it was heard with.
"""


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for `url`; SQLite is set up to lose nothing it acknowledged and to forget what is deleted.

    Raises:
        StoreError: the URL has a flaw, or the driver of PostgreSQL isn't installed.
        sqlalchemy.exc.SQLAlchemyError: this is no URL of a database that is known here.
    """
    try:
        address = sa.make_url(url)
    except ValueError as error:
        raise StoreError(
            "DATABASE_URL can't be used: it looks like postgresql://name:password@host/database."
        ) from error
    if address.drivername in {"postgres", "postgresql"}:
        address = address.set(drivername="postgresql+psycopg")
    known = REMOTE if address.drivername == "postgresql+psycopg" else {}
    try:  # words and names stay out of logs
        engine = sa.create_engine(address, pool_pre_ping=True, hide_parameters=True, connect_args=known)
    except ImportError as error:
        raise StoreError(
            "The driver of this history's database is missing: install it with pip install -r requirements-scale.txt."
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest revision, in one transaction, one process at a time.

    Raises:
        StoreError: the database is newer than this program.
        sqlalchemy.exc.SQLAlchemyError: the database can't be used.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    exclusive = engine.execution_options(exclusive=True)
    with _ALEMBIC, exclusive.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7300216)")  # any number of our own
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError("This history was made by a newer version: update the program.") from error


NO_DATABASE = marked(
    "The history can't be read or written right now: "
    "make sure that its database runs and that DATABASE_URL is right, then try again."
)
NO_PLACE = marked(
    "The history can't be read or written right now: make sure the place of its clips can be reached, then try again."
)
NO_DISK = marked(
    "The history can't be read or written right now: make sure its disk has space and can be written, then try again."
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the disk, the database and the place of the files raise into a StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, ImportError, OSError) as error:
        raise StoreError(_remedy(error)) from error


def _remedy(error: Exception) -> str:
    if isinstance(error, SQLAlchemyError) and not isinstance(getattr(error, "orig", None), sqlite3.Error):
        return NO_DATABASE
    return NO_PLACE if isinstance(error, PlaceError) else NO_DISK


def forget_log(engine: sa.Engine) -> None:
    """After a deletion: what SQLite writes ahead must not keep what was deleted."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def utc(moment: datetime) -> datetime:
    """A moment of a row, aware: SQLite gives it back without its time zone, PostgreSQL in its own."""
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event below starts transactions, not the driver
    connection.create_function("lower", 1, _casefold, deterministic=True)  # SQLite's own knows only ASCII
    for setting in (
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        "journal_mode = WAL",
        f"wal_autocheckpoint = {LOG_PAGES}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: sa.Connection) -> None:
    exclusive = connection.get_execution_options().get("exclusive")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if exclusive else "BEGIN")


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
