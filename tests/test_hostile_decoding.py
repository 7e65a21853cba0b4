"""Whatever a stranger sends: an AudioError or good samples, within 10 s and 600 MB, and nobody is called."""

import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hostile import clips, converted, hostile_inputs, mutations, write_all
from utils import decoding, ffmpeg
from utils.decoding import load_audio
from utils.errors import UnreadableAudioError

SECONDS = 10
MEGABYTES = 600
needs_ffmpeg = pytest.mark.skipif(not decoding.find_ffmpeg(), reason="no ffmpeg here")
needs_resource = pytest.mark.skipif(os.name != "posix", reason="peak memory is read the POSIX way")


def probed(folder: Path, inputs) -> dict[str, dict]:
    """What came of each input, loaded in a process of its own that must outlive them all, and be quiet.

    MP3 makes libsndfile's own library (mpg123) write a few notes; no traceback may be among them.
    """
    write_all(folder, inputs)
    (folder / "zz-last.wav").write_bytes(clips()["wav"])
    command = [sys.executable, "-m", "tests.decoding_probe", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=Path(__file__).parents[1])
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Traceback" not in run.stderr
    found = {line["name"]: line for line in map(json.loads, run.stdout.splitlines())}
    assert len(found) == len(list(folder.iterdir()))
    assert found.pop("zz-last.wav")["outcome"] == "decoded"
    for line in found.values():
        assert line["seconds"] < SECONDS, line
        assert line["peak_mb"] < MEGABYTES, line
    return found


def outcomes(found: dict[str, dict], group: str) -> set[str]:
    return {line["outcome"] for name, line in found.items() if name.startswith(f"{group}__")}


def test_there_are_at_least_60_kinds_each_with_its_own_name():
    names = [name for name, _ in hostile_inputs()]
    assert len(set(names)) == len(names) >= 60


@needs_resource
def test_every_hostile_input_is_refused_or_decoded(tmp_path):
    found = probed(tmp_path, hostile_inputs())
    assert outcomes(found, "not-sound") == {"unreadable_audio"}
    for group in ("damaged", "wav", "other"):
        assert outcomes(found, group) == {"unreadable_audio", "decoded"}


@needs_resource
@pytest.mark.slow
def test_every_bomb_is_too_large(tmp_path):
    found = probed(tmp_path, (item for item in hostile_inputs(bombs=True) if item[0].startswith("bomb/")))
    assert len(found) >= 5
    assert outcomes(found, "bomb") == {"too_large"}


@needs_resource
@pytest.mark.slow
def test_mutated_clips_are_refused_or_decoded(tmp_path):
    found = probed(tmp_path, mutations(300))
    assert outcomes(found, "mutated") <= {"unreadable_audio", "decoded", "too_large"}


@pytest.fixture
def listener():
    """A port of this machine where nobody should call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)  # whoever called has been put in the queue by now
        yield server


def assert_nobody_called(listener):
    with pytest.raises(TimeoutError):
        listener.accept()


def calls_to(port: int) -> dict[str, bytes]:
    """Texts that ask a player to open a connection or another file."""
    url = f"http://127.0.0.1:{port}/a".encode()
    return {
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP 0\n" % port,
        "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n" + url + b".ts\n#EXT-X-ENDLIST\n",
        "ffconcat": b"ffconcat version 1.0\nfile '" + url + b".wav'\n",
        "dash": b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>' + url + b"</BaseURL></MPD>",
    }


def test_no_decoder_is_started_for_what_does_not_begin_like_sound(monkeypatch):
    def refuse(*arguments, **options):
        pytest.fail("a decoder was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(decoding, "_SoundFile", refuse)
    for name, content in hostile_inputs():
        if name.startswith("not-sound/"):
            with pytest.raises(UnreadableAudioError):
                load_audio(content)


@pytest.mark.parametrize("kind", calls_to(0))
def test_texts_that_name_an_address_call_nobody(listener, kind):
    text = calls_to(listener.getsockname()[1])[kind]
    with pytest.raises(UnreadableAudioError):
        load_audio(text)
    assert_nobody_called(listener)


@needs_ffmpeg
@pytest.mark.parametrize("container", ["mov", "matroska", "aac", "ogg", "wav"])
@pytest.mark.parametrize("kind", calls_to(0))
def test_even_past_the_door_they_call_nobody_and_wait_for_nobody(listener, kind, container):
    text = calls_to(listener.getsockname()[1])[kind]
    start = time.perf_counter()
    assert list(decoding._decode_apart(io.BytesIO(text), container)) == []
    assert time.perf_counter() - start < 5  # an SDP's stream would be waited for
    assert_nobody_called(listener)


def output_of(command: list[str], stdin: bytes = b"") -> bytes:
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30).stdout


@needs_ffmpeg
def test_the_command_can_open_nothing_but_its_input(listener, tmp_path):
    (tmp_path / "secret.wav").write_bytes(clips()["wav"])
    command = ffmpeg.command(decoding.find_ffmpeg(), "wav", 1800, 10)
    assert output_of(command, clips()["wav"])
    for elsewhere in (f"http://127.0.0.1:{listener.getsockname()[1]}/a.wav", f"file:{tmp_path}/secret.wav"):
        assert not output_of([elsewhere if part == "cache:pipe:0" else part for part in command])
    assert_nobody_called(listener)


@needs_ffmpeg
def test_the_command_reads_no_container_but_the_one_it_is_told():
    command = ffmpeg.command(decoding.find_ffmpeg(), "mov", 1800, 10)
    told = command.index("-f")
    assert not output_of(command[:told] + command[told + 2 :], clips()["wav"])


@needs_ffmpeg
def test_the_command_decodes_no_codec_that_is_not_on_the_list():
    rare = converted(clips()["wav"], "-c:a", "adpcm_ima_wav", "-f", "wav")
    assert list(decoding._decode_apart(io.BytesIO(rare), "wav")) == []
