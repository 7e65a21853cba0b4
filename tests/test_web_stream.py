"""Live sessions with the real server as a process: whose they are, how many, how they end, and what stays."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tests.real_server import ROOT

websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
pytestmark = pytest.mark.slow

LOUD = (b"\x00\x40" + b"\x00\xc0") * 800  # 0.1 s at 16 kHz


class Live:
    """A client in a session; `heard` collects what the server says, and `ended` is set when that ends."""

    def __init__(self, port, **headers):
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}/api/stream", timeout=20, header=headers, suppress_origin=True
        )
        self.heard = [json.loads(self.socket.recv())]
        self.code = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        while self.code is None:
            try:
                kind, data = self.socket.recv_data()
            except (OSError, websocket.WebSocketException):
                self.code = 1006
                return
            if kind == websocket.ABNF.OPCODE_CLOSE:
                self.code = int.from_bytes(data[:2], "big")
            else:
                self.heard.append(json.loads(data))

    def talk(self, seconds):
        for _ in range(round(seconds * 10)):
            self.socket.send_binary(LOUD)
            time.sleep(0.1)

    def until(self, kind, count=1):
        """Keep on talking until there are so many messages of the kind."""
        deadline = time.monotonic() + 20
        while len(found := [message for message in self.heard if message["type"] == kind]) < count:
            assert time.monotonic() < deadline, self.heard
            self.talk(0.1)
        return found

    def end(self):
        self._listener.join(20)
        return self.code

    def close(self):
        self.socket.close()
        self._listener.join(5)
        self.socket.shutdown()  # closes what close() leaves open where the other side was first


@pytest.fixture
def connect():
    """Makes clients, and closes them in the end."""
    clients = []

    def connect(server, **headers):
        clients.append(Live(server if isinstance(server, int) else server.port, **headers))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def test_two_visitors_at_once_and_nothing_stays(connect, start, tmp_path):
    server = start()
    cookies = [server.call("GET", "/")[1]["Set-Cookie"].split(";")[0] for _ in range(2)]
    anna, ben = [connect(server, Cookie=cookie, Origin=f"http://127.0.0.1:{server.port}") for cookie in cookies]
    assert anna.heard[0]["type"] == "ready"
    for live in (anna, ben):
        update = live.until("update", 2)[-1]
        assert (update["emotion"], update["status"]) == ("happy", "ok")
    anna.socket.send_binary(b"odd")
    anna.socket.send_binary(bytes(70_000))
    anna.until("error", 2)
    anna.until("update", 4)
    assert {message["type"] for message in ben.heard} <= {"ready", "update", "rate_limited"}
    for live, cookie in zip((anna, ben), cookies, strict=True):
        live.close()
        assert json.loads(server.call("GET", "/api/clips", headers={"Cookie": cookie})[2])["clips"] == []
    assert [path.name for path in (tmp_path / "instance" / "clips").glob("*.wav")] == []
    server.process.terminate()
    assert server.process.wait(10) == 0
    log = server.log.read_text()
    assert log.count("GET /api/stream 101") == 2
    assert "happy" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_other_sites_are_refused(connect, start, origin):
    server = start()
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(server, Origin=origin)
    assert refused.value.status_code == 403
    assert json.loads(refused.value.resp_body)["error"]["code"] == "forbidden"


def test_a_key_is_a_visitor_and_an_unknown_one_is_nobody(connect, start, tmp_path):
    server = start()
    command = [sys.executable, "web_app.py", "--instance", str(tmp_path / "instance"), "--new-key", "robot"]
    key = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    connect(server, Authorization=f"Bearer {key}").until("update")
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(server, Authorization="Bearer voice_x")
    assert refused.value.status_code == 401


def test_places_are_bounded_are_given_back_and_hold_up_no_clip(connect, start, wav):
    server = start(VOICE_STREAMS="2", VOICE_STREAMS_EACH="1", VOICE_CLIPS_PER_MINUTE="1000")
    cookies = [server.call("GET", "/")[1]["Set-Cookie"].split(";")[0] for _ in range(3)]
    anna, ben = [connect(server, Cookie=cookie) for cookie in cookies[:2]]
    again, cleo = [connect(server, Cookie=cookie) for cookie in (cookies[0], cookies[2])]
    for refused, reason, code in ((again, "too_many_sessions", 1008), (cleo, "overloaded", 1013)):
        assert refused.end() == code
        assert [(message["type"], message["code"]) for message in refused.heard] == [("closing", reason)]
    assert server.send(wav)[0] == 201
    anna.socket.sock.shutdown(socket.SHUT_RDWR)  # without a goodbye
    deadline = time.monotonic() + 20
    while connect(server, Cookie=cookies[0]).heard[0]["type"] != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    ben.until("update")


def test_a_client_that_only_connects_is_sent_away(connect, start, tmp_path):
    program = tmp_path / "impatient.py"
    program.write_text(
        f"import runpy, sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom web import live\nlive.IDLE_SECONDS = 1\n"
        f"runpy.run_path({str(ROOT / 'tests' / 'fake_server.py')!r}, run_name='__main__')\n"
    )
    live = connect(start(program=program))
    assert live.end() == 1000
    assert live.heard[-1]["code"] == "idle"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_sigterm_ends_sessions_with_a_word(connect, start):
    server = start()
    live = connect(server)
    live.until("update")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert live.end() == 1001
    assert live.heard[-1]["code"] == "going_away"
    assert server.process.wait(10) == 0
    assert time.monotonic() - began < 8
    assert "Traceback" not in server.log.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="no gunicorn there")
def test_gunicorn_can_do_it_too_and_ends_it_with_a_word(connect, tmp_path):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    program = tmp_path / "wsgi.py"
    program.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.fakes import FakePredictor, FakeTranscriber\n"
        f"from web_app import create_app\napp = create_app({{'INSTANCE': {str(tmp_path / 'instance')!r}}}, "
        "predictor=FakePredictor(), transcriber=FakeTranscriber())\n"
    )
    command = [sys.executable, "-m", "gunicorn", "--pythonpath", str(tmp_path), "--bind", "127.0.0.1:0", "wsgi:app"]
    with (tmp_path / "log").open("w") as log:
        environment = os.environ | {"WEB_CONCURRENCY": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, stdout=log)
    try:
        deadline = time.monotonic() + 60
        while "Listening at: http://127.0.0.1:" not in (said := (tmp_path / "log").read_text()):
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.1)
        live = connect(int(said.partition("Listening at: http://127.0.0.1:")[2].split()[0]))
        live.until("update", 2)
        process.terminate()
        assert live.end() == 1001
        assert live.heard[-1]["code"] == "going_away"
        assert "Traceback" not in (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(40)
