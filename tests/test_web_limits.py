"""Large and malformed bodies cost nothing and are told so."""

import io
import time

import pytest

from tests.test_web_errors import assert_error
from utils.decoding import MAX_BYTES

LINE = b"\r\n--C"  # almost the boundary


def multipart(*parts):
    """A multipart body with the boundary B, of (headers, content) pairs."""
    body = b"".join(b"--B\r\n" + headers + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts)
    return {"data": body + b"--B--\r\n", "content_type": "multipart/form-data; boundary=B"}


def field(name, content):
    return f'Content-Disposition: form-data; name="{name}"'.encode(), content


def file(content, name="a.wav"):
    return f'Content-Disposition: form-data; name="audio"; filename="{name}"'.encode(), content


class Untouchable:
    """A body that must not be read."""

    def read(self, *_size):
        raise AssertionError("the body was read")

    readline = readinto = read


def unread(size, content_type):
    """What the server sees of a request before it reads the body."""
    return {"wsgi.input": Untouchable(), "CONTENT_LENGTH": str(size), "CONTENT_TYPE": content_type}


@pytest.mark.parametrize("path", ["/api/clips", "/"])
def test_a_body_that_says_it_is_too_large_is_not_read(client, path):
    environ = unread(200 * 2**20, "multipart/form-data; boundary=B")
    answer = client.post(path, environ_overrides=environ)
    assert_error(answer, 413, "too_large")
    assert "25 MB" in answer.json["error"]["message"]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=B"])
@pytest.mark.parametrize("path", ["/api/clips/{id}/transcript", "/clips/{id}/transcript", "/settings"])
def test_everything_that_is_no_upload_is_small(client, send, path, kind):
    path = path.format(id=send().json["id"])
    answer = client.post(path, environ_overrides=unread(2**20, kind))
    assert_error(answer, 413, "too_large")
    assert client.put("/api/settings", environ_overrides=unread(2**20, "application/json")).status_code == 413


def test_the_limit_is_exact(client, wav, predictor):
    whole = wav + b"\0" * (MAX_BYTES - len(wav))
    assert client.post("/api/clips", **multipart(file(whole))).status_code == 201
    assert_error(client.post("/api/clips", **multipart(file(whole + b"\0"))), 413, "too_large")
    assert len(predictor.calls) == 1


@pytest.mark.parametrize("ends", [b"\r", b"\n", b"\r\n"])
def test_no_file_is_refused_for_the_line_ends_in_it(client, wav, predictor, ends):
    """Werkzeug holds line ends back until no boundary can follow; that once counted as too large."""
    content = (wav + ends * 3 * 2**20)[: 5 * 2**20]
    assert client.post("/api/clips", **multipart(file(content))).status_code == 201


def quick(client, body, seconds=2.0):
    start = time.perf_counter()
    answer = client.post("/api/clips", **body)
    assert time.perf_counter() - start < seconds
    return answer


def test_ten_thousand_parts(client):
    assert_error(quick(client, multipart(*[field(f"f{n}", b"x") for n in range(10_000)])), 413, "too_large")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_ten_thousand_files(client):  # Werkzeug leaves the first few to the garbage collector
    assert_error(quick(client, multipart(*[file(b"x")] * 10_000)), 413, "too_large")


@pytest.mark.parametrize("content", [b"\r" * 10**7, b"\r\n" * 5 * 10**6, LINE * 2 * 10**6, b"x" * 10**7])
def test_a_field_of_ten_megabytes(client, content):
    assert_error(quick(client, multipart(field("source", content))), 413, "too_large")


@pytest.mark.parametrize("content", [b"\r" * 10**7, b"\r\n" * 5 * 10**6, LINE * 2 * 10**6])
def test_a_file_of_ten_megabytes_of_line_ends(client, content):
    assert_error(quick(client, multipart(file(content)), seconds=5.0), 415, "unreadable_audio")


@pytest.mark.parametrize(
    "body",
    [
        {"data": b"--B\r\n", "content_type": "multipart/form-data; boundary=B"},
        {"data": b"--B--\r\n", "content_type": "multipart/form-data; boundary=B"},
        {"data": b"x" * 1000, "content_type": "multipart/form-data; boundary=B"},
        {"data": b"x", "content_type": "multipart/form-data"},
        {"data": b"x", "content_type": "multipart/form-data; boundary=" + "B" * 5000},
        {"data": b"audio=x", "content_type": "application/x-www-form-urlencoded"},
        {"data": b"{}", "content_type": "application/json"},
        {"data": b"RIFF", "content_type": "audio/wav"},
        multipart((b"Content-Disposition: form-data; name=\"audio\"; filename*=utf-8''%ff.wav", b"x")),
        multipart((b"X: " + b"y" * 70_000, b"x")),
    ],
    ids=lambda body: str(body)[:60],
)
def test_malformed_bodies(client, body, send):
    answer = quick(client, body)
    assert answer.status_code in {400, 413, 415}
    assert set(answer.json["error"]) == {"code", "message"}
    assert send().status_code == 201


@pytest.mark.parametrize(
    "name", ["../../x.wav", "a\u0000b.wav", "\u202egpj.wav", "x" * 10_000 + ".wav", "CON", ".", "~"]
)
def test_strange_names_are_just_names(client, wav, name, tmp_path):
    answer = client.post("/api/clips", data={"audio": (io.BytesIO(wav), name)})
    assert answer.status_code == 201
    assert len(answer.json["filename"] or "") <= 120
    assert {path.name for path in (tmp_path / "instance").iterdir()} <= {
        "clips",
        "recordings",
        "secret_key",
        "history.sqlite3",
        "history.sqlite3-wal",
        "history.sqlite3-shm",
    }
