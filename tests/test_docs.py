"""The documentation says what is so."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_figures_and_tree_are_those_of_the_repository() -> None:
    spec = importlib.util.spec_from_file_location("fill_readme", ROOT / "docs" / "fill_readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.filled(README) == README, "run python docs/fill_readme.py"


def test_links_and_pictures_of_the_documents_exist() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*.md")]
    for document in documents:
        for target in re.findall(r"(?:\]\(|src=\")(?!https?:|#)([^)#\"]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} points to {target}"


def test_the_tests_that_the_security_page_names_exist() -> None:
    """Each threat there has a test, and each test that is named can be run."""
    lines = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    threats = [line for line in lines if line.startswith("| ") and not line.startswith("| threat")]
    assert len(threats) > 20
    for line in threats:
        named = re.findall(r"`(test_\w+\.py)` (\w+)", line)
        assert named, f"nothing shows: {line}"
        for file, test in named:
            assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file} has no {test}"


COMMANDS = sorted(set(re.findall(r"^(?:\.venv/bin/)?python (\w+\.py)(.*)$", README, flags=re.M)))


@pytest.mark.parametrize(("program", "arguments"), COMMANDS)
def test_the_readmes_commands_have_the_options_it_names(program: str, arguments: str) -> None:
    command = ["analyze"] if arguments.split()[:1] == ["analyze"] else []
    done = subprocess.run(
        [sys.executable, program, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for option in re.findall(r"--[a-z-]+", arguments.partition("#")[0]):
        assert option in done.stdout


def test_the_readmes_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    documents = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`make (\w+)`|^make (\w+)", documents, flags=re.M))
    for target in {first or second for first, second in named}:
        assert re.search(rf"^{target}:", makefile, flags=re.M), f"there is no make {target}"
