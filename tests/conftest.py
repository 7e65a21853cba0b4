"""What every test gets: no setting of the machine's, and the helpers of the web tests."""

import io
import os
import secrets
import signal

import numpy as np
import pytest
from hypothesis import settings

from tests import real_server
from tests.fakes import FakePredictor, FakeTranscriber
from tests.postgres import Cluster, MissingError
from utils.decoding import SAMPLE_RATE, encode_wav
from web_app import create_app

settings.register_profile("any machine", deadline=None)  # a slow machine is no failure
settings.load_profile("any machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun behind an &: programs that are tested would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    """Settings of the machine that runs the tests change nothing."""
    for name in list(os.environ):
        if name.startswith("VOICE_") or name in {"DATABASE_URL", "CLIPS_URL", "RATELIMIT_STORAGE_URI"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGUAGE", "en")


def not_here(reason):
    """Leave a test out, except in CI, which must have what it needs."""
    (pytest.fail if os.environ.get("TESTS_NEED_ALL") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL of our own."""
    try:
        cluster = Cluster()
    except MissingError as error:
        not_here(str(error))
    yield cluster
    cluster.end()


@pytest.fixture(scope="session")
def s3():
    """A server that speaks S3; its address. What it keeps lies in memory."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch):
    """The URL of an empty place in that server, which programs started from here reach, too."""
    environment = {"ACCESS_KEY_ID": "name", "SECRET_ACCESS_KEY": "word", "ENDPOINT_URL": s3, "REGION": "us-east-1"}
    for name, value in environment.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    import s3fs

    name = f"clips{secrets.token_hex(6)}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(name)
    return f"s3://{name}/voice"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """What a ClipStore is given: None (SQLite in its folder), or the URL of an empty database in PostgreSQL."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()


@pytest.fixture(scope="session")
def tone():
    """One second of 220 Hz: samples as `load_audio` gives them."""
    seconds = np.arange(SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * 220 * seconds)).astype(np.float32)


@pytest.fixture(scope="session")
def wav(tone):
    """The tone as a WAV file's bytes."""
    return encode_wav(tone)


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def transcriber():
    return FakeTranscriber()


@pytest.fixture
def make_app(tmp_path, predictor, transcriber):
    """Makes apps on one temporary instance, with fakes; closes their stores in the end."""
    made = []

    def make(config=None, **services):
        collaborators = {"predictor": predictor, "transcriber": transcriber} | services
        settings = {"INSTANCE": tmp_path / "instance", "TESTING": True} | (config or {})
        app = create_app(settings, **collaborators)
        made.append(app.extensions["voice"])
        return app

    yield make
    for services in made:
        services.close()


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def client(app):
    """A visitor's browser."""
    return app.test_client()


@pytest.fixture
def send(client, wav):
    """Sends a clip as the page does; returns the answer."""

    def send(data=wav, name="clip.wav", browser=client, **fields):
        return browser.post("/api/clips", data={"audio": (io.BytesIO(data), name)} | fields)

    return send


@pytest.fixture
def start(tmp_path):
    """Starts real servers with a fake model; stops them in the end."""
    servers = []

    def start(*options, instance=tmp_path / "instance", **more):
        servers.append(real_server.start(instance, tmp_path / "log", *options, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.communicate()
