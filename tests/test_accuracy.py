"""The benchmark program and its page, which is made from its figures alone, byte for byte."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import accuracy, accuracy_page
from benchmarks.accuracy_page import PAGE, STORE, gather, page, plot, read
from benchmarks.protocols import BUNDLE, unheard
from tests.made_up import fill
from utils.emotions import DEFAULT_LABELS
from utils.systems import SYSTEMS, OwnTerms


def entry(system: str, protocol: str, fold: str, uar: float, voice: str = "0", **more: Any) -> dict[str, Any]:
    figures = {"uar": uar, "accuracy": uar + 0.05, "macro_f1": uar + 0.01}
    named = {"system": system, "protocol": protocol, "fold": fold, "seed": 0, "voice": voice}
    corpora = ("ravdess", "crema_d", "nemo", "banglaser") if protocol == "six" else ("ravdess",)
    by_corpus = {corpus: figures for corpus in corpora}
    return named | figures | {"seconds": 90.0, "by_corpus": by_corpus, "least_precision": 0.5, "clips": 100} | more


COST = {"parameters": 1234567, "megabytes": 2.34, "milliseconds": 7.4}
ENTRIES = [
    entry("cnn", "own", "random", 0.66, **COST),
    entry("cnn", "ravdess-8", "0", 0.40),
    entry("cnn", "ravdess-8", "1", 0.44),
    entry("svm", "own", "random", 0.78, **COST | {"parameters": None}),
    entry("functionals-svm", "six", "0", 0.51),
    *(entry("functionals-svm", "six", "0", 0.5 + i / 100, voice) for i, voice in enumerate(("1", "3", "10", "all"))),
    entry("functionals-svm", "six", "1", 0.7),
    entry("functionals-svm", "loco", "ravdess", 0.45),
]


def row(text: str, *cells: str) -> str:
    """The first row of the page that begins so."""
    return next(line for line in text.splitlines() if line.startswith("| " + " | ".join(cells)))


def test_the_page_that_is_there_is_what_its_figures_make() -> None:
    assert page(read()) == PAGE.read_text("utf-8")


def test_the_figures_that_are_there_are_of_systems_that_are_there() -> None:
    assert {str(found["system"]) for found in read()} <= set(SYSTEMS)
    keys = [accuracy_page._key(found) for found in read()]
    assert keys == sorted(set(keys))


def test_claim_own_terms_and_strangers_stand_side_by_side() -> None:
    made = page(ENTRIES)
    assert row(made, "`cnn`").startswith("| `cnn` | 76 | 71.0 (F1 0.67) ✗ | 42.0 ± 2.0 | 47.0 ± 2.0 | 43.0 ± 2.0 |")
    assert row(made, "`cnn`").endswith("| ravdess-8, 2 of 5 folds | 1,234,567 | 2.3 | 7 | 90 |")
    assert row(made, "`svm`").startswith("| `svm` | 30 | 83.0 (F1 0.79) | – |")
    assert row(made, "`lstm`").startswith("| `lstm` | 62 | – | – | – | – | – | – |"), "not measured yet"
    assert "| `functionals-svm` | six, 1 of 5 folds | 51.0 | 50.0 | 51.0 | 52.0 | 53.0 |" in made
    assert "human listeners" in made


def test_gathering_adds_and_replaces_and_changes_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy_page, "STORE", tmp_path / "benchmark.json")
    results = tmp_path / "results"
    results.mkdir()
    for number, found in enumerate(ENTRIES[:3]):
        (results / f"{number}.json").write_text(json.dumps(found))
    gather(results)
    first = (tmp_path / "benchmark.json").read_bytes()
    gather(results)
    assert (tmp_path / "benchmark.json").read_bytes() == first
    (results / "0.json").write_text(json.dumps(ENTRIES[0] | {"uar": 0.9}))
    (results / "1.json").unlink()
    gather(results)
    assert [found["uar"] for found in read()] == [0.9, 0.40, 0.44]


def test_the_plot_is_a_picture_of_a_moderate_size(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(ENTRIES, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert accuracy_page.PLOT.stat().st_size < 200_000
    assert STORE.stat().st_size < 200_000


# --- The program, on made-up voices


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`benchmarks/accuracy.py` for a support-vector machine on four made-up speakers; writes nothing into docs/."""
    pytest.importorskip("skl2onnx")
    own = OwnTerms(("nemo",), stratified=True, accuracy=0.3)
    monkeypatch.setitem(SYSTEMS, "svm", replace(SYSTEMS["svm"], labels=DEFAULT_LABELS, corpora=("nemo",), own=own))
    for name in ("STORE", "PAGE", "PLOT"):
        monkeypatch.setattr(accuracy_page, name, tmp_path / name)
    fill(tmp_path / "data", ["AB0", "CD0", "EF0", "GH0"], takes=3, seconds=0.8)
    places = [word for name in ("data", "cache", "results") for word in (f"--{name}", str(tmp_path / name))]
    return lambda *more: accuracy.main(["svm", "--protocol", "own", "--jobs", "1", *places, *more])


def test_a_measured_fold_is_kept_and_not_measured_again(
    measure: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measure() == 0
    [found] = accuracy_page.read()
    assert (found["system"], found["protocol"], found["fold"], found["voice"]) == ("svm", "own", "random", "0")
    assert found["clips"] == pytest.approx(72 / 5, abs=3)
    assert 0 <= found["uar"] <= 1
    assert found["milliseconds"] > 0
    assert found["megabytes"] > 0
    assert "| `svm` | 30 |" in (tmp_path / "PAGE").read_text("utf-8")
    tested = unheard(tmp_path / "results" / "own-svm-random-0" / BUNDLE, tmp_path / "data")
    assert len(tested) >= found["clips"], "its bundle knows the people that were tested"
    monkeypatch.setattr(accuracy, "_fit", lambda *arguments: pytest.fail("it was trained again"))
    assert measure() == 0
    assert accuracy_page.read() == [found]


def test_known_voices_are_measured_beside(measure: Callable[..., int], tmp_path: Path) -> None:
    assert measure("--voice", "0", "1", "3", "10", "all") == 0
    assert [found["voice"] for found in accuracy_page.read()] == ["0", "1", "10", "3", "all"]
    assert "| `svm` | own, 1 of 1 folds |" in (tmp_path / "PAGE").read_text("utf-8")
    assert list((tmp_path / "results").glob("*.part")) == []


@pytest.mark.parametrize("wrong", [["palmistry"], ["svm", "--protocol", "tea"], ["svm", "--voice", "2"]])
def test_wrong_usage_is_exit_code_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        accuracy.main(wrong)
    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_recordings_it_says_where_they_come_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(["svm", "--data", str(tmp_path), "--results", str(tmp_path / "results")]) == 1
    assert "organize_ravdess.py" in capsys.readouterr().err
