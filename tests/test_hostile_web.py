"""Whatever a stranger sends to the server: no 500, one shape of error, bounded, and the next voice is heard."""

import io
import itertools
import json
import re
import socket
import time
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.voices import speak
from tests.hostile import hostile_inputs, mutations
from tests.made_up import tiny_bundle
from tests.real_server import HEADERS, ROOT, upload
from utils.decoding import encode_wav
from utils.predictor import Predictor
from web_app import create_app

SECONDS = 10
MEGABYTES = 600
VOICE = encode_wav(speak(1.5))
UNLIMITED = {"VOICE_CLIPS_PER_MINUTE": "1000000", "VOICE_TRANSCRIBER": "off"}
REFUSALS = {400: {"no_file", "bad_request"}, 413: {"too_large"}, 415: {"unreadable_audio", "bad_audio"}}
REFUSALS |= {422: {"no_speech", "too_short"}}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("onnx")
    return tiny_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def app(models, tmp_path_factory):
    """The app with a real predictor: what it makes of hostile sound is tried, too."""
    config = {"INSTANCE": tmp_path_factory.mktemp("instance"), "CLIPS_PER_MINUTE": 10**6, "TRANSCRIBER": "off"}
    app = create_app(config, predictor=Predictor.load(models))
    yield app
    app.extensions["voice"].close()


@pytest.fixture
def post(app):
    """Sends an upload's body: (status, body) of the answer."""
    client = app.test_client()

    def post(body, headers=HEADERS):
        answer = client.post("/api/clips", data=body, headers=headers)
        return answer.status_code, answer.data

    return post


@pytest.fixture
def server(start, models):
    """The real program with the real predictor."""
    return start("--models", str(models), program=ROOT / "web_app.py", **UNLIMITED)


def as_told(post, name, body, headers=HEADERS):
    """Send a body; the answer, which is a clip or a refusal in the one shape, in time."""
    began = time.monotonic()
    status, answer = post(body, headers)
    assert time.monotonic() - began < SECONDS, name
    answer = json.loads(answer)
    if status != 201:
        assert set(answer) == {"error"}, name
        assert answer["error"]["code"] in REFUSALS.get(status, ()), (name, status, answer)
        assert re.fullmatch(r"[A-Z][^\n]{20,200}\.", answer["error"]["message"]), (name, answer)
    return status, answer


def bite(post, inputs, *, voice_every=1):
    """Send them all, and a voice after each (or after so many); how many there were of each status."""
    seen = {}
    for number, (name, content) in enumerate(inputs):
        status, _ = as_told(post, name, upload(content))
        seen[status] = seen.get(status, 0) + 1
        if number % voice_every == 0:
            assert post(upload(VOICE))[0] == 201, f"after {name}"
    return seen


def test_hostile_inputs_are_refused_or_judged_and_the_next_voice_is_heard(post, app):
    seen = bite(post, itertools.islice(hostile_inputs(), 0, None, 5), voice_every=3)  # all of them: see below
    assert seen[415] > 10
    folder = Path(app.config["INSTANCE"], "clips")
    assert {path.suffix for path in folder.iterdir()} <= {".wav", ""}  # a lock, and no unfinished file


def test_a_few_mutated_voices(post):
    bite(post, mutations(36, seed=1), voice_every=6)


@pytest.mark.slow
def test_2000_mutated_voices_through_the_real_server(server):
    def post(body, headers):
        status, _, answer = server.call("POST", "/api/clips", body, headers)
        return status, answer

    bite(lambda body, headers=HEADERS: post(body, headers), mutations(2000, seed=2), voice_every=20)
    assert_well(server)


@pytest.mark.slow
def test_every_hostile_input_and_bomb_through_the_real_server(server):
    def post(body, headers=HEADERS):
        status, _, answer = server.call("POST", "/api/clips", body, headers)
        return status, answer

    seen = bite(post, hostile_inputs(bombs=True))
    assert sum(seen.values()) >= 60
    assert seen[413] >= 5
    assert_well(server)


def assert_well(server):
    """The server lives, never failed, and never held more memory than it may."""
    assert server.process.poll() is None
    assert "Traceback" not in server.log.read_text()
    if Path("/proc/self/status").exists():
        assert server.peak_megabytes() < MEGABYTES


# Names


NAMES = [
    b"../../../etc/passwd",
    b"..\\..\\windows\\win.ini",
    b"/etc/passwd",
    b"C:\\voice.wav",
    b"\\\\host\\share\\voice.wav",
    b"a\0b.wav",
    b"%00%2e%2e%2fx.wav",
    b"a\x1b[31m\x07.wav",
    "\u202egpj.exe\u2066\u200f.wav".encode(),
    "a\u2028b\u2029c\ufeff.wav".encode(),
    b"x" * 10_000 + b".wav",
    "\U0001f422".encode() * 1000,
    b"a" + "\u0301".encode() * 3000,
    b"NUL",
    b"CON.wav",
    b".",
    b"..",
    b" ",
    b"~",
    b"-rf",
    b"$(touch owned).wav",
    b"`id`;|&.wav",
    b"' OR 1=1; DROP TABLE clips;--.wav",
    b"<img src=x onerror=alert(1)>.wav",
    b"{{7*7}}.wav",
    b"%s%n.wav",
    b"=cmd|' /C calc'!A0",
]


def named(name, form=b'filename="%s"'):
    disposition = b'Content-Disposition: form-data; name="audio"; ' + form % name
    return b"--B\r\n" + disposition + b"\r\n\r\n" + VOICE + b"\r\n--B--\r\n"


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:30]))
def test_a_hostile_name_is_only_text_to_show(post, app, name):
    before = set(Path(app.config["INSTANCE"]).iterdir())
    status, clip = as_told(post, name, named(name))
    assert status == 201
    shown = clip["filename"] or ""
    assert len(shown) <= 120
    assert not re.search(r"[/\\]", shown)
    assert not [c for c in shown if unicodedata.category(c)[0] == "C"]
    assert set(Path(app.config["INSTANCE"]).iterdir()) == before


@pytest.mark.parametrize(
    "form",
    [
        b'filename="\xff\xfe\xc0\xaf%s"',
        b'filename="a\r\nX-Injected: yes\r\n\r\n%s"',
        b"filename*=utf-8''..%%2f..%%2f%s",
        b"filename*=utf-16''%s",
        b"filename*=''%s",
        b'filename="a"; filename="%s"',
        b'filename="%s',
        b"filename=%s",
        b'filename*0="%s"; filename*1="../b"',
        b'name="source"; filename="%s"',
    ],
    ids=ascii,
)
def test_hostile_headers_of_a_part(post, form):
    as_told(post, form, named(b"x.wav", form))
    assert post(upload(VOICE))[0] == 201


# Bodies, as a real server gets them


def parts(count, name=b"f", content=b"x"):
    part = b'--B\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + content + b"\r\n"
    return part * count + b"--B--\r\n"


@pytest.mark.slow
def test_bodies_that_bite_through_the_real_server(server):
    def post(body, headers=HEADERS):
        status, _, answer = server.call("POST", "/api/clips", body, headers)
        return status, answer

    bodies = {
        "10,000 parts": parts(10_000),
        "10,000 files": parts(10_000, name=b'audio"; filename="a.wav'),
        "10 MB of CR in a field": parts(1, b"source", b"\r" * 10**7),
        "10 MB of CRLF in a field": parts(1, b"source", b"\r\n" * (5 * 10**6)),
        "10 MB of CR in a file": upload(b"\r" * 10**7),
        "10 MB that are almost a boundary": upload(b"\r\n--A" * (2 * 10**6)),
        "10 MB of boundaries": b"--B\r\n" * (2 * 10**6),
        "a name of 10 MB": parts(1, b"x" * 10**7),
        "25 MB of nothing": upload(bytes(25 * 2**20)),
        "no end": upload(VOICE)[:-8],
    }
    for name, body in bodies.items():
        assert as_told(post, name, body)[0] in {400, 413, 415}, name
        assert post(upload(VOICE))[0] == 201, name
    assert_well(server)


GET, POST = (b"%s / HTTP/1.1\r\nHost: x\r\n" % method for method in (b"GET", b"POST"))
RAW = {
    "no request": b"\r\n\r\n\r\n",
    "binary": bytes(range(256)) * 10,
    "TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500),
    "HTTP/9.9": b"GET / HTTP/9.9\r\n\r\n",
    "a path of 300,000 characters": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the path": b"GET /api/clips/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes that are no UTF-8": b"GET /%ff%fe/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "20,000 headers": GET + b"X: y\r\n" * 20_000 + b"\r\n",
    "a header of 1 MB": b"GET / HTTP/1.1\r\nX: " + b"y" * 2**20 + b"\r\n\r\n",
    "a cookie of 200 kB": b"GET /api/clips HTTP/1.1\r\nHost: x\r\nCookie: voice=" + b"y" * 200_000 + b"\r\n\r\n",
    "no host": b"GET /api/clips HTTP/1.1\r\n\r\n",
    "a strange host": b"GET / HTTP/1.1\r\nHost: a b/\\<>@[::\r\n\r\n",
    "an absolute address": b"GET http://evil.example/api/clips HTTP/1.1\r\nHost: x\r\n\r\n",
    "length below 0": POST + b"Content-Length: -1\r\n\r\n",
    "length +5": POST + b"Content-Length: +5\r\n\r\nhello",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length without end": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "length and chunks": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /api/clips HTTP/1.1\r\nHost: x\r\n\r\n"
    ),
    "bad chunks": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a method of its own": b"BREW /api/clips HTTP/1.1\r\nHost: x\r\n\r\n",
    "ranges without end": GET + b"Range: bytes=" + b"0-1," * 10_000 + b"\r\n\r\n",
    "dates and tags": GET + b"If-Modified-Since: x\r\nIf-None-Match: \xff\r\n\r\n",
    "a content type of nonsense": POST + b"Content-Type: \xff;=;;\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.slow
def test_requests_that_are_none(server):
    for name, request in RAW.items():
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as connection:
            try:
                connection.sendall(request)
                with suppress(OSError):  # not connected any more: the server may be done with it already
                    connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda c=connection: c.recv(65_536), b""))
            except ConnectionError:
                answer = b""  # cut off
        statuses = {int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)}
        assert statuses <= {200, 206, 304, 400, 404, 405, 413, 416, 431, 501}, (name, answer[:300])
        assert b"Traceback" not in answer, name
        assert server.send(VOICE)[0] == 201, name
    assert_well(server)


@pytest.mark.slow
def test_many_who_never_finish_keep_nobody_out(server):
    """They hold connections, up to 512 of them, but no thread: only whole requests get one."""
    lame = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        for number, connection in enumerate(lame):
            connection.sendall([b"", b"POST /api/cl", POST + b"Content-Length: 1000000\r\n\r\nRIFF"][number % 3])
        for _ in range(5):
            assert server.send(VOICE)[0] == 201
    finally:
        for connection in lame:
            connection.close()
    assert server.send(VOICE)[0] == 201
    assert_well(server)


# Anything at all


@pytest.fixture(scope="module")
def client(app):
    return app.test_client()


STARTS = [
    b"",
    b"RIFF\xff\xff\xff\xffWAVEfmt ",
    b"fLaC\0\0\0\x22",
    b"OggS\0\2",
    b"\xff\xfb\x90\x64",
    b"\xff\xf1\x50\x80",
]
STARTS += [b"ID3\4\0\0\0\0\0\0", b"FORM\xff\xff\xff\xffAIFFCOMM"]
anything = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PATHS = ["/", "/api/clips", "/api/clips.csv", "/api/settings", "/settings", "/clips/delete", "/api/health/ready"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def assert_no_failure(answer):
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.mimetype == "application/json":
        assert set(answer.json) == {"error"}
        assert set(answer.json["error"]) == {"code", "message"}
    answer.close()


@anything
@given(st.sampled_from(STARTS), st.binary(max_size=3000), st.text(max_size=50), st.text(max_size=20))
def test_any_bytes_name_and_field(client, start, rest, name, source):
    data = {"audio": (io.BytesIO(start + rest), name), "source": source}
    assert_no_failure(client.post("/api/clips", data=data))


@anything
@given(st.binary(max_size=300), st.sampled_from(["multipart/form-data; boundary=B", "application/json", "", "\xff"]))
def test_any_body(client, body, kind):
    for path in PATHS:
        assert_no_failure(client.post(path, data=body.replace(b"B", b"--B\r\n"), content_type=kind))


@anything
@given(JSON, st.text(max_size=30))
def test_any_json(client, value, language):
    assert_no_failure(client.put("/api/settings", json=value))
    assert_no_failure(client.put("/api/settings", json={"language": language}))
    assert_no_failure(client.post(f"/api/clips/{'0' * 46}/transcript", json=value))


@anything
@given(st.dictionaries(st.sampled_from(["limit", "before", "emotion", "search", "x"]), st.text(max_size=40)))
def test_any_query(client, query):
    for path in ("/", "/api/clips", "/api/clips.json"):
        assert_no_failure(client.get(path, query_string=query))


@anything
@given(st.binary(max_size=60))
def test_any_path(client, path):
    for prefix in ("/", "/api/clips/", "/static/", "/clips/"):
        assert_no_failure(client.get(prefix, environ_overrides={"PATH_INFO": prefix + path.decode("latin-1")}))


VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
FIELDS = ["Cookie", "Range", "Accept", "Origin", "Authorization", "If-None-Match", "If-Range", "X-Forwarded-For"]


@settings(anything, max_examples=20)
@given(st.dictionaries(st.sampled_from(FIELDS), VISIBLE, max_size=3), st.sampled_from(["GET", "DELETE"]))
def test_any_header(app, client, headers, method):
    bare = app.test_client(use_cookies=False)  # the other one sends its own
    clip = json.loads(client.post("/api/clips", data=upload(VOICE), headers=HEADERS).data)
    for path in itertools.chain(PATHS[:4], [clip["audio_url"]]):
        assert_no_failure(client.open(path, method=method, headers=headers))
        assert_no_failure(bare.open(path, method=method, headers=headers))
