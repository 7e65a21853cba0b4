"""Visitors are kept apart, foreign pages are kept out, and every answer carries its protection."""

import io
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from web.configuration import KEY_BYTES, ConfigurationError, from_environment, secret_key

FOREIGN = "https://evil.example"


# Headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/"),
        ("GET", "/nothing"),
        ("GET", "/privacy"),
        ("GET", "/api/clips"),
        ("POST", "/api/clips"),
        ("PUT", "/api/clips"),
        ("DELETE", "/api/clips"),
        ("OPTIONS", "/api/clips"),
        ("GET", "/api/clips.csv"),
        ("GET", "/api/health/ready"),
        ("GET", "/api/openapi.json"),
        ("GET", "/api/docs"),
        ("GET", "/api/settings"),
        ("POST", "/clips/delete"),
    ],
)
def test_every_answer_is_protected(client, method, path):
    headers = client.open(path, method=method).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "media-src 'self' blob:" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "microphone=(self)" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Cookie" in headers["Vary"]
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


def test_audio_is_protected_too(send, client):
    headers = client.get(send().json["audio_url"], buffered=True).headers
    assert headers["Cache-Control"] == "no-store"
    assert "Cookie" in headers["Vary"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_static_files_may_be_cached_and_say_so(app, client):
    app.static_folder = str(Path(__file__).parent)
    with client.get("/static/conftest.py") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "ETag" in answer.headers
        assert "Content-Security-Policy" in answer.headers
        assert "Set-Cookie" not in answer.headers


# Visitors


def test_the_cookie_is_out_of_reach(client):
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" in cookie
    assert "Secure" not in cookie
    assert "Secure" in client.get("/", base_url="https://localhost").headers["Set-Cookie"]


def test_two_visitors_cant_see_each_other(app, send, client):
    mine = send().json
    other = app.test_client()
    theirs = send(browser=other).json
    for browser, own, foreign in ((client, mine, theirs), (other, theirs, mine)):
        assert browser.get("/api/clips").json["clips"] == [own]
        assert foreign["id"] not in browser.get("/").text
        assert foreign["id"] not in browser.get("/api/clips.csv").text + browser.get("/api/clips.json").text
        calls = [
            browser.get(f"/api/clips/{foreign['id']}"),
            browser.get(foreign["audio_url"]),
            browser.get(foreign["audio_url"], headers={"Range": "bytes=0-9"}),
            browser.delete(f"/api/clips/{foreign['id']}"),
            browser.post(f"/api/clips/{foreign['id']}/transcript"),
            browser.post(f"/clips/{foreign['id']}/delete"),
            browser.post(f"/clips/{foreign['id']}/transcript"),
        ]
        assert {call.status_code for call in calls} == {404}
        assert browser.get(f"/api/clips?before={foreign['id'][:-1]}f").status_code == 200
    client.delete("/api/clips")
    client.post("/clips/delete")
    assert other.get("/api/clips").json["clips"] == [theirs]


def test_a_tampered_cookie_is_a_stranger(app, send, client):
    clip = send().json
    cookie = client.get_cookie("voice").value
    payload, rest = cookie.split(".", 1)
    forged = [
        "",
        "nonsense",
        cookie[:-5]
        + ("A" if cookie[-5] != "A" else "B")
        + cookie[-4:],  # the last character has bits that mean nothing
        payload[:-2] + "." + rest,
        payload + ".." + rest,
        cookie[::-1],
        "." + cookie,
    ]
    for value in forged:
        stranger = app.test_client()
        stranger.set_cookie("voice", value)
        assert stranger.get("/api/clips").json["clips"] == [], value
        assert stranger.get(clip["audio_url"]).status_code == 404, value
    honest = app.test_client()
    honest.set_cookie("voice", cookie)
    assert honest.get("/api/clips").json["clips"] == [clip]


def test_a_cookie_of_another_server_is_a_stranger(make_app, send, client, tmp_path):
    send()
    other = make_app({"SECRET_KEY": "another"}).test_client()
    other.set_cookie("voice", client.get_cookie("voice").value)
    assert other.get("/api/clips").json["clips"] == []


def test_headers_of_a_client_name_nobody(app, send, client):
    clip = send().json
    with client.session_transaction() as session:
        visitor = session["visitor"]
    stranger = app.test_client()
    for headers in (
        {"X-Visitor": visitor},
        {"Authorization": f"Bearer {visitor}"},
        {"X-Forwarded-For": "127.0.0.1"},
    ):
        assert stranger.get(clip["audio_url"], headers=headers).status_code in {401, 404}


# Pages of others


STATE_CHANGING = [
    ("POST", "/"),
    ("POST", "/api/clips"),
    ("DELETE", "/api/clips"),
    ("DELETE", f"/api/clips/{'0' * 46}"),
    ("POST", f"/api/clips/{'0' * 46}/transcript"),
    ("PUT", f"/api/clips/{'0' * 46}/correction"),
    ("DELETE", f"/api/clips/{'0' * 46}/correction"),
    ("POST", "/api/recordings"),
    ("DELETE", f"/api/recordings/{'0' * 46}"),
    ("POST", f"/api/recordings/{'0' * 46}/cancel"),
    ("POST", f"/api/recordings/{'0' * 46}/start"),
    ("POST", "/api/voices"),
    ("PUT", f"/api/voices/{'0' * 46}"),
    ("DELETE", f"/api/voices/{'0' * 46}"),
    ("PUT", "/api/settings"),
    ("PUT", "/api/consent"),
    ("POST", "/consent"),
    ("POST", "/settings"),
    ("POST", "/clips/delete"),
    ("POST", f"/clips/{'0' * 46}/delete"),
    ("POST", f"/clips/{'0' * 46}/transcript"),
    ("POST", f"/clips/{'0' * 46}/correction"),
]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": FOREIGN, "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
def test_foreign_pages_change_nothing(client, headers):
    for method, path in STATE_CHANGING:
        answer = client.open(path, method=method, headers=headers)
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden"), path


def test_the_list_of_what_changes_state_is_complete(app):
    rules = {
        (method, re.sub("<clip:[a-z_]+>", "0" * 46, rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}
    }
    assert rules == set(STATE_CHANGING)


def test_a_foreign_page_deletes_nothing(send, client):
    clip = send().json
    client.delete("/api/clips", headers={"Origin": FOREIGN})
    assert client.get("/api/clips").json["clips"] == [clip]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_our_own_page_and_programs_may(client, headers):
    assert client.delete("/api/clips", headers=headers).status_code == 204


def test_reading_from_elsewhere_is_the_browsers_matter(client):
    answer = client.get("/api/clips", headers={"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_configured_origins_may_call(make_app):
    client = make_app({"CORS_ORIGINS": ["https://friend.example"]}).test_client()
    friend = {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.get("/api/clips", headers=friend)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert client.delete("/api/clips", headers=friend).status_code == 204
    preflight = client.options("/api/clips", headers=friend | {"Access-Control-Request-Method": "DELETE"})
    assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"]
    assert client.delete("/api/clips", headers={"Origin": FOREIGN}).status_code == 403
    for path in ("/api/clips", "/", "/api/../", "/api/clips/+", "/api/%2e%2e/x"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": FOREIGN}).headers
    assert "Access-Control-Allow-Origin" not in client.get("/", headers=friend).headers
    private = client.options("/api/clips", headers=friend | {"Access-Control-Request-Private-Network": "true"})
    assert private.headers.get("Access-Control-Allow-Private-Network") != "true"  # CVE-2024-6221


def test_any_origin_never_comes_with_credentials(make_app, send, wav):
    client = make_app({"CORS_ORIGINS": ["*"]}).test_client()
    answer = client.get("/api/clips", headers={"Origin": FOREIGN})
    assert answer.headers["Access-Control-Allow-Origin"] in {"*", FOREIGN}
    assert "Access-Control-Allow-Credentials" not in answer.headers
    upload = {"data": {"audio": (io.BytesIO(wav), "a.wav")}, "headers": {"Origin": FOREIGN}}
    assert client.post("/api/clips", **upload).status_code == 201
    assert client.delete("/api/clips", headers={"Origin": FOREIGN}).status_code == 403  # it has a cookie now


def test_only_allowed_hosts_are_served(make_app):
    client = make_app({"ALLOWED_HOSTS": ["voice.example"]}).test_client()
    assert client.get("/", base_url="http://voice.example:5000").status_code == 200
    for accept in ("*/*", "text/html"):
        answer = client.get("/", base_url="http://evil.example", headers={"Accept": accept})
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_request")
    assert client.delete("/api/clips", base_url="http://evil.example").status_code == 400


def test_proxies_are_believed_only_when_configured(make_app):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "voice.example"}
    assert "Secure" not in make_app().test_client().get("/", headers=forwarded).headers["Set-Cookie"]
    behind = make_app({"PROXIES": 1}).test_client()
    assert "Secure" in behind.get("/", headers=forwarded).headers["Set-Cookie"]
    own = forwarded | {"Origin": "https://voice.example"}
    assert behind.delete("/api/clips", headers=own).status_code == 204
    assert behind.delete("/api/clips", headers=forwarded | {"Origin": FOREIGN}).status_code == 403


def test_redirects_lead_only_to_the_page(client):
    for form in ("/clips/delete?next=//evil.example", "/settings?url=https://evil.example"):
        answer = client.post(form, data={"next": "//evil.example"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")


# The secret


def test_the_secret_is_made_once_and_only_the_owner_reads_it(tmp_path):
    folder = tmp_path / "new" / "instance"
    key = secret_key(folder)
    assert secret_key(folder) == key
    assert len(key) == 2 * KEY_BYTES
    assert [path.name for path in folder.iterdir()] == ["secret_key"]
    if sys.platform != "win32":
        assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_slower_of_two_processes_takes_the_others_secret(tmp_path, monkeypatch):
    first = secret_key(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda self: False)  # as it looked a moment before the other wrote it
    assert secret_key(tmp_path) == first


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_a_damaged_secret_is_one_sentence(tmp_path, content):
    (tmp_path / "secret_key").write_bytes(content)
    with pytest.raises(ConfigurationError):
        secret_key(tmp_path)


def test_an_unusable_instance_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="--instance"):
        secret_key(tmp_path / "file")


START = (
    "import sys; from pathlib import Path; from web.configuration import secret_key; "
    "print(secret_key(Path(sys.argv[1])))"
)


@pytest.mark.slow
def test_processes_that_start_at_once_agree_on_the_secret(tmp_path):
    command = [sys.executable, "-c", START, str(tmp_path / "instance")]
    root = Path(__file__).parent.parent
    starting = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in starting}) == 1


# The environment


def test_settings_come_from_the_environment():
    assert from_environment(
        {
            "DATABASE_URL": "sqlite:///x.db",
            "VOICE_ALLOWED_HOSTS": "a.example, b.example,",
            "VOICE_CORS_ORIGINS": "https://a.example",
            "VOICE_PROXIES": "1",
            "VOICE_CLIPS_PER_MINUTE": "600",
            "OTHER": "x",
        }
    ) == {
        "DATABASE_URL": "sqlite:///x.db",
        "ALLOWED_HOSTS": ["a.example", "b.example"],
        "CORS_ORIGINS": ["https://a.example"],
        "PROXIES": 1,
        "CLIPS_PER_MINUTE": 600,
    }
    assert from_environment({}) == {}


def test_a_number_that_is_none_is_one_sentence():
    with pytest.raises(ConfigurationError, match="VOICE_PROXIES"):
        from_environment({"VOICE_PROXIES": "some"})
