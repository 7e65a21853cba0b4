"""Recordings and the real server: large ones need no memory, a killed server goes on where it was."""

import json
import signal
import time

import numpy as np
import pytest

from tests.real_server import HEADERS, ROOT, SERVER, upload
from utils.decoding import encode_wav

pytestmark = pytest.mark.slow


def send(server, body, headers=None):
    status, answered, body = server.call("POST", "/api/recordings", body, HEADERS | (headers or {}))
    return status, {"Cookie": answered.get("Set-Cookie", "").split(";")[0]}, json.loads(body)


def until(server, cookie, recording, *states):
    deadline = time.monotonic() + 60
    while True:
        found = json.loads(server.call("GET", f"/api/recordings/{recording['id']}", headers=cookie)[2])
        if found["state"] in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.fixture
def slow_server(start, tmp_path):
    """Starts servers whose model takes 0.2 s for each second of a recording."""
    program = tmp_path / "slow.py"
    program.write_text(
        f"import runpy, sys, time\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests import fakes\n"
        "fakes.FakePredictor.pause = lambda self: time.sleep(0.2)\n"
        f"runpy.run_path({str(SERVER)!r}, run_name='__main__')\n"
    )
    return lambda: start(program=program)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_goes_on_with_its_recordings(slow_server, tone, tmp_path, end):
    first = slow_server()
    body = upload(encode_wav(np.tile(tone, 15)))
    _, cookie, running = send(first, body)
    _, _, waiting = send(first, body, cookie)
    until(first, cookie, running, "running")
    assert until(first, cookie, waiting, "waiting")["progress"]["done_seconds"] == 0
    while not until(first, cookie, running, "running")["progress"]["done_seconds"]:
        time.sleep(0.1)
    first.process.send_signal(end)
    first.process.wait(20)
    second = slow_server()
    for recording in (running, waiting):
        done = until(second, cookie, recording, "done")
        assert done["regions"][-1]["end"] == done["duration_seconds"] == 15.0
    kept = {path.name for path in (tmp_path / "instance" / "recordings").glob("[!.]*")}
    assert kept == {f"{recording['id']}.wav" for recording in (running, waiting)}
    assert "Traceback" not in second.log.read_text()


class Body:
    """A multipart upload of much sound that is made while it is read."""

    def __init__(self, wav, megabytes):
        self.head, _, self.tail = upload(b"|").partition(b"|")
        self.wav, self.size = wav, len(wav) + (megabytes << 20)
        self.parts = self._parts()

    def __len__(self):
        return len(self.head) + self.size + len(self.tail)

    def _parts(self):
        yield self.head + self.wav
        for _ in range((self.size - len(self.wav)) >> 20):
            yield bytes(2**20)
        yield self.tail

    def __iter__(self):
        return self.parts


def test_a_large_one_needs_little_memory(start, wav):
    server = start()
    before = server.peak_megabytes()
    body = Body(wav, 400)
    headers = HEADERS | {"Content-Length": str(len(body))}
    status, answered, answer = server.call("POST", "/api/recordings", body, headers)
    assert status == 202, answer
    cookie = {"Cookie": answered["Set-Cookie"].split(";")[0]}
    until(server, cookie, json.loads(answer), "done", "failed")
    assert server.peak_megabytes() - before < 150


def test_only_recordings_may_be_large(start, wav):
    server = start()
    for path, expected in (("/api/clips", 413), ("/api/recordings/", 404), ("/api/recordings", 413)):
        body = Body(wav, 600 if path == "/api/recordings" else 30)
        headers = HEADERS | {"Content-Length": str(len(body))}
        status, _, answer = server.call("POST", path, body, headers)
        assert status in (expected, 413), (path, answer)
        assert json.loads(answer)["error"]["message"]
