import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import app
from tests.terminal_fakes import FakePredict
from utils.errors import BundleError

ROOT = Path(app.__file__).parent
PROGRAM = [sys.executable, "-m", "tests.terminal_program"]


@pytest.mark.parametrize(
    "argv",
    [
        ["--json"],
        ["--jso", "a.wav"],
        ["a.wav", "--colour"],
        ["--models"],
        ["--transcriber", "gogle"],
        ["a.wav", "--transcriber", "google"],
    ],
    ids=" ".join,
)
def test_wrong_usage_leaves_with_two(capsys, argv):
    with pytest.raises(SystemExit) as left:
        app.main(argv, load=lambda folder: pytest.fail("the model was loaded"))
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["a", "--json", "b", "--transcriber", "off"], ["--json", "--", "a", "-b"], ["a", "--", "--json"]]
)
def test_options_may_stand_anywhere(capsys, argv):
    assert app.main(argv, load=lambda folder: FakePredict()) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("argv", [["a.wav"], ["a.wav", "--json"], []], ids=" ".join)
def test_a_bad_model_is_one_sentence(capsys, argv):
    def load(folder):
        raise BundleError("models/ is incomplete: get it again.")

    assert app.main(argv, load=load) == 1
    assert capsys.readouterr() == ("", "models/ is incomplete: get it again.\n")


def test_an_unknown_transcriber_in_the_environment_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setenv("VOICE_TRANSCRIBER", "gogle")
    assert app.main([], load=lambda folder: FakePredict()) == 1
    assert "gogle" in capsys.readouterr().err


def test_ctrl_c_ends_a_batch_quietly(capsys):
    def predict(path):
        raise KeyboardInterrupt

    assert app.main(["a.wav"], load=lambda folder: predict) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
@pytest.mark.parametrize("session", [False, True])
def test_no_locale_makes_emoji_a_crash(tmp_path, env, session):
    argv = [*PROGRAM, *(["--instance", str(tmp_path)] if session else ["a.wav", b"not-utf8-\xff.wav"])]
    done = subprocess.run(
        argv, cwd=ROOT, env=os.environ | env, input=b"\nlist\nfile /\xff\n", capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"angry, fairly sure (75%)" in done.stdout


def test_one_clip_is_computed_by_one_thread():
    """The setting is made before NumPy is imported: here that import fails, and the setting is there."""
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    early = "import sys; sys.modules['numpy'] = None\ntry:\n import app\nexcept ImportError:\n pass\n"
    code = early + "import os; print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, timeout=60)
    assert done.stdout == b"1\n", "numpy was imported before the setting"


def test_a_reader_that_leaves_ends_us_quietly():
    with subprocess.Popen(
        [*PROGRAM, "--json", *["a.wav"] * 20_000], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert json.loads(process.stdout.readline())["file"] == "a.wav"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def talk_by_terminal(tmp_path, *steps):
    """A session in a terminal: each step waits for a text, then sends keys. The exit code and the screen."""
    leader, follower = pytest.importorskip("pty").openpty()
    process = subprocess.Popen(
        [*PROGRAM, "--instance", str(tmp_path)],
        cwd=ROOT, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(follower)
    screen = b""
    try:
        seen = 0
        for text, keys in steps:
            while (found := screen.find(text, seen)) < 0:
                assert select.select([leader], [], [], 60)[0], screen
                screen += os.read(leader, 4096)
            seen = found + len(text)
            if callable(keys):
                keys(process)
            else:
                os.write(leader, keys)
        code = process.wait(60)
        while select.select([leader], [], [], 0.2)[0]:
            try:
                screen += os.read(leader, 4096)
            except OSError:  # what Linux says at the end of a terminal
                break
        return code, screen.decode()
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def interrupt(process):
    time.sleep(0.3)  # readline listens for signals a moment after it has written the prompt
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "leave",
    [b"quit\n", b"\x04", interrupt],
    ids=["quit", "Ctrl-D", "Ctrl-C"],
)
def test_a_session_in_a_terminal_records_answers_and_leaves_cleanly(tmp_path, leave):
    code, screen = talk_by_terminal(tmp_path, (b"voice> ", b"\n"), (b"voice heard", b""), (b"voice> ", leave))
    assert code == 0
    assert "angry, fairly sure (75%)" in screen and "recording" in screen and "dogs are sitting" in screen
    assert "Goodbye." in screen and "Traceback" not in screen
