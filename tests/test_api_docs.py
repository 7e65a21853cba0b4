"""docs/api.md says what the server does, and its examples run."""

import importlib.util
import re
import shutil
import subprocess
import sys

import pytest

from tests.real_server import ROOT
from utils.decoding import encode_wav
from web.keys import make_key

EXAMPLES = ROOT / "docs" / "examples"


def test_the_document_is_that_of_the_description():
    spec = importlib.util.spec_from_file_location("write_api", ROOT / "docs" / "write_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.API.read_text(encoding="utf-8") == module.written(), "run python docs/write_api.py"


def run(command, folder):
    """What a program says that is run in `folder`."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("program", "file"), [("sh", "ask.sh"), (sys.executable, "ask.py"), ("node", "ask.mjs")])
def test_the_examples_do_what_they_say(start, tmp_path, wav, program, file):
    if not shutil.which(program) or (file == "ask.sh" and not shutil.which("curl")):
        pytest.skip(f"needs {program} and, for the first, curl")
    server = start()
    key = make_key(tmp_path / "instance", "robot")
    (tmp_path / "clip.wav").write_bytes(wav)
    command = [program, str(EXAMPLES / file), "clip.wav", f"http://127.0.0.1:{server.port}", key]
    code, said, problems = run(command, tmp_path)
    assert (code, problems) == (0, "")
    assert "happy" in said and "0.7" in said
    assert server.log.read_text().count("DELETE /api/clips/<clip:clip_id> 204") == 1
    assert not list((tmp_path / "instance" / "clips").glob("*.wav"))
    if file == "ask.sh":
        assert (tmp_path / "header.bin").read_bytes() == wav[:44]
    (tmp_path / "clip.wav").write_bytes(b"no sound")
    code, said, problems = run(command, tmp_path)
    assert code != 0
    assert "sound" in said + problems or "audio" in said + problems  # the server's own sentence
    assert "Traceback" not in problems


def python_examples(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [code for code in re.findall(r"```python\n(.*?)```", text, flags=re.S) if "Predictor" in code]


@pytest.mark.parametrize("name", ["README.md", "docs/api.md"])
def test_the_core_is_called_in_five_lines(name, tmp_path, tone):
    [code] = python_examples(name)
    assert len(code.strip().splitlines()) <= 5
    (tmp_path / "clip.wav").write_bytes(encode_wav(tone))
    (tmp_path / "models").symlink_to(ROOT / "models")
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"
    code, said, problems = run([sys.executable, "-c", program], tmp_path)
    assert (code, problems) == (0, "")
    assert re.match(r"(ok|uncertain|no_speech|too_short) ", said)
