"""The four doors into data/: what they print, and how they exit."""

import runpy
import sys
from pathlib import Path

import pytest

from organize import organize
from tests.test_corpora import write_wav
from utils import corpora
from utils.corpora import BANGLASER, CREMA_D, NEMO, RAVDESS, RAVDESS_SONG, Corpus

REPOSITORY = Path(__file__).parents[1]
DOORS = {
    "organize_ravdess.py": RAVDESS,
    "organize_crema_d.py": CREMA_D,
    "organize_nemo.py": NEMO,
    "organize_banglaser.py": BANGLASER,
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(door: str, *options: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", [door, *options])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(REPOSITORY / door), run_name="__main__")
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize(("door", "corpus"), DOORS.items(), ids=list(DOORS))
def test_a_door_places_its_corpus_from_the_official_folder_into_data(
    door: str, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(Path(corpus.folder, "inside", corpus.example))
    assert start(door, monkeypatch=monkeypatch) == 0
    assert len(list(Path("data").rglob(f"{corpus.name}__*__{corpus.example}"))) == 1
    out, err = capsys.readouterr()
    assert corpus.title in out
    assert "1 placed into data, 0 already there, 0 left out, 0 not known." in out
    assert err == ""
    assert start(door, monkeypatch=monkeypatch) == 0
    assert "0 placed into data, 1 already there" in capsys.readouterr().out


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize(("door", "corpus"), DOORS.items(), ids=list(DOORS))
def test_a_missing_or_empty_source_is_one_sentence_and_exit_code_1(
    door: str,
    corpus: Corpus,
    empty: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if empty:
        Path(corpus.folder).mkdir()
    assert start(door, monkeypatch=monkeypatch) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"folder {corpus.folder}" in err
    assert corpus.url in err
    assert ("holds no recording" in err) is empty
    assert not Path("data").exists()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("options", [["--sauce", "x"], ["folder"], ["--data"]])
def test_wrong_usage_is_exit_code_2(
    door: str, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(door, *options, monkeypatch=monkeypatch) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("door", DOORS)
def test_help_names_the_corpus_and_the_default_folder(
    door: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert start(door, "--help", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert DOORS[door].url in out
    assert f"(default: {DOORS[door].folder})" in out
    assert ("--song" in out) is (door == "organize_ravdess.py")


def test_song_is_placed_from_its_official_folder_where_it_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_wav(Path(RAVDESS.folder, RAVDESS.example))
    assert organize(RAVDESS, [], song=RAVDESS_SONG) == 0
    assert "RAVDESS song" not in capsys.readouterr().out
    write_wav(Path(RAVDESS_SONG.folder, RAVDESS_SONG.example))
    assert organize(RAVDESS, [], song=RAVDESS_SONG) == 0
    assert "RAVDESS song" in capsys.readouterr().out
    assert sorted(path.name for path in Path("data", "fear").iterdir()) == [
        "ravdess__12__03-01-06-01-02-01-12.wav",
        "ravdess_song__12__03-02-06-01-02-01-12.wav",
    ]


def test_a_song_folder_that_was_asked_for_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(Path(RAVDESS.folder, RAVDESS.example))
    assert organize(RAVDESS, ["--song", "typo"], song=RAVDESS_SONG) == 1
    assert "There is no folder typo: RAVDESS song is published at" in capsys.readouterr().err


def test_the_table_counts_each_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1001_DFA_ANG_XX", "1002_DFA_ANG_XX", "1001_DFA_SAD_XX"):
        write_wav(Path("other", f"{name}.wav"))
    assert organize(CREMA_D, ["--source", "other", "--data", "elsewhere"]) == 0
    cells = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    for row in (["angry", "2"], ["sad", "1"], ["disgust", "0"], ["calm", "0"], ["all", "3"]):
        assert row in cells
    assert Path("elsewhere", "angry").is_dir()


def test_what_is_not_placed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1001_DFA_ANG_XX.wav", "1076_MTI_SAD_XX.wav", "a[red]b.wav"):
        write_wav(Path("AudioWAV", name))
    assert organize(CREMA_D, []) == 0
    out = capsys.readouterr().out
    assert f"Left out {Path('AudioWAV', '1076_MTI_SAD_XX.wav')}: it is digital silence.\n" in out
    assert f"Not placed, its name is not known: {Path('AudioWAV', 'a[red]b.wav')}\n" in out
    assert "1 placed into data, 0 already there, 1 left out, 1 not known." in out


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_of_strange_characters_is_printed_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(Path("AudioWAV", "1001_DFA_ANG_XX.wav"))
    Path("AudioWAV", ":smile:\udcff\x1b\n.wav").touch()
    assert organize(CREMA_D, []) == 0
    assert "AudioWAV/:smile:\ufffd\ufffd\ufffd.wav\n" in capsys.readouterr().out


def test_nothing_but_unusable_files_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("AudioWAV").mkdir()
    Path("AudioWAV", "1001_DFA_ANG_XX.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert organize(CREMA_D, []) == 1
    assert "run `git lfs pull`" in capsys.readouterr().out


def test_ctrl_c_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object) -> bool:
        raise KeyboardInterrupt

    write_wav(Path("nEMO", NEMO.example))
    monkeypatch.setattr(corpora, "_put", stop)
    assert organize(NEMO, []) == 130
    assert capsys.readouterr().err == "Stopped: what is placed stays, and another run places the rest.\n"
