"""Files elsewhere: a shared folder, a store in memory, an S3 server. One behaviour, and none lost when it is down."""

import importlib
import io
import os
import secrets
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.fakes import prediction
from utils import store_objects
from utils.clip_store import ClipStore
from utils.errors import ClipNotFoundError, StoreError
from utils.store_files import Folder, id_prefix
from utils.store_objects import Objects, open_files


@pytest.fixture(params=["folder", "shared", "memory", "s3"])
def files(request, tmp_path):
    if request.param == "folder":
        url = None
    elif request.param == "shared":
        (tmp_path / "mnt %20").mkdir()
        url = (tmp_path / "mnt %20").as_uri()
    elif request.param == "memory":
        url = f"memory://{secrets.token_hex(6)}"
    else:
        url = request.getfixturevalue("bucket")
    files = open_files(tmp_path / "own", url)
    yield files
    files.close()


def name_of(age=timedelta(0)):
    return f"{id_prefix(datetime.now(timezone.utc) - age)}{secrets.token_hex(16)}.wav"


def content(files, name):
    with files.open(name) as file:
        return file.read()


# Every place


def test_what_is_written_comes_back_from_any_position(files):
    name, data = name_of(), os.urandom(3 * 2**20)
    files.write(name, io.BytesIO(data))
    with files.open(name) as file:
        assert file.seek(0, os.SEEK_END) == len(data)
        file.seek(2**20 - 7)
        assert file.read(100) == data[2**20 - 7 :][:100]
        file.seek(0)
        assert file.read() == data


def test_a_program_can_have_a_path(files):
    name = name_of()
    files.write(name, io.BytesIO(b"hello"))
    with files.at_hand(name) as path:
        assert path.read_bytes() == b"hello"
    assert content(files, name) == b"hello"
    with pytest.raises(FileNotFoundError), files.at_hand(name_of()):
        pass


def test_what_is_removed_is_gone_and_the_rest_stays(files):
    kept, *gone = (name_of() for _ in range(4))
    for name in (kept, *gone):
        files.write(name, io.BytesIO(b"hello"))
    files.remove([gone[0]])
    files.remove([gone[0], name_of(), *gone[1:]])  # some are gone already
    files.remove([])
    for name in gone:
        with pytest.raises(FileNotFoundError):
            files.open(name)
    assert content(files, kept) == b"hello"


def test_what_cant_be_read_leaves_nothing(files):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise KeyboardInterrupt
            return super().read(5)

    name = name_of()
    with pytest.raises(KeyboardInterrupt):
        files.write(name, Broken(b"hello there"))
    with pytest.raises(FileNotFoundError):
        files.open(name)


def test_a_sweep_takes_what_nobody_knows_but_not_what_is_young(files):
    known, stray, young = name_of(timedelta(hours=3)), name_of(timedelta(hours=3)), name_of()
    for name in (known, stray, young):
        files.write(name, io.BytesIO(b"hello"))
        if isinstance(files, Folder):
            old = time.time() - (0 if name == young else 3 * 3600)
            os.utime(files.path / name, (old, old))
    files.sweep(lambda first: {name for name in [known] if name >= first}, alone=False)
    with pytest.raises(FileNotFoundError):
        files.open(stray)
    assert content(files, known) == content(files, young) == b"hello"


# Places that aren't our own


def test_a_sweep_leaves_what_is_too_old_to_be_listed_each_time():
    files = Objects(f"memory://{secrets.token_hex(6)}")
    name = name_of(timedelta(days=4))
    files.write(name, io.BytesIO(b"hello"))
    files.sweep(lambda first: set(), alone=True)
    assert content(files, name) == b"hello"


def test_in_a_shared_folder_nobody_is_ever_alone(tmp_path):
    files = Folder(tmp_path, shared=True)
    name = name_of()
    files.write(name, io.BytesIO(b"hello"))
    files.sweep(lambda first: set(), alone=True)
    assert content(files, name) == b"hello"
    files.close()


def test_a_shared_folder_that_is_away_costs_no_row(tmp_path, tone):
    shared = tmp_path / "mnt"
    shared.mkdir()
    store = ClipStore(tmp_path / "instance", clips_url=shared.as_uri())
    clip = store.add("ann", tone, prediction(), source="upload", filename=None)
    store.close()
    shared.rename(tmp_path / "away")
    with pytest.raises(StoreError):  # not made anew: it would be on another disk
        ClipStore(tmp_path / "instance", clips_url=shared.as_uri())
    shared.mkdir()  # an empty mount point
    ClipStore(tmp_path / "instance", clips_url=shared.as_uri()).close()
    shared.joinpath(".lock").unlink()
    shared.rmdir()
    (tmp_path / "away").rename(shared)
    store = ClipStore(tmp_path / "instance", clips_url=shared.as_uri())
    assert store.list("ann")[0] == [clip]
    assert store.open_audio("ann", clip.id).close() is None
    store.close()


@pytest.mark.parametrize("url", ["clips", "", "nosuch://bucket", "file://elsewhere/clips"])
def test_a_bad_url_is_one_sentence(tmp_path, url):
    with pytest.raises(StoreError, match="CLIPS_URL"):
        ClipStore(tmp_path, clips_url=url)


@pytest.mark.parametrize("package", ["fsspec.core", "s3fs"])
def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch, package):
    pytest.importorskip(package)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "s3fs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StoreError, match=r"pip install -r requirements-scale\.txt"):
        ClipStore(tmp_path, clips_url="s3://bucket/prefix")


def test_without_a_url_no_package_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    importlib.reload(store_objects)
    open_files(tmp_path / "own").close()


# Clips in an S3 server


@pytest.fixture
def store(tmp_path, bucket):
    store = ClipStore(tmp_path, clips_url=bucket)
    yield store
    store.close()


@pytest.fixture
def add(store, tone):
    return lambda: store.add("ann", tone, prediction(), source="upload", filename="a.wav")


@pytest.fixture
def move(monkeypatch, bucket, s3):
    """Makes a store look for its clips at another address, where nobody listens, or at the right one again."""

    def move(store, address=s3):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        store._files = Objects(bucket)

    return move


def test_clips_lie_in_the_bucket_and_nowhere_else(store, add, tmp_path, bucket, wav):
    clip = add()
    with store.open_audio("ann", clip.id) as file:
        assert file.read() == wav
    assert not list(tmp_path.rglob("*.wav"))
    assert store._files._store.find(bucket) == [f"{bucket[5:]}/{clip.id[:5]}/{clip.id}.wav"]
    store.delete("ann", clip.id)
    assert store._files._store.find(bucket) == []


def test_a_store_that_is_down_loses_nothing(store, add, move):
    clip = add()
    move(store, "http://127.0.0.1:1")
    began = time.monotonic()
    for call in (add, lambda: store.open_audio("ann", clip.id), lambda: store.delete("ann", clip.id), store.sweep):
        with pytest.raises(StoreError, match="place of its clips can be reached"):
            call()
    assert time.monotonic() - began < 20
    assert store.list("ann") == ([clip], None)
    move(store)
    store.open_audio("ann", clip.id).close()
    newer = add()
    assert store.list("ann")[0] == [newer, clip]
    store.delete_all("ann")
    assert store._files._store.find(store._files._root) == []


def test_what_another_process_does_is_seen_at_once(store, add, tmp_path, bucket, tone):
    clip = add()
    other = ClipStore(tmp_path, clips_url=bucket)
    store.open_audio("ann", clip.id).close()
    other.delete("ann", clip.id)
    with pytest.raises(ClipNotFoundError):
        store.open_audio("ann", clip.id)
    newer = other.add("ann", tone, prediction(), source="upload", filename=None)
    store.open_audio("ann", newer.id).close()
    other.close()


def test_many_clips_go_in_few_requests(store, add, monkeypatch):
    for _ in range(12):
        add()
    calls = []
    real = store._files._store._call_s3

    async def counted(method, *arguments, **options):
        calls.append(method)
        return await real(method, *arguments, **options)

    monkeypatch.setattr(store._files._store, "_call_s3", counted)
    store.delete_all("ann")
    assert len(calls) < 4, calls
    assert store._files._store.find(store._files._root) == []
