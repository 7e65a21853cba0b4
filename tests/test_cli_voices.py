"""A voice is taught at the terminal, and files are judged with it."""

import json
from contextlib import closing

import numpy as np
import pytest

import app
from benchmarks.voices import speak
from tests.made_up import MANNERS, person, tiny_bundle, tiny_speakers, voice_onnx
from tests.terminal_fakes import FakeDevice
from utils.decoding import encode_wav
from utils.profile_store import ProfileStore
from utils.voice_profile import VoiceProfile


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the program in an empty folder with a model that knows voices; exit code, output, complaints."""
    monkeypatch.chdir(tmp_path)
    tiny_bundle(tmp_path / "models", onnx=voice_onnx())
    monkeypatch.setattr("builtins.input", lambda _: "")
    for n in range(3):
        (tmp_path / f"{n}.wav").write_bytes(encode_wav(speak(2, seed=n, **MANNERS["neutral"])))

    def run(*argv, device=None):
        code = app.main([*argv, "--models", "models", "--instance", "instance"], device=device)
        return code, *capsys.readouterr()

    return run


class Speaking(FakeDevice):
    """Somebody reads aloud."""

    def record(self, seconds, report):
        super().record(seconds, report)
        return speak(seconds, seed=len(self.recorded))


def test_taught_from_files_used_and_forgotten(run, tmp_path):
    _, before, _ = run("0.wav", "--json")
    code, said, _ = run("teach", "Ann", "0.wav", "1.wav", "2.wav")
    assert (code, "learnt from 3 sentences" in said) == (0, True)
    code, known, _ = run("0.wav", "--json", "--profile", "Ann")
    assert code == 0
    assert json.loads(known)["probabilities"] != json.loads(before)["probabilities"]
    assert run("teach", "Ann", "--forget")[0] == 0
    code, _, complaint = run("0.wav", "--profile", "Ann")
    assert (code, complaint) == (1, "No voice is called Ann: teach it with `app.py teach Ann`.\n")


def test_taught_by_reading_aloud(run):
    device = Speaking()
    code, said, _ = run("teach", "Ann", device=device)
    assert (code, len(device.recorded)) == (0, 5)
    assert "learnt from 5 sentences" in said


def test_a_file_that_was_downloaded_or_changed(run, tmp_path):
    run("teach", "Ann", "0.wav")
    store = ProfileStore(tmp_path / "instance")
    content = store.active("terminal")[1]
    store.close()
    (tmp_path / "ann.json").write_text(content)
    assert run("0.wav", "--json", "--profile", "ann.json")[1] == run("0.wav", "--json", "--profile", "Ann")[1]
    (tmp_path / "ann.json").write_text(content.replace("1", "x"))
    code, _, complaint = run("0.wav", "--profile", "ann.json")
    assert (code, complaint.count("\n"), "was changed" in complaint) == (1, 1, True)


def test_nothing_to_learn_from(run, tmp_path):
    (tmp_path / "quiet.wav").write_bytes(encode_wav(np.zeros(32_000, dtype=np.float32)))
    for paths in (["quiet.wav"], ["missing.wav"]):
        code, _, complaint = run("teach", "Ann", *paths)
        assert (code, complaint.count("\n")) == (1, 1)
    assert run("0.wav", "--profile", "Ann")[0] == 1


def test_who_speaks(run, tmp_path):
    tiny_bundle(tmp_path / "models", onnx=voice_onnx(), speakers=tiny_speakers().to_bytes())
    code, _, complaint = run("0.wav", "--who")
    assert (code, complaint) == (1, "No voice was taught yet: teach one with `app.py teach NAME`.\n")
    with closing(ProfileStore(tmp_path / "instance")) as store:
        store.add("terminal", "Cleo", VoiceProfile.of(person(50), "mixed"))
    who = json.loads(run("0.wav", "--who", "--json")[1])["who"]
    assert (who["name"], who["probability"] < 0.5) == (None, True)
    assert run("0.wav", "--who")[1].endswith("Sounds like nobody whose voice was taught.\n")
    run("teach", "Ann", "0.wav")
    who = json.loads(run("0.wav", "--who", "--json")[1])["who"]
    assert (who["name"], who["probability"] > 0.5) == ("Ann", True)
    assert run("0.wav", "--who", "--profile", "Cleo")[1].endswith("Sounds like “Ann”.\n")
    assert "who" not in json.loads(run("0.wav", "--json")[1])


def test_a_model_that_tells_no_voices_apart_says_so(run):
    run("teach", "Ann", "0.wav")
    code, _, complaint = run("0.wav", "--who")
    assert (code, complaint) == (1, "This model doesn't tell voices apart: leave --who out.\n")


def test_a_model_without_voices_says_so(run, tmp_path):
    tiny_bundle(tmp_path / "models")
    code, _, complaint = run("teach", "Ann", "0.wav")
    assert (code, "can't be taught" in complaint) == (1, True)
