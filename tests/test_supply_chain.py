"""What gets installed: no version with a known hole, exactly what the lock says, and the audit says so honestly."""

import importlib.util
import json
import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.real_server import ROOT

LOCK = (ROOT / "requirements-serve.lock").read_text(encoding="utf-8")
PINS = re.findall(r"^([\w.-]+)==(\S+)", LOCK, flags=re.M)
PYTHONS = ["3.10.1", "3.11.1", "3.12.1", "3.13.1"]


def named(file):
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


@pytest.mark.parametrize(
    ("package", "last_bad"),
    [
        ("Flask", "3.1.2"),  # CVE-2026-27205
        ("Werkzeug", "3.1.5"),  # CVE-2026-27199
        ("flask-cors", "5.0.1"),  # CVE-2024-6844
        ("waitress", "3.0.0"),  # CVE-2024-49768
        ("keras", "3.11.2"),  # CVE-2025-9905
    ],
)
def test_versions_with_known_holes_are_never_installed(package, last_bad):
    [found] = [r for r in named("requirements.txt") + named("requirements-serve.txt") if r.name == package]
    assert last_bad not in found.specifier


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_a_version_of_everything_that_serves(python):
    pinned = {}
    for line in re.findall(r"^[\w.-]+==.*(?= \\$)", LOCK, flags=re.M):
        requirement = Requirement(line)
        if not requirement.marker or requirement.marker.evaluate(
            {"python_version": python[:4], "python_full_version": python}
        ):
            pinned[requirement.name.lower()] = next(iter(requirement.specifier)).version
    for requirement in named("requirements-serve.txt"):
        assert pinned[requirement.name.lower()] in requirement.specifier, f"{requirement}: run make lock"


def test_every_file_in_the_lock_has_its_hash_and_no_address():
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.M)[1:]
    assert len(entries) == len(PINS) > 30
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in LOCK
    assert not re.search(r"--(index|extra|find|trusted)", LOCK)
    assert all(Version(version) for _, version in PINS)


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*dependencies):
    return json.dumps({"dependencies": dependencies})


WELL = {"name": "a", "version": "1", "vulns": []}
ILL = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1-1"}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("", 0, "No audit: the service"),
        ("<html>", 0, "No audit: the service"),
        ("[]", 0, "No audit: the service"),
        (report(UNKNOWN, UNKNOWN), 0, "No audit: the service"),
        (report(WELL), 0, "Audited 1 packages, none"),
        (report(WELL, UNKNOWN), 0, "Audited 1 packages, none is known to be vulnerable; 1 are"),
        (report(WELL, ILL, UNKNOWN), 1, "b 2: CVE-1-1"),
    ],
)
def test_the_audit_fails_for_holes_and_for_nothing_else(audit, text, code, sentence):
    found, said = audit.verdict(text)
    assert found == code
    assert sentence in said


def test_an_audit_that_hangs_ends(audit, monkeypatch, capsys):
    def hang(command, timeout, **options):
        raise audit.subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(audit.subprocess, "run", hang)
    assert audit.main() == 0
    assert "No audit" in capsys.readouterr().out
