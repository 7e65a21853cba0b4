"""benchmarks/page.py measures what it says it does."""

import json
import subprocess
import sys

import pytest

from tests.browser.servers import ROOT
from tests.made_up import tiny_bundle

pytestmark = pytest.mark.browser


def measure(*options):
    command = [sys.executable, "benchmarks/page.py", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)


def test_it_measures_our_page_and_says_how_to_measure_the_other(launch, tmp_path):
    launch().close()  # skips where there is no Chromium
    done = measure("--models", tiny_bundle(tmp_path / "models"), "--recordings", 2, "--json")
    assert done.returncode == 0, done.stderr
    assert "pip install gradio" in done.stderr
    figures = {row["what"]: row["ours"] for row in json.loads(done.stdout)}
    assert all(figure["visits"] == 2 for figure in figures.values())
    assert all(figure["lowest"] <= figure["median"] <= figure["highest"] for figure in figures.values())
    assert 0 < figures["end of a recording to the emotion"]["median"] < 5000
    assert figures["first paint"]["median"] > 0
    assert figures["ready to record"]["median"] > 0
    assert 50 < figures["weight without audio"]["median"] < 150
    assert figures["requests"]["median"] > 20
    assert figures["requests to other servers"]["highest"] == 0


def test_without_a_model_it_says_what_to_do(tmp_path):
    done = measure("--models", tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "python train.py" in done.stderr
