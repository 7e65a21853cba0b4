"""The database of the history: its table, how it is opened, and how an older one becomes a newer one."""

import sqlite3
import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

from utils.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 5.0  # how long a write waits for another process before it fails

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
    sa.Index("clips_of_visitor", "visitor", "id"),
)
"""One row for each clip. A change here needs a new file in migrations/versions/ (a test compares them)."""


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for `url`; SQLite is set up to lose nothing it acknowledged and to forget what is deleted.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: this is no URL of a database, or its driver isn't installed.
    """
    engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)  # words and names stay out of logs
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


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event below starts transactions, not the driver
    connection.create_function("lower", 1, _casefold, deterministic=True)  # SQLite's own knows only ASCII
    for setting in (
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        "journal_mode = WAL",
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
