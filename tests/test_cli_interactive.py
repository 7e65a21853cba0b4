import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

import app
from cli.audio_device import AudioDevice
from tests.terminal_fakes import LABELS, TONE, FakeDevice, FakePortAudio, FakePredict, FakeTranscriber, heard
from utils.clip_store import ClipStore


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that we are in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def talk(folder, monkeypatch, capsys):
    """Runs a session with these lines typed, in a history that outlives it; what it printed."""
    monkeypatch.setenv("COLUMNS", "110")

    def talk(*lines, predict=None, device=None, transcriber=None, argv=(), goodbye="Goodbye."):
        read, write = os.pipe()
        os.write(write, "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
        os.close(write)
        with open(read, encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            code = app.main(
                ["--instance", "instance", *argv],
                load=lambda folder: predict or FakePredict(heard()),
                device=device or FakeDevice(),
                transcriber=transcriber or FakeTranscriber(),
            )
        out, err = capsys.readouterr()
        assert (code, err) == (0, "") and out.endswith(f"{goodbye}\n")
        return out.removesuffix(f"voice> \n{goodbye}\n")

    return talk


@pytest.fixture
def history(folder):
    """What the terminal's history holds, read by a store of our own."""

    def clips():
        store = ClipStore(folder / "instance")
        try:
            return store.list("terminal")[0]
        finally:
            store.close()

    return clips


def test_enter_records_three_seconds_and_answers_emotion_first(talk, history):
    device, transcriber = FakeDevice(), FakeTranscriber()
    out = talk("", device=device, transcriber=transcriber, argv=["--language", "en-GB"])
    assert device.recorded == [3.0]
    assert transcriber.asked == [(48_000, "en-GB")]
    lines = [line.strip() for line in out.split("voice> ")[1].splitlines() if line.strip()]
    assert lines[0] == "😠 angry, fairly sure (75%)"
    assert [line.split()[0] for line in lines[1:7]] == list(LABELS)
    assert lines[4].endswith("75%") and lines[1].endswith("5%")
    assert lines[7:] == ["2.1 s of voice heard", "“dogs are sitting by the door”"]
    [clip] = history()
    assert (clip.source, clip.filename, clip.emotion, clip.duration_seconds) == (
        "recording",
        None,
        "angry",
        3.0,
    )
    assert (clip.transcript.status, clip.transcript.text) == ("done", "dogs are sitting by the door")


def test_bars_grow_with_probability(talk):
    out = talk("", transcriber=FakeTranscriber())
    bars = {line.split()[0]: line.count("━") for line in out.splitlines() if "━" in line}
    assert set(bars) == set(LABELS)
    assert bars["angry"] > bars["neutral"] == bars["sad"]


def test_where_the_sound_goes_is_said_before_anything_is_recorded(talk):
    assert "Google hears your clips" in talk().split("voice> ")[0]
    quiet = FakeTranscriber()
    quiet.sends_audio_to = None
    assert "hears your clips" not in talk(transcriber=quiet)


def test_off_asks_nobody(talk, history):
    off = FakeTranscriber()
    off.name, off.sends_audio_to = "off", None
    out = talk("", transcriber=off)
    assert off.asked == [] and "“" not in out
    assert history()[0].transcript.status == "none"


@pytest.mark.parametrize(
    "text, words, status",
    [("", "No words", "nothing_understood"), (None, "can't be reached", "unavailable")],
)
def test_without_a_transcript_the_emotion_stands(talk, history, text, words, status):
    out = talk("", transcriber=FakeTranscriber(text))
    assert "angry, fairly sure" in out and words in out
    [clip] = history()
    assert (clip.emotion, clip.transcript.status) == ("angry", status)


def test_a_transcript_can_not_move_the_cursor(talk):
    assert "\\x1b[2Jboo" in talk("", transcriber=FakeTranscriber("\x1b[2Jboo"))


def test_uncertain_names_the_two_most_probable_and_is_kept(talk, history):
    out = talk("", predict=FakePredict(heard("sad", 0.4, "uncertain")))
    assert "🤔 Not sure: perhaps sad (40%) or neutral (12%)" in out
    assert history()[0].status == "uncertain"


@pytest.mark.parametrize("status, sign", [("no_speech", "🔇 No speech"), ("too_short", "⌛ There is too little")])
def test_no_speech_is_a_sentence_and_nothing_is_kept_or_sent(talk, history, status, sign):
    transcriber = FakeTranscriber()
    out = talk("", predict=FakePredict(heard(status=status)), transcriber=transcriber)
    assert sign in out and "%" not in out
    assert history() == [] and transcriber.asked == []


@pytest.mark.parametrize(
    "typed",
    [
        "file {}", "FILE   {}  ", "file '{}'", 'file "{}"', "{}", " '{}' ",
        pytest.param("file {escaped}", marks=pytest.mark.skipif(os.sep != "/", reason="not on Windows")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("home", [False, True])
def test_a_file_is_judged_however_its_path_is_typed(talk, history, folder, monkeypatch, typed, home):
    monkeypatch.setenv("HOME", str(folder))
    soundfile.write("my clip.wav", TONE, 16_000)
    path = f"{'~' if home else folder}/my clip.wav"
    out = talk(typed.format(path, escaped=path.replace(" ", "\\ ")))
    assert "angry, fairly sure" in out
    [clip] = history()
    assert (clip.source, clip.filename) == ("upload", "my clip.wav")


@pytest.mark.parametrize(
    "typed, words",
    [
        ("file", "Say which file"),
        ("file nothing.wav", "no file"),
        ("file .", "not a file"),
        ("file empty.wav", "can't be read"),
        ("file text.wav", "can't be read"),
        ("file \0.wav", "❌"),
        ("file \udcff.wav", "no file"),
        ("play", "play 1"),
        ("play one", "play 1"),
        ("delete 0", "delete 1"),
        ("right", "right 1"),
        ("was", "was 1"),
        ("was 7 sad", "was 1"),
        ("delete 99999999999999999999", "delete 1"),
        ("play ²", "play 1"),
        ("sing", "no such command"),
        ("sing \x1b[31m", "no such command"),
    ],
    ids=ascii,
)
def test_what_can_not_be_done_is_one_sentence_and_the_next_line_is_served(talk, history, typed, words):
    Path("empty.wav").touch()
    Path("text.wav").write_text("This is no sound. " * 20)
    out = talk(typed, "samples")
    answer = out.split("voice> ")[1]
    assert words in answer and answer.count("\n") == 1 and "\x1b" not in answer
    assert "kettle" in out.split("voice> ")[2]
    assert history() == []


def test_the_history_outlives_the_sitting_and_its_numbers_hold(talk, history):
    soundfile.write("one.wav", TONE, 16_000)
    talk("", "file one.wav")
    device = FakeDevice()
    out = talk("list", "play 1", "delete 2", "delete 2", "play 1", "list", device=device)
    before, *_, after = (part for part in out.split("voice> ") if "when" in part)
    assert "one.wav" in before and "Recording" in before and "dogs are" in before
    assert "one.wav" in after and "Recording" not in after
    assert "Clip 2 is deleted." in out and out.count("❌") == 1
    assert [clip.filename for clip in history()] == ["one.wav"]
    assert len(device.played) == 2 and device.played[0].shape == (48_000,)


def test_answers_are_corrected_confirmed_and_taken_back(talk, history):
    said = talk("", "was 1 Fear", "list", "right 1", "list", "was 1", "list").split("voice> ")
    assert said[2].strip() == "Clip 1: heard angry, corrected to fear."
    assert "angry, fairly sure" in said[3] and "heard angry, corrected to fear" in " ".join(said[3].split())
    assert said[4].strip() == "Clip 1: confirmed, angry."
    assert said[6].strip() == "Clip 1: nothing is corrected."
    assert "correct" not in said[7] and "confirmed" not in said[7]
    talk("was 1 calm")
    assert history()[0].correction == "calm"


def test_what_is_no_emotion_is_refused_with_the_list(talk, history):
    assert "choose one of neutral, calm, happy, sad, angry, fear, disgust, surprise" in talk("", "was 1 bored")
    assert history()[0].correction is None


def test_an_uncertain_answer_cant_be_right_but_corrected(talk, history):
    out = talk("", "right 1", "was 1 sad", predict=FakePredict(heard(status="uncertain")))
    assert "named no emotion" in out and "heard nothing definite, corrected to sad" in out
    assert history()[0].correction == "sad"


def test_training_is_off_until_switched_on(talk, folder):
    said = talk("training", "training on", "training", "training off", "training maybe").split("voice> ")
    assert ["No clip of yours" in answer for answer in said[1:]] == [True, False, False, True, True]
    talk("training on")
    store = ClipStore(folder / "instance")
    assert store.allows_training("terminal")
    store.close()


def test_the_list_names_the_model_that_answered(talk):
    first, second = (FakePredict(replace(heard(), model=model)) for model in ("old 1", "new \x1b[31m2"))
    talk("", "", predict=first)
    out = talk("", "list", predict=second)
    assert "answered by old 1: 2, 3" in out and "answered by new \\x1b[31m2: 1" in out


def test_an_empty_history_says_how_to_begin(talk):
    assert "No clips yet" in talk("list")


def test_a_file_name_that_is_no_text_is_kept_readable(talk, history):
    name = b"odd-\xff.wav".decode(errors="surrogateescape")
    soundfile.write("plain.wav", TONE, 16_000)
    os.rename("plain.wav", name)
    assert "angry, fairly sure" in talk(f"file {name}", "list")
    assert history()[0].filename == "odd-\\udcff.wav"


def test_without_a_usable_history_the_emotion_stands(talk, folder):
    Path("instance").write_text("a file where a folder is needed")
    out = talk("", "list")
    assert "angry, fairly sure" in out and "dogs are sitting" in out
    assert out.count("history") == 2 and "Traceback" not in out


def test_a_flaw_of_ours_does_not_end_the_sitting(talk):
    device = FakeDevice(RuntimeError("secret details"))
    out = talk("", "samples", device=device)
    assert "unexpected" in out and "secret" not in out and "kettle" in out


def test_help_names_every_command(talk):
    out = talk("help")
    for command in (
        "Enter",
        "file PATH",
        "samples",
        "list",
        "play N",
        "right N",
        "was N",
        "training on",
        "delete N",
        "help",
        "quit",
    ):
        assert command in out


def test_quit_leaves_the_rest_unread(talk):
    assert "kettle" not in talk("quit", "samples")


def test_ctrl_c_while_recording_leaves_cleanly(talk):
    talk("", "samples", device=FakeDevice(KeyboardInterrupt()))


class WithoutPortAudio:
    """An import that fails as sounddevice's does where the library is missing."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")


@pytest.mark.parametrize("missing", ["library", "package", "microphone"])
def test_without_a_microphone_everything_else_still_works(talk, monkeypatch, missing):
    module = FakePortAudio("query") if missing == "microphone" else None
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    if missing == "library":
        monkeypatch.delitem(sys.modules, "sounddevice")
        monkeypatch.setattr(sys, "meta_path", [WithoutPortAudio, *sys.meta_path])
    soundfile.write("one.wav", TONE, 16_000)
    out = talk("", "file one.wav", "list", device=AudioDevice())
    sentence = {
        "library": "libportaudio2",
        "package": "pip install sounddevice",
        "microphone": "no microphone",
    }
    answer = out.split("voice> ")[1]
    assert sentence[missing] in answer and "file PATH" in answer
    assert "angry, fairly sure" in out and "one.wav" in out
