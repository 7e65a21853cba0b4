"""Training with corrected clips, and the door that lets only a bundle in that is no worse."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import train
from benchmarks.voices import speak
from tests.fakes import prediction
from tests.made_up import MANNERS, fill, tiny_bundle
from utils import dataset_loader
from utils.champion import kept
from utils.clip_store import ClipStore
from utils.corrected import corrected_recordings
from utils.emotions import DEFAULT_LABELS
from utils.errors import DataError
from utils.model_bundle import load_bundle, mark, verify_files
from utils.systems import SYSTEMS

pytest.importorskip("skl2onnx")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/ of four speakers, and the history of a visitor with three corrected clips."""
    folder = tmp_path_factory.mktemp("made")
    fill(folder / "data", ["AB0", "CD0", "EF0", "GH0"], takes=2, seconds=1.0)
    store = ClipStore(folder / "instance")
    for visitor in ("ann", "bob"):
        for number, emotion in enumerate(("fear", "sad", "disgust")):
            manner = MANNERS.get(emotion, MANNERS["sad"])
            samples = speak(1.0, seed=500 + number, tract=1.0, **manner)
            clip = store.add(visitor, samples, prediction(), source="recording", filename="SECRETNAME.wav")
            store.set_correction(visitor, clip.id, emotion)
    store.close()
    return folder


@pytest.fixture
def allow(made: Path) -> Iterator[Callable[[str, bool], None]]:
    """Gives or withdraws a visitor's consent; in the end nobody has consented."""

    def allow(visitor: str, allowed: bool = True) -> None:
        store = ClipStore(made / "instance")
        store.set_training(visitor, allowed)
        store.close()

    yield allow
    for visitor in ("ann", "bob"):
        allow(visitor, False)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def door(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`train.main` for support vectors, or for a tree with one question, which can name two emotions at most."""

    def stump(seed: int) -> Any:
        from sklearn.tree import DecisionTreeClassifier

        return DecisionTreeClassifier(max_depth=1, random_state=seed)

    monkeypatch.setitem(SYSTEMS, "stump", replace(SYSTEMS["functionals-svm"], name="stump", estimator=stump))

    def door(*flags: str, system: str = "functionals-svm", **changes: Path) -> int:
        options = {
            "data": made / "data", "cache": made / "cache", "models": tmp_path / "models",
            "runs": tmp_path / "runs", "jobs": 1, "system": system, **changes,
        }  # fmt: skip
        return train.main([*flags, *(word for name, value in options.items() for word in (f"--{name}", str(value)))])

    return door


def entries(cache: Path) -> set[Path]:
    return set(cache.rglob("*.npy"))


# Corrected clips as a corpus


def test_only_consenting_visitors_clips_whose_emotion_counts_become_recordings(
    made: Path, allow: Callable[..., None], temporary: Path
) -> None:
    with corrected_recordings(made / "instance", DEFAULT_LABELS) as recordings:
        assert recordings == []
    allow("ann")
    with corrected_recordings(made / "instance", DEFAULT_LABELS) as recordings:
        assert sorted(one.label for one in recordings) == ["fear", "sad"]
        assert {one.placed.corpus for one in recordings} == {"corrections"}
        assert len({one.placed.speaker for one in recordings}) == 1
        assert all(one.path.is_file() and "SECRET" not in one.path.name for one in recordings)
        [folder] = temporary.iterdir()
        assert os.name != "posix" or folder.stat().st_mode & 0o077 == 0
    assert list(temporary.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), corrected_recordings(made / "instance", DEFAULT_LABELS):
        raise KeyboardInterrupt
    assert list(temporary.iterdir()) == []


def test_one_visitor_is_one_speaker_whose_name_tells_nothing(made: Path, allow: Callable[..., None]) -> None:
    for visitor in ("ann", "bob"):
        allow(visitor)
    seen = []
    for _ in range(2):
        with corrected_recordings(made / "instance", DEFAULT_LABELS) as recordings:
            speakers = [str(one.placed.speaker) for one in recordings]
            names = [one.path.name for one in recordings]
        assert len(set(speakers)) == 2 and not any(name in "".join(speakers) for name in ("ann", "bob"))
        seen.append((set(speakers), names))
    assert seen[0][0].isdisjoint(seen[1][0]), "nobody is known again in the next training"
    assert seen[0][1] == seen[1][1], "but an interrupted training goes on"


def test_a_history_that_isnt_there_is_not_made(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="There is no history"),
        corrected_recordings(tmp_path / "nowhere", DEFAULT_LABELS),
    ):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_their_features_are_never_kept(made: Path, allow: Callable[..., None], tmp_path: Path) -> None:
    allow("ann")
    settings = SYSTEMS["functionals-svm"].features
    with corrected_recordings(made / "instance", DEFAULT_LABELS) as recordings:
        for variant in (0, 1):
            found = dataset_loader.load_features(
                recordings, settings, cache=tmp_path / "cache", variant=variant, jobs=1
            )
            assert len(found.arrays) == 2
    assert entries(tmp_path / "cache") == set()


# Training with them


@pytest.mark.slow
def test_training_takes_them_and_leaves_nothing_of_them(
    door: Callable[..., int],
    made: Path,
    allow: Callable[..., None],
    temporary: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corrections = ("--with-corrections", str(made / "instance"))
    assert door(*corrections) == 0
    said = capsys.readouterr().out
    assert "corrections" not in said and "No corrected clip whose visitor allows training" in said
    known = entries(made / "cache")
    without = load_bundle(tmp_path / "models").onnx
    allow("ann")
    assert door("--replace", "always", *corrections) == 0
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if "corrections" in line]
    assert line.startswith("training:") and "corrections 2 clips of 1" in line
    assert load_bundle(tmp_path / "models").onnx != without
    assert entries(made / "cache") == known
    assert list(temporary.iterdir()) == []
    card = (tmp_path / "models" / "README.md").read_text("utf-8")
    assert "| clips that visitors corrected | 2 |" in card
    allow("ann", False)
    assert door("--replace", "always", *corrections) == 0
    assert load_bundle(tmp_path / "models").onnx == without, "as if they had never been there"


@pytest.mark.slow
def test_without_the_history_it_says_so(door: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    assert door("--with-corrections", str(tmp_path / "nowhere")) == 1
    assert "There is no history" in capsys.readouterr().err


@pytest.mark.slow
def test_corrected_clips_are_sent_to_no_cluster(door: Callable[..., int], made: Path, capsys: Any) -> None:
    assert door("--with-corrections", str(made / "instance"), "--dask", "tcp://localhost:1") == 1
    assert "leave --dask out" in " ".join(capsys.readouterr().err.split())


# Champion and challenger


@pytest.mark.slow
def test_no_worse_replaces_worse_does_not_and_there_is_a_way_back(
    door: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    assert door() == 0
    first = load_bundle(models)
    assert len(first.unheard) == 1 and first.unheard < {mark(f"nemo-{name}0") for name in ("AB", "CD", "EF", "GH")}
    assert "Compared" not in capsys.readouterr().out, "there was nothing to compare with"

    assert door() == 0
    said = capsys.readouterr().out
    assert "UAR changes by +0.0%" in said and "stays as it was" not in said
    assert [load_bundle(path).version for path in kept(models)] == [first.version]
    second = load_bundle(models)

    assert door(system="stump") == 0
    said = capsys.readouterr().out
    assert "UAR changes by -" in said and "stays as it was: the new one is worse" in said
    assert load_bundle(models).version == second.version
    verify_files(models)
    assert not list(tmp_path.glob(".models.*"))

    assert door("--replace", "always", system="stump") == 0
    assert "Compared" not in capsys.readouterr().out
    assert load_bundle(models).system == "stump"
    assert door("--rollback") == 0
    assert load_bundle(models).version == second.version
    assert f"holds version {second.version} again" in " ".join(capsys.readouterr().out.split())
    verify_files(models)


@pytest.mark.slow
def test_a_damaged_bundle_is_replaced(door: Callable[..., int], tmp_path: Path) -> None:
    models = tiny_bundle(tmp_path / "models")
    (models / "bundle.json").write_text("{}")
    assert door() == 0
    verify_files(models)


@pytest.mark.slow
def test_what_cant_be_compared_is_told_before_anything_is_computed(
    door: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dataset_loader, "load_features", lambda *_, **__: pytest.fail("it computes"))
    tiny_bundle(tmp_path / "models", unheard=["nemo-elsewhere"])
    assert door() == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "trained on every speaker" in said and "--replace always" in said
