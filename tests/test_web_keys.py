"""A program with a key is a visitor of its own; the key is nowhere on the disk."""

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_web_errors import assert_error
from web.configuration import ConfigurationError
from web.keys import FILE, make_key
from web.visitor import visitor

ROOT = Path(__file__).parent.parent


@pytest.fixture
def instance(app):
    return Path(app.config["INSTANCE"])


@pytest.fixture
def robot(app, instance):
    """Calls with the key of a program called robot."""
    return with_key(app, make_key(instance, "robot"))


def with_key(app, key, **headers):
    client = app.test_client()
    headers = {"Authorization": f"Bearer {key}"} | headers
    return lambda method, path, **request: client.open(path, method=method, headers=headers, **request)


def upload(call, wav):
    return call("POST", "/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})


def test_a_key_is_a_visitor_without_a_cookie(app, instance, robot, send, client, wav):
    mine, answer = send().json, upload(robot, wav)
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert {"Cookie", "Authorization"} <= set(answer.vary)
    assert robot("GET", "/api/clips").json["clips"] == [answer.json]
    assert robot("GET", answer.json["audio_url"], buffered=True).data == wav
    assert robot("GET", mine["audio_url"]).status_code == 404
    assert client.get(answer.json["audio_url"]).status_code == 404
    other = with_key(app, make_key(instance, "other"))
    assert other("GET", "/api/clips").json["clips"] == []
    assert robot("DELETE", "/api/clips").status_code == 204
    assert client.get("/api/clips").json["clips"] == [mine]


def test_a_key_counts_more_than_a_cookie(app, instance, robot, send, client, wav):
    send()
    cookie = client.get_cookie("voice").value
    headers = {"Authorization": f"Bearer {make_key(instance, 'both')}", "Cookie": f"voice={cookie}"}
    bare = app.test_client(use_cookies=False)
    assert bare.get("/api/clips", headers=headers).json["clips"] == []
    assert len(bare.get("/api/clips", headers={"Cookie": headers["Cookie"]}).json["clips"]) == 1


@pytest.mark.parametrize("key", ["", "voice_", "nonsense", "voice_" + "A" * 43, "\xff", "x" * 10_000])
def test_an_unknown_key_is_refused(app, robot, key):
    answer = with_key(app, key)("GET", "/api/clips")
    assert_error(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_hash_is_no_key(app, instance, robot):
    hashed = (instance / FILE).read_text().split()[0]
    assert with_key(app, hashed)("GET", "/api/clips").status_code == 401


def test_only_the_hash_is_kept_and_only_the_owner_reads_it(instance, app):
    key = make_key(instance, "robot")
    assert not [path for path in instance.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    if sys.platform != "win32":
        assert stat.S_IMODE((instance / FILE).stat().st_mode) == 0o600


def test_a_line_deleted_is_a_key_revoked(app, instance, robot):
    assert robot("GET", "/api/clips").status_code == 200
    (instance / FILE).write_text("")
    assert robot("GET", "/api/clips").status_code == 401


def test_a_new_key_of_an_old_name_sees_nothing_of_the_old(app, instance, robot, wav):
    upload(robot, wav)
    (instance / FILE).unlink()
    assert with_key(app, make_key(instance, "robot"))("GET", "/api/clips").json["clips"] == []


def test_each_key_has_its_own_rate(make_app, wav):
    app = make_app({"CLIPS_PER_MINUTE": 2})
    first, second = (with_key(app, make_key(Path(app.config["INSTANCE"]), name)) for name in ("a", "b"))
    assert [upload(first, wav).status_code for _ in range(3)] == [201, 201, 429]
    assert upload(second, wav).status_code == 201


def test_settings_are_not_for_keys(robot):
    assert robot("GET", "/api/settings").json == {"transcribe": True, "language": "en-US"}
    assert_error(robot("PUT", "/api/settings", json={"transcribe": False}), 400, "bad_request")


def test_other_ways_to_authorize_are_somebody_elses(app):
    """A proxy in front may ask for a password: that is none of our keys."""
    client = app.test_client()
    with app.test_request_context(headers={"Authorization": "Basic Zm9vOmJhcg=="}):
        assert visitor() is None
    assert client.get("/api/clips", headers={"Authorization": "Basic Zm9vOmJhcg=="}).status_code == 200


def test_a_foreign_page_may_not_use_a_key_unless_it_is_configured(make_app, wav):
    foreign = "https://elsewhere.example"
    for number, (origins, status) in enumerate((([], 403), (["*"], 201), ([foreign], 201))):
        app = make_app({"CORS_ORIGINS": origins})
        key = make_key(Path(app.config["INSTANCE"]), f"number-{number}")
        assert upload(with_key(app, key, Origin=foreign), wav).status_code == status


@pytest.mark.parametrize("name", ["", "two words", "../x", "x" * 41, "a\nb", "é"])
def test_names_that_cant_be_used(tmp_path, name):
    with pytest.raises(ConfigurationError, match="name"):
        make_key(tmp_path, name)
    assert not (tmp_path / FILE).exists()


def test_a_name_is_given_once(tmp_path):
    make_key(tmp_path, "robot")
    with pytest.raises(ConfigurationError, match="robot"):
        make_key(tmp_path, "robot")


def test_a_folder_that_cant_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="--instance"):
        make_key(tmp_path / "file", "robot")


def test_the_program_prints_a_key(make_app, tmp_path, wav):
    command = [sys.executable, "web_app.py", "--instance", str(tmp_path / "instance"), "--new-key", "robot"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.startswith("voice_")
    assert upload(with_key(make_app(), made.stdout.strip()), wav).status_code == 201
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (again.returncode, again.stdout, again.stderr.count("\n")) == (1, "", 1)
