"""The history loses nothing it acknowledged, keeps nothing else, and forgets what is deleted."""

import errno
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from tests.fakes import prediction
from utils import store_files, store_schema
from utils.clip_store import ClipStore, Transcript
from utils.errors import ClipNotFoundError, StoreError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def open_store(tmp_path, database_url):
    """Opens stores on one folder and database; closes them in the end."""
    stores = []

    def open_store():
        stores.append(ClipStore(tmp_path, database_url))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store):
    return open_store()


sqlite_only = pytest.mark.parametrize("database_url", [None], ids=["sqlite"])


@pytest.fixture
def add(store, tone):
    """Adds a clip; returns it."""

    def add(visitor="ann", **changes):
        heard = prediction(**{name: changes.pop(name) for name in ("emotion", "status", "model") if name in changes})
        return store.add(visitor, tone, heard, **{"source": "upload", "filename": "a.wav"} | changes)

    return add


def files(folder):
    return sorted(path.name for path in (folder / "clips").iterdir() if path.name != ".lock")


def audio(store, clip, visitor="ann"):
    with store.open_audio(visitor, clip.id) as file:
        return file.read()


def query(store, sql):
    with store._engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def count_rows(store):
    return query(store, "SELECT count(*) FROM clips")[0][0]


# What is kept


def test_a_clip_comes_back_as_it_was_given(store, add, tone):
    before = datetime.now(timezone.utc)
    clip = add(source="recording", filename="Żółw.wav")
    assert store.get("ann", clip.id) == clip
    assert before <= clip.created_at <= datetime.now(timezone.utc)
    assert (clip.duration_seconds, clip.heard, clip.transcript) == (1.0, (0.0, 3.0), Transcript())
    assert list(clip.probabilities) == ["neutral", "happy", "sad", "angry", "fear", "surprise"]
    samples, rate = soundfile.read(io.BytesIO(audio(store, clip)), dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(samples, tone, atol=1e-4)


def test_clips_outlive_the_store(store, add, open_store):
    clip = add()
    before = audio(store, clip)
    store.close()
    again = open_store()
    assert again.get("ann", clip.id) == clip
    assert audio(again, clip) == before


def test_ids_tell_nothing_and_sort_by_age(add):
    ids = [add().id for _ in range(20)]
    assert ids == sorted(ids)
    assert len({clip_id[14:] for clip_id in ids}) == 20
    assert all(len(clip_id) == 46 for clip_id in ids)


def test_pages_show_every_clip_once_newest_first(store, add):
    ids = [add().id for _ in range(7)]
    seen, cursor = [], None
    while True:
        clips, cursor = store.list("ann", limit=3, before=cursor)
        seen += [clip.id for clip in clips]
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_a_page_that_is_just_full_has_no_next(store, add):
    for _ in range(3):
        add()
    assert store.list("ann", limit=3)[1] is None


def test_a_cursor_holds_when_its_clip_is_deleted_and_new_ones_come(store, add):
    ids = [add().id for _ in range(4)]
    cursor = store.list("ann", limit=2)[1]
    store.delete("ann", cursor)
    add()
    assert [clip.id for clip in store.list("ann", limit=2, before=cursor)[0]] == [ids[1], ids[0]]


def test_the_emotion_filter_tells_sure_from_uncertain(store, add):
    happy, unsure, sad = add(), add(status="uncertain"), add(emotion="sad")
    assert store.list("ann", emotion="happy")[0] == [happy]
    assert store.list("ann", emotion="sad")[0] == [sad]
    assert store.list("ann", emotion="uncertain")[0] == [unsure]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ŻÓŁW", True),
        ("żó", True),
        ("hello", True),
        ("LO TH", True),
        ("%", False),
        ("_", False),
        ("\\", False),
    ],
)
def test_search_looks_in_words_and_names_without_case_or_wildcards(store, add, search, found):
    clip = add(filename="Żółw.wav")
    store.set_transcript("ann", clip.id, Transcript("done", "Hello there", "fake"))
    assert bool(store.list("ann", search=search)[0]) is found


def test_a_transcript_is_kept(store, add):
    clip = add()
    words = Transcript("done", "it's late", "google")
    assert store.set_transcript("ann", clip.id, words).transcript == words
    assert store.get("ann", clip.id).transcript == words


def test_nobody_reaches_anothers_clip(store, add):
    clip = add("ann")
    for call in (
        lambda: store.get("bob", clip.id),
        lambda: store.open_audio("bob", clip.id),
        lambda: store.delete("bob", clip.id),
        lambda: store.set_transcript("bob", clip.id, Transcript("done", "mine", "x")),
        lambda: store.get("ann", clip.id[:-1]),
        lambda: store.get("ann", f"../clips/{clip.id}"),
    ):
        with pytest.raises(ClipNotFoundError):
            call()
    store.delete_all("bob")
    assert store.list("bob") == ([], None)
    assert store.get("ann", clip.id) == clip


# What is deleted


@sqlite_only
def test_delete_takes_audio_row_and_words_from_the_disk(store, add, tmp_path):
    kept, gone = add(), add(filename="SECRETNAME.wav")
    store.set_transcript("ann", gone.id, Transcript("done", "SECRETWORDS", "fake"))
    store.delete("ann", gone.id)
    with pytest.raises(ClipNotFoundError):
        store.delete("ann", gone.id)
    assert files(tmp_path) == [f"{kept.id}.wav"]
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"SECRET" not in left
    assert gone.id.encode() not in left
    assert kept.id.encode() in left


def test_delete_all_takes_only_the_visitors(store, add, tmp_path):
    add(), add()
    other = add("bob")
    store.delete_all("ann")
    assert store.list("ann") == ([], None)
    assert files(tmp_path) == [f"{other.id}.wav"]


def test_prune_takes_what_is_older(store, add, tmp_path):
    add(), add("bob")
    before = time.monotonic()
    time.sleep(0.05)
    young = add()
    assert store.prune(timedelta(seconds=time.monotonic() - before)) == 2
    assert store.prune(timedelta(days=1)) == 0
    assert files(tmp_path) == [f"{young.id}.wav"]


def test_a_file_that_is_gone_already_can_be_deleted(store, add, tmp_path):
    clip = add()
    (tmp_path / "clips" / f"{clip.id}.wav").unlink()
    with pytest.raises(ClipNotFoundError):
        store.open_audio("ann", clip.id)
    store.delete("ann", clip.id)
    assert store.list("ann") == ([], None)


def test_a_file_that_cant_be_removed_keeps_its_row(store, add, tmp_path, monkeypatch):
    clip = add()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", failing(OSError(errno.EROFS, "read-only")))
        with pytest.raises(StoreError):
            store.delete("ann", clip.id)
    assert store.get("ann", clip.id) == clip
    store.delete("ann", clip.id)
    assert (files(tmp_path), count_rows(store)) == ([], 0)


# Failures on the way


def failing(error):
    def fail(*_args, **_options):
        raise error

    return fail


FULL = OSError(errno.ENOSPC, "No space left on device")


def assert_recovers(store, add, tmp_path):
    """Nothing is left of a clip that failed, and the next one works."""
    assert (files(tmp_path), count_rows(store)) == ([], 0)
    clip = add()
    assert store.list("ann") == ([clip], None)


@pytest.mark.parametrize(
    ("owner", "name"), [(store_files.os, "fsync"), (Path, "rename"), (Path, "open"), (store_files, "sync_folder")]
)
def test_a_clip_that_cant_be_written_leaves_nothing(store, add, tmp_path, monkeypatch, owner, name):
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing(FULL))
        with pytest.raises(StoreError, match="can't be read or written right now: make sure its disk"):
            add()
    assert_recovers(store, add, tmp_path)


@sqlite_only
@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (sa.engine.default.DefaultDialect, "do_execute", sqlite3.OperationalError("disk I/O error")),
        (sa.engine.default.DefaultDialect, "do_commit", sqlite3.OperationalError("database or disk is full")),
        (sa.engine.Engine, "begin", OperationalError("BEGIN", None, Exception("database is locked"))),
    ],
)
def test_a_row_that_cant_be_written_leaves_nothing(store, add, tmp_path, monkeypatch, owner, name, error):
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing(error))
        with pytest.raises(StoreError, match="can't be read or written right now"):
            add()
    assert_recovers(store, add, tmp_path)


def test_an_interrupted_clip_leaves_nothing(store, add, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store_files.os, "fsync", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            add()
    assert (files(tmp_path), count_rows(store)) == ([], 0)


def test_a_full_disk_is_noticed_while_writing(store, add, tmp_path, monkeypatch):
    real_open = Path.open

    def open_small(path, mode):
        return SmallDisk(real_open(path, mode))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_small)
        with pytest.raises(StoreError):
            add()
    assert files(tmp_path) == []


class SmallDisk:
    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.file.close()

    def write(self, data):
        self.file.write(data[:1000])
        raise FULL


def test_the_clip_is_on_disk_before_the_row_is_committed(store, add, monkeypatch):
    steps = []
    real_fsync = os.fsync

    def fsync(descriptor):
        steps.append(os.readlink(f"/proc/self/fd/{descriptor}").rsplit("/", 1)[-1])
        real_fsync(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    monkeypatch.setattr(store_files.os, "fsync", fsync)
    real_commit = sa.engine.default.DefaultDialect.do_commit
    monkeypatch.setattr(
        sa.engine.default.DefaultDialect,
        "do_commit",
        lambda self, connection: (steps.append("commit"), real_commit(self, connection))[1],
    )
    add()
    assert [step.rsplit(".", 1)[-1] for step in steps] == ["part", "clips", "commit"]


@sqlite_only
def test_sqlite_is_set_to_lose_nothing(store):
    with store._engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 5000,
    }


def test_a_locked_database_is_waited_for_and_then_an_error(tmp_path, tone, monkeypatch):
    monkeypatch.setattr(store_schema, "BUSY_SECONDS", 0.1)
    store = ClipStore(tmp_path)
    other = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        store.add("ann", tone, prediction(), source="upload", filename=None)
    assert files(tmp_path) == []
    other.execute("ROLLBACK")
    other.close()
    store.add("ann", tone, prediction(), source="upload", filename=None)
    store.close()


@sqlite_only
def test_reading_goes_on_while_another_process_writes(store, add, tmp_path):
    clip = add()
    other = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.list("ann")[0] == [clip]
    other.execute("ROLLBACK")
    other.close()


def test_many_threads_and_two_stores_add_at_once(store, open_store, tmp_path, tone):
    other = open_store()
    failures = []

    def work(mine):
        try:
            for _ in range(10):
                mine.add("ann", tone, prediction(), source="upload", filename=None)
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[mine]) for mine in [store, other] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(files(tmp_path)) == count_rows(store) == 60


# Opening


@sqlite_only
def test_opening_tidies_what_a_crash_left(store, add, open_store, tmp_path):
    kept, lost = add(), add()
    (tmp_path / "clips" / f"{lost.id}.wav").unlink()
    (tmp_path / "clips" / "orphan.wav").write_bytes(b"RIFF")
    (tmp_path / "clips" / "half.part").write_bytes(b"RI")
    (tmp_path / "clips" / "notes.txt").write_text("not ours")
    store.close()
    assert open_store().list("ann") == ([kept], None)
    assert files(tmp_path) == [f"{kept.id}.wav", "notes.txt"]


def test_a_second_folder_on_a_database_takes_nothing_from_the_first(postgres, tmp_path, tone):
    url = postgres.new_database()
    first = ClipStore(tmp_path / "first", url)
    clip = first.add("ann", tone, prediction(), source="upload", filename=None)
    ClipStore(tmp_path / "second", url).close()
    assert first.list("ann")[0] == [clip]
    first.open_audio("ann", clip.id).close()
    first.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there every store tidies by age")
def test_opening_beside_another_process_spares_what_is_being_added(store, open_store, tmp_path):
    young, old = tmp_path / "clips" / "young.part", tmp_path / "clips" / "old.wav"
    young.write_bytes(b"RI")
    old.write_bytes(b"RI")
    os.utime(old, (time.time() - 700, time.time() - 700))
    open_store()
    assert files(tmp_path) == ["young.part"]


def test_sweeping_takes_what_other_processes_left_while_this_one_runs(store, add, tmp_path):
    kept = add()
    young, old = tmp_path / "clips" / "young.wav", tmp_path / "clips" / "old.wav"
    for path in (young, old, tmp_path / "clips" / f"{kept.id}.wav"):
        path.touch()
        os.utime(path, (time.time() - 700, time.time() - 700))
    young.touch()
    store.sweep()
    assert files(tmp_path) == [f"{kept.id}.wav", "young.wav"]


@pytest.mark.parametrize("damage", [b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_database_is_one_sentence(tmp_path, damage):
    (tmp_path / "history.sqlite3").write_bytes(damage)
    with pytest.raises(StoreError):
        ClipStore(tmp_path)


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        ClipStore(tmp_path / "file")


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/name", "postgresql+nosuchdriver://h/d"])
def test_a_bad_url_is_one_sentence(tmp_path, url):
    with pytest.raises(StoreError):
        ClipStore(tmp_path, url)


def test_another_database_by_url(tmp_path, tone):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    store = ClipStore(tmp_path / "folder", url)
    clip = store.add("ann", tone, prediction(), source="upload", filename=None)
    assert store.get("ann", clip.id) == clip
    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "folder" / "history.sqlite3").exists()
    store.close()


def test_folders_are_only_the_owners(tmp_path):
    store = ClipStore(tmp_path / "instance")
    for folder in (tmp_path / "instance", tmp_path / "instance" / "clips"):
        assert folder.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    store.close()


def test_strange_folder_names_work(tmp_path, tone):
    store = ClipStore(tmp_path / "a ?b#c%20d")
    store.add("ann", tone, prediction(), source="upload", filename=None)
    assert (tmp_path / "a ?b#c%20d" / "history.sqlite3").exists()
    store.close()


# Migrations

FIRST_REVISION = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE clips (
    id VARCHAR(64) NOT NULL PRIMARY KEY, visitor VARCHAR(64) NOT NULL, created_at {time} NOT NULL,
    source VARCHAR(16) NOT NULL, filename TEXT, duration_seconds FLOAT NOT NULL, status VARCHAR(16) NOT NULL,
    emotion VARCHAR(32), confidence FLOAT NOT NULL, probabilities JSON NOT NULL,
    voiced_seconds FLOAT NOT NULL, heard_start FLOAT NOT NULL, heard_end FLOAT NOT NULL,
    transcript_status VARCHAR(32) NOT NULL, transcript_text TEXT NOT NULL, transcript_engine VARCHAR(32));
CREATE INDEX clips_of_visitor ON clips (visitor, id);
INSERT INTO clips VALUES ('0001', 'ann', '2026-11-20 09:38:52.849374{zone}', 'upload', 'old.wav', 3.0, 'ok', 'sad',
    0.6, '{{"sad": 0.6, "happy": 0.4}}', 2.5, 0.25, 3.0, 'done', 'words', 'google');
"""


def test_a_database_of_the_first_version_opens(tmp_path, database_url, open_store):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "0001.wav").write_bytes(b"RIFF")
    kinds = {"time": "TIMESTAMP WITH TIME ZONE", "zone": "+00"} if database_url else {"time": "DATETIME", "zone": ""}
    engine = store_schema.open_engine(database_url or f"sqlite:///{tmp_path / 'history.sqlite3'}")
    with engine.begin() as connection:
        for statement in FIRST_REVISION.format(**kinds).split(";\n")[:-1]:
            connection.exec_driver_sql(statement)
    engine.dispose()
    store = open_store()
    clip = store.get("ann", "0001")
    assert clip.created_at == datetime(2026, 11, 20, 9, 38, 52, 849374, timezone.utc)
    assert clip.created_at.utcoffset() == timedelta(0)
    assert (clip.emotion, clip.heard, clip.probabilities) == ("sad", (0.25, 3.0), {"sad": 0.6, "happy": 0.4})
    assert clip.transcript == Transcript("done", "words", "google")
    assert (clip.correction, clip.model) == (None, None)
    assert store.set_correction("ann", "0001", "fear").correction == "fear"


def test_migrations_make_the_table_that_the_code_expects(store):
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), store_schema.METADATA) == []


NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", "{newest}"
def upgrade():
    op.add_column("clips", sa.Column("mood", sa.Text, server_default="calm"))
    op.execute("UPDATE clips SET filename = 'new.wav'")
    {then}
"""


@pytest.fixture
def next_version(tmp_path_factory, monkeypatch):
    """The migrations of a version to come; pass what its step does last."""

    def make(then="pass"):
        folder = tmp_path_factory.mktemp("next") / "migrations"
        shutil.copytree(store_schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        newest = ScriptDirectory(str(store_schema.MIGRATIONS)).get_current_head()
        (folder / "versions" / "next.py").write_text(NEXT.format(newest=newest, then=then))
        monkeypatch.setattr(store_schema, "MIGRATIONS", folder)

    return make


def test_an_older_database_becomes_a_newer_one(store, add, open_store, next_version):
    add(), add()
    store.close()
    next_version()
    again = open_store()
    assert query(again, "SELECT filename, mood FROM clips") == [("new.wav", "calm")] * 2
    assert query(again, "SELECT version_num FROM alembic_version") == [("next",)]


def test_a_step_that_fails_changes_nothing(store, add, open_store, next_version):
    clip = add()
    next_version(then="op.execute('SELECT nonsense')")
    with pytest.raises(StoreError):
        open_store()
    assert query(store, "SELECT filename FROM clips") == [(clip.filename,)]
    assert "mood" not in {column["name"] for column in sa.inspect(store._engine).get_columns("clips")}


def test_a_database_of_a_newer_version_is_left_alone(store, add, open_store, next_version, monkeypatch):
    add()
    store.close()
    with monkeypatch.context():
        next_version()
        open_store().close()
    monkeypatch.setattr(store_schema, "MIGRATIONS", ROOT / "utils" / "migrations")
    with pytest.raises(StoreError, match="newer version"):
        open_store()


OPEN = """
import sys
from pathlib import Path
from utils.clip_store import ClipStore
sys.stdin.readline()
ClipStore(Path(sys.argv[1]), *sys.argv[2:]).close()
"""


@pytest.mark.slow
def test_four_processes_open_a_new_folder_at_once(tmp_path, database_url, open_store):
    processes = [run(OPEN, tmp_path, database_url, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    time.sleep(3)  # all of them have imported what they need
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _, problems = process.communicate(timeout=60)
        assert process.returncode == 0, problems.decode()
    open_store()


ADD = """
import sys
from pathlib import Path
from threading import Thread
import numpy as np
from tests.fakes import prediction
from utils.clip_store import ClipStore
store = ClipStore(Path(sys.argv[1]), *sys.argv[2:])
samples = np.linspace(-1, 1, 16_000, dtype=np.float32)
def work():
    while True:
        clip = store.add("ann", samples, prediction(), source="upload", filename=None)
        sys.stdout.write(clip.id + "\\n")
        sys.stdout.flush()
for _ in range(3):
    Thread(target=work).start()
"""


def run(program, folder, database_url, **pipes):
    arguments = [str(folder), *([database_url] if database_url else [])]
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT, **pipes)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_kill_9_loses_no_acknowledged_clip_and_leaves_nothing_else(tmp_path, database_url, open_store):
    acknowledged = set()
    for number in range(4):
        process = run(ADD, tmp_path, database_url, stdout=subprocess.PIPE)
        for _ in range(5 + 7 * number):  # killed at a different moment each time, while all threads are busy
            acknowledged.add(process.stdout.readline().decode().strip())
        process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=10)[0].decode().splitlines(keepends=True)
        acknowledged |= {line.strip() for line in rest if line.endswith("\n")}
        store = open_store()
        stored = {clip.id for clip in store.list("ann", limit=100_000)[0]}
        assert acknowledged <= stored
        assert files(tmp_path) == sorted(f"{clip_id}.wav" for clip_id in stored)
        assert len(stored - acknowledged) <= 3 * (number + 1)  # committed, and killed before it could say so
        for clip_id in stored:
            assert soundfile.info(tmp_path / "clips" / f"{clip_id}.wav").frames == 16_000
        store.close()


def test_a_row_is_plain_json_inside(store, add):
    add()
    [[inside]] = query(store, "SELECT probabilities FROM clips")
    assert (inside if isinstance(inside, dict) else json.loads(inside))["happy"] == 0.7
