"""The server is killed, its disk is full, its folder can't be written: nothing acknowledged is lost, and it goes on."""

import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from benchmarks.crash import crash

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")]


def test_ten_kills_under_load_lose_nothing(tmp_path):
    assert "none lost" in crash(tmp_path, range(10), random.Random(0))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk):
    """Take all the space that is left."""
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (2**16, 2**10, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def assert_unavailable(server, wav, cookie):
    status, headers, answer = server.send(wav, cookie)
    assert (status, answer["error"]["code"]) == (503, "storage_unavailable")
    assert headers["Retry-After"]
    assert "disk" in answer["error"]["message"]


def shown(server, cookie):
    return [clip["id"] for clip in json.loads(server.call("GET", "/api/clips", headers=cookie)[2])["clips"]]


def stored(instance):
    return sorted((path.stem for path in (instance / "clips").glob("[!.]*")), reverse=True)


def test_a_full_disk_is_told_and_overcome_without_a_restart(start, small_disk, wav):
    instance = small_disk / "instance"
    server = start(instance=instance)
    _, headers, clip = server.send(wav)
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    fill(small_disk)
    for _ in range(3):
        assert_unavailable(server, wav, cookie)
    assert shown(server, cookie) == stored(instance) == [clip["id"]]  # reading goes on, and nothing half is there
    assert server.call("GET", clip["audio_url"], headers=cookie)[2] == wav
    assert server.call("GET", "/api/health/ready")[0] == 200
    (small_disk / "filler").unlink()
    status, _, newer = server.send(wav, cookie)
    assert status == 201
    assert shown(server, cookie) == stored(instance) == [newer["id"], clip["id"]]
    assert server.call("DELETE", "/api/clips", headers=cookie)[0] == 204
    assert stored(instance) == []


def test_clips_that_fill_the_disk_can_be_deleted(start, small_disk, wav):
    """A disk that filled up with clips of 1 s is emptied by deleting them, not only by the administrator."""
    server = start(instance=small_disk / "instance", VOICE_CLIPS_PER_MINUTE="1000000")
    _, headers, clip = server.send(wav)
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    sent = [clip["id"]]
    while (answer := server.send(wav, cookie))[0] == 201:
        sent.append(answer[2]["id"])
    assert_unavailable(server, wav, cookie)
    assert stored(small_disk / "instance") == sent[::-1]
    assert server.call("DELETE", f"/api/clips/{sent[0]}", headers=cookie)[0] == 204
    assert server.call("DELETE", "/api/clips", headers=cookie)[0] == 204
    assert server.send(wav, cookie)[0] == 201


# Takes from root what lets it write where it may not, so that it is refused like everybody else.
UNPRIVILEGED = ["setpriv", "--bounding-set", "-dac_override"] if sys.platform == "linux" else []


def test_a_folder_that_cant_be_written_is_told_and_overcome_without_a_restart(start, tmp_path, wav):
    before = UNPRIVILEGED if os.geteuid() == 0 else []
    if before and subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("root can't be made to respect permissions here")
    instance = tmp_path / "instance"
    server = start(before=before)
    _, headers, clip = server.send(wav)
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    folders = [instance, instance / "clips"]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert_unavailable(server, wav, cookie)
        assert shown(server, cookie) == stored(instance) == [clip["id"]]
        assert server.call("DELETE", f"/api/clips/{clip['id']}", headers=cookie)[0] == 503
        assert shown(server, cookie) == [clip["id"]]
        assert server.call("GET", clip["audio_url"], headers=cookie)[2] == wav
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert server.send(wav, cookie)[0] == 201
    assert server.call("DELETE", f"/api/clips/{clip['id']}", headers=cookie)[0] == 204
    assert len(stored(instance)) == 1
    assert "Traceback" not in server.log.read_text()


def test_a_locked_database_is_told_and_overcome_without_a_restart(start, tmp_path, wav):
    server = start()
    _, headers, clip = server.send(wav)
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    with closing(sqlite3.connect(tmp_path / "instance" / "history.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_unavailable(server, wav, cookie)
        assert shown(server, cookie) == stored(tmp_path / "instance") == [clip["id"]]
        other.execute("ROLLBACK")
    assert server.send(wav, cookie)[0] == 201
