"""The real server as a process: it starts, says where, serves, and stops without losing what it accepted."""

import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.real_server import HEADERS, ROOT, SERVER, upload

pytestmark = pytest.mark.slow


def test_it_says_where_it_listens_serves_and_stops(start, wav):
    began = time.monotonic()
    server = start()
    assert server.said.startswith("Listening on http://127.0.0.1:")
    assert server.call("GET", "/api/health/ready")[0] == 200
    assert time.monotonic() - began < 15  # 4 s on an idle machine
    status, headers, clip = server.send(wav)
    assert status == 201
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    status, headers, audio = server.call("GET", clip["audio_url"], headers=cookie | {"Range": "bytes=0-43"})
    assert (status, audio) == (206, wav[:44])
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert "Traceback" not in server.log.read_text()


def test_clips_and_cookies_outlive_a_restart(start, wav):
    first = start()
    _, headers, clip = first.send(wav)
    first.process.kill()
    first.process.wait()
    status, _, body = start().call("GET", "/api/clips", headers={"Cookie": headers["Set-Cookie"].split(";")[0]})
    assert status == 200
    assert json.loads(body)["clips"] == [clip]


def test_without_a_model_it_starts_and_says_so(start, tmp_path):
    (tmp_path / "no_models").mkdir()
    server = start("--models", str(tmp_path / "no_models"), program=ROOT / "web_app.py")
    status, headers, body = server.call("GET", "/api/health/ready")
    assert (status, headers["Retry-After"]) == (503, "60")
    assert "There is no trained model" in json.loads(body)["error"]["message"]
    assert server.call("GET", "/api/health/live")[0] == 200


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port", "{port}"], "Port {port} is in use"),
        (["--port", "70000"], "can't listen"),
        (["--host", "203.0.113.7"], "can't listen"),
        (["--host", "no such host"], "can't listen"),
        (["--instance", str(SERVER)], "--instance"),
    ],
)
def test_what_cant_be_started_is_one_sentence(start, tmp_path, options, sentence):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start(*[option.format(port=port) for option in options])
        assert server.process.wait(30) == 1
    problems = (tmp_path / "log").read_text()
    assert sentence.format(port=port) in problems
    assert problems.count("\n") == 1
    assert "Traceback" not in problems


@pytest.mark.parametrize(
    "options", [["--port", "x"], ["--keep-days", "-1"], ["--transcriber", "parrot"], ["--nothing"]]
)
def test_wrong_usage_is_told(start, options):
    assert start(*options).process.wait(30) == 2


@pytest.fixture
def slow_server(start, tmp_path):
    """A server whose model takes a second."""
    program = tmp_path / "slow.py"
    program.write_text(
        f"import runpy, sys, time\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests import fakes\n"
        "quick = fakes.FakePredictor.judge\n"
        "fakes.FakePredictor.judge = lambda self, audio: (time.sleep(1), quick(self, audio))[1]\n"
        f"runpy.run_path({str(SERVER)!r}, run_name='__main__')\n"
    )
    return start(program=program)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_sigterm_finishes_what_was_accepted(slow_server, wav):
    idle = slow_server.connect()
    idle.request("GET", "/api/health/live")
    idle.getresponse().read()
    half = slow_server.connect()  # an upload on its way
    body = upload(wav)
    half.putrequest("POST", "/api/clips")
    for name, value in (HEADERS | {"Content-Length": str(len(body))}).items():
        half.putheader(name, value)
    half.endheaders(body[:100])
    answers = []
    senders = [threading.Thread(target=lambda: answers.append(slow_server.send(wav))) for _ in range(4)]
    for sender in senders:
        sender.start()
    time.sleep(0.5)
    slow_server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    half.send(body[100:])
    assert half.getresponse().status == 201
    for sender in senders:
        sender.join(30)
    assert [status for status, *_ in answers] == [201] * 4
    assert slow_server.process.wait(10) == 0
    with pytest.raises(OSError):
        slow_server.call("GET", "/api/health/live")
    idle.close()
    half.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_idle_connections_dont_hold_up_the_stop(start):
    server = start()
    idle = [server.connect() for _ in range(5)]
    for connection in idle:
        connection.request("GET", "/api/health/live")
        connection.getresponse().read()
    began = time.monotonic()
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert time.monotonic() - began < 5
    for connection in idle:
        connection.close()


def test_200_megabytes_are_refused_in_our_own_words(start, wav):
    server = start()
    connection = server.connect()
    connection.putrequest("POST", "/api/clips")
    for name, value in (HEADERS | {"Content-Length": str(200 * 2**20)}).items():
        connection.putheader(name, value)
    connection.endheaders()
    piece = b"x" * 2**20
    for _ in range(200):
        connection.send(piece)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["code"] == "too_large"
    connection.close()
    assert server.send(wav)[0] == 201


def test_who_asks_first_need_not_send_what_is_too_large(start):
    server = start()
    connection = server.connect()
    connection.putrequest("POST", "/api/clips")
    for name, value in (HEADERS | {"Content-Length": str(200 * 2**20), "Expect": "100-continue"}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (413, "close")
    connection.close()


def test_who_asks_first_may_send_what_is_not(start, wav):
    server = start()
    status, _, clip = server.send(wav, {"Expect": "100-continue"})
    assert (status, clip["emotion"]) == (201, "happy")


def test_a_stream_without_a_length_is_bounded_too(start):
    server = start()
    connection = server.connect()
    pieces = (b"x" * 2**20 for _ in range(40))
    with pytest.raises((OSError, http.client.HTTPException)):  # cut off, or answered
        connection.request("POST", "/api/clips", pieces, HEADERS, encode_chunked=True)
        assert connection.getresponse().status == 413
        raise http.client.HTTPException
    connection.close()
    assert server.call("GET", "/api/health/live")[0] == 200


def test_proxies_are_believed_when_configured(start):
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "v.example",
    }
    assert "Secure" in start(VOICE_PROXIES="1").call("GET", "/", headers=forwarded)[1]["Set-Cookie"]
    assert "Secure" not in start().call("GET", "/", headers=forwarded)[1]["Set-Cookie"]


def test_many_visitors_at_once(start, wav):
    server = start()
    answers = []

    def visit():
        answers.extend(server.send(wav)[0] for _ in range(5))

    visitors = [threading.Thread(target=visit) for _ in range(10)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(60)
    assert answers == [201] * 50


def test_the_oldest_clips_go_at_the_start(start, wav, tmp_path):
    server = start()
    server.send(wav)
    server.process.terminate()
    server.process.wait()
    rename_as_old(tmp_path / "instance")
    start("--keep-days", "0").call("GET", "/api/health/live")
    assert len(list((tmp_path / "instance" / "clips").glob("*.wav"))) == 1
    start("--keep-days", "30")
    assert not list((tmp_path / "instance" / "clips").glob("*.wav"))


def rename_as_old(instance):
    """Make the only clip one of 40 days ago."""
    import sqlite3

    [path] = (instance / "clips").glob("*.wav")
    old = f"{int((time.time() - 40 * 86400) * 1_000_000):014x}" + path.stem[14:]
    connection = sqlite3.connect(instance / "history.sqlite3")
    connection.execute("UPDATE clips SET id = ?", [old])
    connection.commit()
    connection.close()
    path.rename(path.with_name(f"{old}.wav"))


def test_no_history_writes_no_clip(start, wav, tmp_path):
    server = start("--no-history")
    status, _, clip = server.send(wav)
    assert (status, clip["audio_url"]) == (201, None)
    assert [path.name for path in (tmp_path / "instance").iterdir()] == ["secret_key"]


def test_the_log_has_requests_and_no_clip(start, wav, tmp_path):
    server = start()
    _, _, clip = server.send(wav)
    server.call("GET", clip["audio_url"] + "?q=secret")
    server.process.terminate()
    server.process.wait()
    log = server.log.read_text()
    assert "POST /api/clips 201" in log
    assert clip["id"] not in log
    assert "secret" not in log
    assert "a.wav" not in log


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_large_uploads_at_once_need_little_memory(start):
    server = start()
    data = upload(b"RIFF" + b"\0" * (24 * 2**20))

    def visit():
        server.call("POST", "/api/clips", io.BytesIO(data), HEADERS | {"Content-Length": str(len(data))})

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(60)
    assert server.peak_megabytes() < 400


def test_the_help_names_true_defaults():
    done = subprocess.run(
        [sys.executable, "web_app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "(default: 5000)" in done.stdout
    assert "default: None" not in done.stdout and "default: True" not in done.stdout
