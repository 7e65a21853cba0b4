"""A server of several processes, on PostgreSQL, S3 and Redis: it is one server to everybody who uses it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
import s3fs
import sqlalchemy as sa

from tests.conftest import not_here
from tests.postgres import PASSWORD
from tests.real_server import ROOT, Server
from utils.errors import StoreError
from web import configuration
from web.configuration import ConfigurationError
from web.no_history import NoHistory

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn doesn't run there")


# Several processes


@pytest.fixture(scope="session")
def redis():
    """The URL of a real Redis."""
    program = shutil.which("redis-server")
    if program is None:
        not_here("there is no Redis here: apt install redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([program, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL, cwd="/")
    wait_for(port, process)
    yield f"redis://127.0.0.1:{port}"
    process.kill()
    process.wait()


def wait_for(port, process):
    """Until somebody listens there."""
    for _ in range(3000):  # a machine may be very busy
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "it ended"
            time.sleep(0.1)
    raise AssertionError("it never listened")


@pytest.fixture
def gunicorn(tmp_path):
    """Starts gunicorn with two processes and a fake model on one instance; stops it in the end."""
    servers = []

    def start(**environment):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        factory = f"tests.fake_application:application({{'INSTANCE': '{tmp_path / 'instance'}'}})"
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", factory]
        with (tmp_path / "log").open("ab") as log:
            own = os.environ | {"WEB_CONCURRENCY": "2"} | environment
            process = subprocess.Popen(command, cwd=ROOT, env=own, stdout=log, stderr=log)
        servers.append(Running(process, tmp_path / "log", port))
        return servers[-1]

    yield start
    for server in servers:
        server.process.terminate()
        server.process.wait(60)


class Running(Server):
    """A server that doesn't say when it listens."""

    def __init__(self, process, log, port):
        self.process, self.log, self.port = process, log, port

    def ready(self):
        wait_for(self.port, self.process)
        while len(self.processes()) < 3:  # the trial and two that stay; each says so once it has the app
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        return self

    def processes(self):
        return set(re.findall(r"a process of mine is ready: (\d+)", self.log.read_text()))


class Browser:
    """A visitor, who remembers the cookie; each call is a connection of its own, to whichever process takes it."""

    def __init__(self, server, wav):
        self.server, self.wav, self.cookie = server, wav, {}

    def send(self):
        status, headers, clip = self.server.send(self.wav, self.cookie)
        if "Set-Cookie" in headers:
            self.cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        return status, clip

    def get(self, path, **headers):
        return self.server.call("GET", path, headers=self.cookie | headers)

    def clips(self):
        return [clip["id"] for clip in json.loads(self.get("/api/clips")[2])["clips"]]

    def delete(self, path):
        return self.server.call("DELETE", path, headers=self.cookie)[0]


def live(browser, failures):
    """Send, list, play, delete; what doesn't come out as it must goes to `failures`."""
    try:
        sent = []
        for _ in range(3):
            status, clip = browser.send()
            assert status == 201, clip
            sent.insert(0, clip["id"])
            assert browser.clips() == sent
        status, _, audio = browser.get(clip["audio_url"], Range="bytes=0-43")
        assert (status, audio) == (206, browser.wav[:44])
        assert browser.get(clip["audio_url"])[2] == browser.wav
        assert browser.delete(f"/api/clips/{sent[1]}") == 204
        assert browser.get(f"/api/clips/{sent[1]}/audio")[0] == 404
        assert browser.clips() == [sent[0], sent[2]]
        browser.left = 2
    except Exception as error:  # of a thread: shown by the test
        failures.append(error)


@posix_only
@pytest.mark.slow
def test_forty_visitors_of_two_processes(gunicorn, postgres, bucket, redis, wav):
    url = postgres.new_database()
    server = gunicorn(DATABASE_URL=url, CLIPS_URL=bucket, RATELIMIT_STORAGE_URI=redis).ready()
    browsers, failures = [Browser(server, wav) for _ in range(40)], []
    visits = [threading.Thread(target=live, args=[browser, failures]) for browser in browsers]
    for visit in visits:
        visit.start()
    for visit in visits:
        visit.join(300)
    assert not failures
    assert len(set(re.findall(r"answered in (\d+)$", server.log.read_text(), flags=re.M))) == 2
    everything = sorted(clip for browser in browsers for clip in browser.clips())
    assert len(everything) == len(set(everything)) == 80
    assert rows(url) == everything == stored(bucket)
    assert browsers[0].get(f"/api/clips/{browsers[1].clips()[0]}")[0] == 404
    assert browsers[0].delete("/api/clips") == 204
    assert (len(rows(url)), len(stored(bucket))) == (78, 78)
    server.process.terminate()
    assert server.process.wait(60) == 0
    assert "Traceback" not in server.log.read_text()


def rows(url):
    with psycopg.connect(url) as connection:
        return sorted(row[0] for row in connection.execute("SELECT id FROM clips"))


def stored(bucket):
    found = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False).find(bucket)
    return sorted(Path(key).stem for key in found)


@posix_only
@pytest.mark.slow
def test_the_rate_is_one_for_all_processes(gunicorn, redis, wav):
    server = gunicorn(RATELIMIT_STORAGE_URI=redis, VOICE_CLIPS_PER_MINUTE="6").ready()
    browser = Browser(server, wav)
    browser.get("/")
    browser.send()  # as one without a cookie: the address counts
    seen = [browser.send()[0] for _ in range(16)]
    assert (seen.count(201), seen.count(429)) in {(6, 10), (12, 4)}  # twice where a minute began in between


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "postgresql://voice:SECRETPASSWORD@127.0.0.1:1/voice"},
        {"DATABASE_URL": "postgresql://voice:SECRETPASSWORD@127.0.0.1:nothing/voice"},
        {"RATELIMIT_STORAGE_URI": "nosuch://voice:SECRETPASSWORD@host"},
        {"VOICE_SECRET_KEY": "SECRETPASSWORD"},
        {"CLIPS_URL": "s3://SECRETPASSWORD"},
    ],
)
def test_what_cant_be_started_is_one_sentence_without_the_secret(gunicorn, environment):
    server = gunicorn(**environment)
    assert server.process.wait(300) == 1
    own = [line for line in server.log.read_text().splitlines() if not line.startswith("[")]
    assert len(own) == 1, own
    assert own[0].endswith(".")
    assert "SECRETPASSWORD" not in server.log.read_text()


# What processes share


def test_settings_that_several_processes_share(monkeypatch):
    found = configuration.from_environment(
        {
            "DATABASE_URL": "postgresql://h/d",
            "CLIPS_URL": "s3://bucket",
            "RATELIMIT_STORAGE_URI": "redis://h",
            "VOICE_SECRET_KEY": "x" * 32,
        }
    )
    assert found == {
        "DATABASE_URL": "postgresql://h/d",
        "CLIPS_URL": "s3://bucket",
        "RATELIMIT_STORAGE_URI": "redis://h",
        "SECRET_KEY": "x" * 32,
    }
    monkeypatch.setitem(configuration.DEFAULTS, "HEARING", (8, 64, 10.0))
    for processes, cores in (("1", 8), ("4", 2), ("16", 1)):
        share = configuration.of_one_process({"WEB_CONCURRENCY": processes}, {"KEEP_DAYS": 7})
        assert share == {"HEARING": (cores, 64, 10.0), "KEEP_DAYS": 7}
    assert configuration.of_one_process({"VOICE_TRIAL": "1"}, {})["RECORDING_THREADS"] == 0


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [({"VOICE_SECRET_KEY": "short"}, "too short"), ({"CLIPS_URL": "s3://bucket"}, "needs DATABASE_URL")],
)
def test_settings_that_lose_or_tell_something_are_refused(environment, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        configuration.from_environment(environment)


def test_one_secret_for_all_machines_and_none_on_the_disk(make_app, monkeypatch, tmp_path):
    monkeypatch.setenv("VOICE_SECRET_KEY", "y" * 40)
    first, second = make_app(), make_app({"INSTANCE": tmp_path / "other"})
    with first.test_client() as browser:
        browser.get("/")
        cookie = browser.get_cookie("voice").value
    assert not list(tmp_path.rglob("secret_key"))
    reader = second.test_client()
    reader.set_cookie("voice", cookie)
    assert "Set-Cookie" not in reader.get("/api/settings").headers
    with second.test_request_context("/", headers={"Cookie": f"voice={cookie}"}) as context:
        assert context.session["visitor"]


@pytest.mark.parametrize("uri", ["nosuch://h", "redis+nosuch://h"])
def test_a_bad_place_for_rates_is_one_sentence(make_app, uri):
    with pytest.raises(ConfigurationError, match="RATELIMIT_STORAGE_URI"):
        make_app({"RATELIMIT_STORAGE_URI": uri}, store=NoHistory())


def test_rates_are_counted_here_while_redis_is_away(make_app, send):
    app = make_app({"RATELIMIT_STORAGE_URI": "redis://127.0.0.1:1", "CLIPS_PER_MINUTE": 3})
    browser = app.test_client()
    browser.get("/")
    seen = [send(browser=browser).status_code for _ in range(8)]
    assert set(seen) == {201, 429}
    assert seen.count(201) in {3, 6}


# A database that goes away


def test_a_database_that_restarts_is_told_and_overcome(make_app, postgres, wav, send):
    app = make_app({"DATABASE_URL": postgres.new_database()})
    browser = app.test_client()
    before = send(browser=browser).json
    postgres.stop()
    try:
        for answer in (send(browser=browser), browser.get("/api/clips"), browser.delete("/api/clips")):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
            message = answer.json["error"]["message"]
            assert "its database runs" in message
            assert PASSWORD not in message and str(postgres.port) not in message
        assert "its database runs" in browser.get("/").text  # the page stands
        assert browser.get("/api/health/live").status_code == 200
    finally:
        postgres.start()
    assert browser.get("/api/clips").json["clips"] == [before]
    after = send(browser=browser)
    assert after.status_code == 201
    assert browser.get("/api/clips").json["clips"] == [after.json, before]
    assert browser.delete("/api/clips").status_code == 204
    assert browser.get("/api/clips").json["clips"] == []


def test_a_connection_that_is_cut_in_a_transaction_costs_one_answer(make_app, postgres, send, tmp_path):
    app = make_app({"DATABASE_URL": postgres.new_database()})
    browser = app.test_client()
    send(browser=browser)
    store = app.extensions["voice"].store

    def cut(connection, *_):
        with psycopg.connect(postgres.url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.driver_connection.info.backend_pid])

    sa.event.listen(store._engine, "commit", cut, once=True)
    answer = send(browser=browser)
    assert answer.status_code == 503
    assert len(browser.get("/api/clips").json["clips"]) == 1
    assert len(list((tmp_path / "instance" / "clips").glob("*.wav"))) == 1
    assert send(browser=browser).status_code == 201


@pytest.mark.parametrize("password", ["WRONG", "WR@NG/PASSWORD:1"])
def test_a_wrong_password_is_one_sentence(make_app, postgres, caplog, password):
    url = postgres.url(password=password)
    with pytest.raises(StoreError, match="DATABASE_URL is right") as caught:
        make_app({"DATABASE_URL": url})
    assert password not in str(caught.value) + caplog.text


def test_a_host_that_is_not_there_is_given_up_quickly(make_app):
    began = time.monotonic()
    with pytest.raises(StoreError, match="DATABASE_URL is right"):
        make_app({"DATABASE_URL": "postgresql://voice@no-such-host.invalid/voice"})
    assert time.monotonic() - began < 20


def test_a_missing_driver_is_one_sentence(make_app, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install -r requirements-scale\.txt"):
        make_app({"DATABASE_URL": "postgres://voice@127.0.0.1/voice"})
