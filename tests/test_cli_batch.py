import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import app
from cli import batch
from cli.screen import printable
from tests.terminal_fakes import LABELS, FakePredict, heard
from utils.language import Language


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that we are in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def judge(capsys, *argv, predict=None):
    """Runs the batch form; its exit code and its lines."""
    code = app.main(argv, load=lambda folder: predict or FakePredict())
    out, err = capsys.readouterr()
    assert err == ""
    return code, out.splitlines()


def judge_json(capsys, *argv, predict=None):
    code, lines = judge(capsys, *argv, "--json", predict=predict)
    return code, [json.loads(line) for line in lines]


def test_one_file_as_json(capsys):
    code, [line] = judge_json(capsys, "voice.wav")
    assert code == 0
    assert list(line) == ["file", "emotion", "confidence", "probabilities", "status", "voiced_seconds"]
    assert (line["file"], line["emotion"], line["confidence"]) == ("voice.wav", "angry", 0.75)
    assert tuple(line["probabilities"]) == LABELS
    assert (line["status"], line["voiced_seconds"]) == ("ok", 2.14)


def test_how_strongly_is_said_where_it_is_known_and_clear(capsys):
    lines = {}
    for intensity in (None, 0.9, 0.5, 0.1):
        predict = FakePredict(replace(heard(), intensity=intensity))
        [lines[intensity]] = judge(capsys, "a.wav", predict=predict)[1]
        [found] = judge_json(capsys, "a.wav", predict=predict)[1]
        assert found.get("intensity") == intensity and ("intensity" in found) == (intensity is not None)
    assert lines[None] == lines[0.5] == "a.wav  😠 angry, fairly sure (75%)"
    assert lines[0.9] == "a.wav  😠 angry, strongly, fairly sure (75%)"
    assert lines[0.1] == "a.wav  😠 angry, mildly, fairly sure (75%)"


def test_an_uncertain_file_is_read_and_says_so(capsys):
    code, [line] = judge_json(capsys, "uncertain.wav")
    assert (code, line["status"], line["emotion"]) == (0, "uncertain", "angry")


@pytest.mark.parametrize(
    "name, error_code, words",
    [
        ("bad.wav", "unreadable_audio", "can't be read"),
        ("no_speech.wav", "no_speech", "No speech"),
        ("too_short.wav", "too_short", "too little speech"),
        ("bug.wav", "error", "unexpected"),
    ],
)
def test_a_file_without_an_answer_is_an_error_line_and_the_others_are_read(capsys, name, error_code, words):
    code, lines = judge_json(capsys, "a.wav", name, "b.wav")
    assert code == 1
    assert [line["file"] for line in lines] == ["a.wav", name, "b.wav"]
    assert list(lines[1]) == ["file", "error"]
    assert lines[1]["error"]["code"] == error_code
    assert words in lines[1]["error"]["message"] and "secret" not in lines[1]["error"]["message"]
    assert "emotion" in lines[0] and "emotion" in lines[2]


def test_lines_for_people(capsys):
    code, lines = judge(capsys, "a.wav", "bad.wav", "no_speech.wav", "uncertain.wav")
    assert code == 1
    fine, bad, silent, uncertain = lines
    assert fine == "a.wav  😠 angry, fairly sure (75%)"
    assert bad == "bad.wav  ❌ This can't be read as sound: use another file."
    assert silent.startswith("no_speech.wav  🔇 No speech was heard")
    assert uncertain == "uncertain.wav  🤔 Not sure: perhaps angry (75%) or neutral (5%)"


def test_paths_are_judged_in_the_order_given_and_folders_sorted(capsys, folder):
    touch("z.wav", "d/b.WAV", "d/a.mp3", "d/c/x.flac", "d/notes.txt", "d/.hidden.wav", "a.wav", "d/b-.opus")
    (folder / "d" / "loop").symlink_to(folder, target_is_directory=True)
    code, lines = judge_json(capsys, "z.wav", "d", "a.wav", "z.wav")
    inside = [os.path.join("d", name) for name in ("a.mp3", "b-.opus", "b.WAV", os.path.join("c", "x.flac"))]
    assert (code, [line["file"] for line in lines]) == (0, ["z.wav", *inside, "a.wav", "z.wav"])


def test_a_named_file_is_tried_whatever_it_is_called(capsys, folder):
    touch("notes.txt")
    predict = FakePredict()
    code, _ = judge_json(capsys, "notes.txt", "", predict=predict)
    assert (code, predict.asked) == (0, ["notes.txt", ""])


@pytest.mark.parametrize("inside", [[], ["notes.txt"], ["below/notes.txt", ".a.wav"]])
def test_a_folder_without_audio_is_one_error_line(capsys, folder, inside):
    (folder / "empty").mkdir()
    touch(*(f"empty/{name}" for name in inside))
    code, lines = judge_json(capsys, "empty", "a.wav")
    assert (code, len(lines)) == (1, 2)
    assert (lines[0]["file"], lines[0]["error"]["code"]) == ("empty", "not_found")
    assert "no audio file" in lines[0]["error"]["message"]


def test_a_folder_that_can_not_be_opened_is_one_error_line(capsys, folder, monkeypatch):
    touch("d/a.wav", "d/locked/b.wav", "d/z.wav")
    real = os.listdir

    def listdir(path):
        if path.endswith("locked"):
            raise PermissionError(path)
        return real(path)

    monkeypatch.setattr(batch.os, "listdir", listdir)
    code, lines = judge_json(capsys, "d")
    assert (code, [Path(line["file"]).name for line in lines]) == (1, ["a.wav", "locked", "z.wav"])
    assert "permissions" in lines[1]["error"]["message"]


ODD_NAMES = [
    "new\nline.wav",
    "bell\a.wav",
    "\x1b[31mred.wav",
    "not-utf8-\udcff.wav",
    "বাংলা.wav",
    "\u202egpj.wav",
    '"q".wav',
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_file_names_break_neither_line_nor_terminal(capsys, name):
    _, [line] = judge_json(capsys, name)
    assert line["file"] == name
    _, [line] = judge(capsys, name)
    assert line == f"{printable(name)}  😠 angry, fairly sure (75%)" and line.isprintable()


def test_json_lines_are_ascii(capsys):
    _, [line] = judge(capsys, "বাংলা-\udcff.wav", "--json")
    assert line.isascii()


def test_lines_keep_their_order_though_files_are_judged_side_by_side(capsys):
    names = [f"{'slow' if i % 5 == 0 else 'quick'}-{i}.wav" for i in range(40)]
    _, lines = judge_json(capsys, *names)
    assert [line["file"] for line in lines] == names


def test_no_more_files_are_begun_than_the_look_ahead_allows():
    begun, written = [], []

    def predict(path):
        begun.append(path)
        return heard()

    def write(line):
        time.sleep(0.002)
        assert len(begun) <= len(written) + batch.LOOK_AHEAD + 1
        written.append(line)

    assert batch.run([f"{i}.wav" for i in range(100)], predict, write, as_json=True, words=Language())
    assert len(written) == 100


def test_every_line_is_written_before_the_next_file_is_needed(capsys):
    """What reads our lines need not wait for the last file."""
    gate = threading.Event()
    lines = []

    def predict(path):
        if path == "last.wav":
            assert gate.wait(5)
        return heard()

    def write(line):
        lines.append(line)
        gate.set()

    paths = [f"{i}.wav" for i in range(batch.LOOK_AHEAD + 1)]
    assert batch.run([*paths, "last.wav"], predict, write, as_json=False, words=Language())
    assert len(lines) == len(paths) + 1


def test_batch_keeps_no_history(capsys, folder):
    judge(capsys, "a.wav", "--instance", "here")
    assert list(folder.iterdir()) == []
