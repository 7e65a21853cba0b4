"""Schemathesis asks the running server everything its own description allows, and much that it doesn't."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_server import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("schemathesis"), reason="schemathesis isn't installed"),
]
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def test_the_server_does_what_its_description_says(start, tmp_path, monkeypatch):
    server = start(VOICE_CLIPS_PER_MINUTE="1000000")
    cookie = server.call("GET", "/")[1]["Set-Cookie"].split(";")[0]
    monkeypatch.setenv("SCHEMATHESIS_HOOKS", "tests.schemathesis_hooks")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    options = ["--max-examples", "30", "--seed", "1", "--request-timeout", "20", "--no-color"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    command += [f"http://127.0.0.1:{server.port}/api/openapi.json", "-H", f"Cookie: {cookie}", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = re.search(r"generated, (\d+) passed$", done.stdout, re.MULTILINE)  # and nothing that failed
    assert passed and int(passed[1]) > 500, done.stdout[-5000:]
    log = server.log.read_text()
    assert log.count("POST /api/clips 201") > 5  # it did send voices
    assert "Traceback" not in log
