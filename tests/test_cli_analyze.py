"""`app.py analyze`: paths, exit codes, sentences, going on; the work itself is done here, by a model that is quick."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas
import pytest
import srt
import textgrid

import app
from benchmarks.voices import speak
from cli import analyze, judging
from cli.judging import judge
from tests.fakes import FakeTranscriber
from tests.made_up import tiny_bundle
from utils import exports
from utils.decoding import SAMPLE_RATE, encode_wav
from utils.errors import BundleError, TranscriberUnavailableError, WorkersError

ROOT = Path(app.__file__).parent
VOICE = encode_wav(speak(1.5))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that we are in, with three voices, a silence and a file that is no sound in `d`."""
    monkeypatch.chdir(tmp_path)
    for name in ("d/a.wav", "d/b.wav", "d/below/c.wav"):
        put(name)
    put("d/quiet.wav", encode_wav(np.zeros(SAMPLE_RATE)))
    put("d/bad.wav", b"no sound")
    return tmp_path


def put(name, content=VOICE):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content)


class Crew:
    """Judges in this process; remembers what, and raises `trouble` after so many."""

    def __init__(self, trouble=None, after=0):
        self.trouble, self.after, self.judged = trouble, after, []

    def __call__(self, task, files):
        for file in files:
            if self.trouble is not None and len(self.judged) == self.after:
                raise self.trouble
            self.judged.append(file)
            yield judge(task, file)


@pytest.fixture
def run(models, capsys):
    """Runs the command with a crew; its exit code, and what it said."""

    def run(*argv, crew=None):
        code = analyze.main([*argv, "--models", str(models)], crew=crew or Crew())
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return run


def table(name="results.csv"):
    return pandas.read_csv(name)


ALL = ["d/a.wav", "d/b.wav", "d/bad.wav", "d/below/c.wav", "d/quiet.wav"]


# --- Files


def test_a_folder_becomes_a_table_and_a_bad_file_a_row(run, folder):
    code, said = run("d")
    assert (code, said) == (1, "5 files in results.csv, 1 of them with an error instead of an answer.\n")
    frame = table()
    assert frame.file.tolist() == ALL
    assert frame.status.tolist() == ["ok", "ok", "error", "ok", "no_speech"]
    assert "can't be read as sound" in frame.error[2]


def test_zero_when_every_file_was_read_and_silence_is_an_answer(run, folder):
    assert run("d/a.wav", "d/quiet.wav") == (0, "2 files in results.csv.\n")


def test_each_file_once_whatever_ways_lead_there(run, folder):
    Path("d/loop").symlink_to(folder, target_is_directory=True)
    Path("other").symlink_to("d", target_is_directory=True)
    Path("d/twin.wav").symlink_to("a.wav")
    crew = Crew()
    run("d", "./d/a.wav", "d//b.wav", "other", str(folder / "d" / "a.wav"), "d/below/../a.wav", "d", crew=crew)
    assert Counter(crew.judged) == Counter([*ALL, "d/twin.wav"])


def test_odd_names_are_rows(run, folder):
    names = ["=1+1.wav", "new\nline.wav", 'comma, "quote".wav', "-rf.wav", "বাংলা.wav"]
    if sys.platform == "linux":
        names.append(os.fsdecode(b"\xff.wav"))
    for name in names:
        put(f"odd/{name}")
    os.chdir("odd")
    assert run(".")[0] == 0
    assert len(table()) == len(names) and set(table().status) == {"ok"}
    assert run(".") == (
        0,
        f"{len(names)} of {len(names)} files are done already.\n{len(names)} files in results.csv.\n",
    )


def test_what_is_named_and_not_there_is_a_row(run, folder):
    assert run("nowhere.wav", "")[0] == 1
    assert table().error_code.tolist() == ["not_found", "not_found"]


def test_an_empty_folder_is_said_and_the_rest_is_done(run, folder):
    Path("empty").mkdir()
    code, said = run("empty", "d/a.wav")
    assert code == 1 and "empty  ❌ There is no audio file in this folder" in said
    assert table().file.tolist() == ["d/a.wav"]


# --- Outputs


@pytest.mark.parametrize("name", ["new/folder/r.json", "r.parquet"])
def test_other_tables(run, folder, name):
    run("d", "--out", name)
    if name.endswith(".json"):
        files = json.loads(Path(name).read_text(encoding="utf-8"))["files"]
        assert [one["file"] for one in files] == ALL
        assert files[0]["probabilities"].keys() == {"neutral", "happy", "sad", "angry", "fear", "surprise"}
    else:
        assert pandas.read_parquet(name).file.tolist() == ALL


def test_a_timeline_has_rows_for_segments(run, folder):
    put("long.wav", encode_wav(np.concatenate([speak(4), np.zeros(5 * SAMPLE_RATE, np.float32)])))
    assert run("long.wav", "d/bad.wav", "--timeline")[0] == 1
    frame = table()
    long = frame[frame.file == "long.wav"]
    assert long.start.iloc[0] == 0 and long.end.iloc[-1] == 9 and len(long) >= 2
    assert frame[frame.file == "d/bad.wav"].status.tolist() == ["error"]


def test_formats_are_files_below_a_folder_and_made_up_for_when_missing(run, folder):
    run("d", "../" + folder.name + "/d/a.wav", "--formats", "srt", "--out", "r.csv")
    assert len(list(Path("r-labels").rglob("*"))) == 2 + 4, "none for what can't be read"
    [subtitle] = srt.parse(Path("r-labels/d/a.wav.srt").read_text(encoding="utf-8"))
    assert "%" in subtitle.content
    crew = Crew()
    run("d", "--formats", "srt,textgrid,audacity,vtt", "--out", "r.csv", crew=crew)
    assert crew.judged == []
    assert len(list(Path("r-labels").rglob("*.*"))) == 4 * 4
    assert textgrid.TextGrid.fromFile("r-labels/d/below/c.wav.TextGrid")[0].name == "emotion"


def test_the_longest_name_has_labels_too(run, folder):
    for letter in "xy":
        put("d/" + 250 * letter + ".wav")
    code, said = run("d/" + 250 * "x" + ".wav", "d/" + 250 * "y" + ".wav", "--formats", "textgrid")
    assert (code, len(list(Path("results-labels/d").iterdir()))) == (0, 2), said


def test_labels_stay_in_their_folder(run, folder):
    os.chdir("d")
    run("../d/a.wav", str(folder / "d" / "b.wav"), "--formats", "vtt", "--out", "out/r.csv")
    assert {path.name for path in folder.rglob("*.vtt")} == {"a.wav.vtt", "b.wav.vtt"}
    assert all(path.is_relative_to(folder / "d" / "out" / "r-labels") for path in folder.rglob("*.vtt"))


def test_words_stand_in_table_and_subtitles_and_troubles_are_said(run, folder, monkeypatch):
    scribe = FakeTranscriber(TranscriberUnavailableError("Google can't be reached."))
    monkeypatch.setattr(judging, "make_transcriber", lambda name: scribe)
    judging._load.cache_clear()
    code, said = run("d/a.wav", "d/b.wav", "--transcribe", "google", "--formats", "vtt")
    assert code == 0 and "Some words are missing: Google can't be reached." in said
    assert "hello there" in table().words.tolist()
    assert "hello there" in Path("results-labels/d/b.wav.vtt").read_text(encoding="utf-8")


# --- Wrong usage, and what can't be


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["d", "--out", "r.txt"],
        ["d", "--out", "results"],
        ["d", "--workers", "0"],
        ["d", "--workers", "2", "--dask", "tcp://x:1"],
        ["d", "--formats", "docx"],
        ["d", "--formats", ""],
        ["d", "--transcribe", "gogle"],
        ["d", "--colour"],
    ],
    ids=" ".join,
)
def test_wrong_usage_leaves_with_two(capsys, argv):
    with pytest.raises(SystemExit) as left:
        app.main(["analyze", *argv])
    assert left.value.code == 2
    assert "usage: app.py analyze" in capsys.readouterr().err


def test_a_missing_model_is_one_sentence(capsys, folder):
    assert app.main(["analyze", "d", "--models", "nowhere"]) == 1
    assert capsys.readouterr().err.startswith("There is no trained model")
    assert not Path("results.csv.journal").exists()


def test_a_missing_package_is_said_before_the_work(run, folder, monkeypatch):
    monkeypatch.setattr(exports.importlib.util, "find_spec", lambda name: None)
    crew = Crew()
    for argv in (["--out", "r.parquet"], ["--formats", "textgrid"]):
        code, said = run("d", *argv, crew=crew)
        assert code == 1 and "pip install" in said
    assert crew.judged == []


def test_an_output_that_cannot_be_written_is_one_sentence(run, folder):
    code, said = run("d", "--out", "d/a.wav/r.csv")
    assert code == 1 and "can't be written" in said and said.count("\n") == 1


def test_a_file_called_analyze_can_still_be_judged(capsys, folder):
    from tests.terminal_fakes import FakePredict

    assert app.main(["--", "analyze"], load=lambda folder: FakePredict()) == 0
    assert capsys.readouterr().out.startswith("analyze  ")


# --- Going on


def test_what_is_done_is_not_done_again(run, folder):
    run("d")
    before = Path("results.csv").read_bytes()
    put("d/new.wav")
    crew = Crew()
    code, said = run("./d/", crew=crew)
    assert (code, crew.judged) == (1, ["d/new.wav"])
    assert said.startswith("5 of 6 files are done already.\n")
    assert len(table()) == 6 and before.splitlines()[1] in Path("results.csv").read_bytes()


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(run, folder):
    code, said = run("d", crew=Crew(KeyboardInterrupt(), after=2))
    assert (code, said) == (130, "Stopped: 2 files are in results.csv; the same command goes on from here.\n")
    assert len(table()) == 2
    crew = Crew()
    run("d", crew=crew)
    assert len(crew.judged) == 3 and table().file.tolist() == ALL


def test_a_lost_crew_keeps_what_is_done_and_says_how_to_go_on(run, folder):
    code, said = run("d", crew=Crew(WorkersError("The Dask cluster was lost: start it again."), after=3))
    assert code == 1
    assert said == (
        "The Dask cluster was lost: start it again. What is done is kept, and the same command goes on from there.\n"
    )
    assert len(table()) == 3


def test_a_model_that_is_exchanged_meanwhile_ends_the_work_and_keeps_what_is_done(run, folder):
    code, said = run("d", crew=Crew(BundleError("The model was exchanged: start again."), after=3))
    assert (code, said.count("\n"), len(table())) == (1, 1, 3)
    assert said.startswith("The model was exchanged")


def test_an_output_made_by_another_model_is_refused(run, folder, tmp_path_factory, capsys):
    run("d")
    other = tiny_bundle(tmp_path_factory.mktemp("other"), uncertain_below=0.9)
    assert analyze.main(["d", "--models", str(other)], crew=Crew()) == 1
    assert "results.csv was made by another model" in capsys.readouterr().err
    assert len(table()) == 5


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_like_one_that_is_not(tmp_path, models):
    sounds = [encode_wav(speak(1.5, seed=i)) for i in range(5)]
    for i in range(120):
        put(tmp_path / f"d/{i:03}.wav", sounds[i % 5])
    command = [sys.executable, str(ROOT / "app.py"), "analyze", "d", "--models", str(models), "--workers", "2"]
    journal = tmp_path / "r.csv.journal"
    for kill_at in (1, 60):
        with subprocess.Popen([*command, "--out", "r.csv"], cwd=tmp_path, stderr=subprocess.PIPE) as process:
            while not (journal.exists() and journal.read_bytes().count(b"\n") > kill_at):
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        if (tmp_path / "r.csv").exists():
            assert pandas.read_csv(tmp_path / "r.csv").file.is_unique
    for out in ("r.csv", "whole.csv"):
        done = subprocess.run([*command, "--out", out], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert done.stderr.endswith(f"120 files in {out}.\n")
    judged = [json.loads(line)["file"] for line in journal.read_text().splitlines()[1:]]
    assert Counter(judged) == Counter(f"d/{i:03}.wav" for i in range(120))
    assert (tmp_path / "r.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_ends_quietly(tmp_path, models):
    for i in range(300):
        put(tmp_path / f"d/{i:03}.wav")
    command = [sys.executable, str(ROOT / "app.py"), "analyze", "d", "--models", str(models), "--workers", "2"]
    journal = tmp_path / "results.csv.journal"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes
        assert process.wait(60) == 130
        said = process.stderr.read()
    assert said.startswith("Stopped: ") and said.count("\n") == 1
    assert len(pandas.read_csv(tmp_path / "results.csv")) == len(journal.read_text().splitlines()) - 1
