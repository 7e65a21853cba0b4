"""The terminal speaks the language of the system, or the one that --language names."""

import pytest

import app
from tests.terminal_fakes import LABELS, FakePredict, FakeTranscriber, heard
from tests.test_cli_interactive import folder, talk  # noqa: F401 - fixtures
from utils.language import LANGUAGES, Language
from utils.transcription import LANGUAGES as SPOKEN

OTHERS = [code for code in LANGUAGES if code != "en"]


def judge(capsys, *argv):
    app.main([*argv, "angry.wav", "uncertain.wav", "no_speech.wav"], load=lambda _: FakePredict())
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("code", OTHERS)
def test_files_are_judged_in_the_language(capsys, code):
    words = Language(code)
    angry, uncertain, silent = judge(capsys, "--language", code)
    assert angry == f"angry.wav  😠 {words.say('angry')}, {words.say('fairly sure')} ({words.percent(0.75)})"
    assert words.say("Not sure: perhaps {first} or {second}").partition("{")[0] in uncertain
    said = words.say("No speech was heard in this audio: speak closer to the microphone and try again.")
    assert silent == f"no_speech.wav  🔇 {said}"


@pytest.mark.parametrize("code", OTHERS)
def test_a_sitting_is_in_the_language(talk, code):  # noqa: F811
    words = Language(code)
    lines = ("", "samples", "list", "help", "nonsense", "file", "play 9", "delete 1", "quit")
    out = talk(*lines, argv=["--language", code], goodbye=words.say("Goodbye."))
    for sentence in (
        "Press Enter and speak for three seconds, or type `help`.",
        "We waited at the station until the last train had gone.",
        "record three seconds",
        "what was said",
        "There is no such command: type `help` to see them all.",
        "Say which file, for example: file recordings/hello.wav",
    ):
        assert words.say(sentence) in out
        assert sentence not in out
    for label in LABELS:
        assert f"  {words.say(label)}" in out
    assert words.say("Clip {number} is deleted.", number="1") in out
    assert words.say("Say which clip by its number in `list`, for example: {command} 1", command="play") in out
    assert words.say("{seconds} s of voice heard", seconds=words.number(2.1, 1)) in out
    assert "\\u" not in out and "\\x" not in out


@pytest.mark.parametrize("code", OTHERS)
def test_help_is_in_the_language(capsys, monkeypatch, code):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        app.main(["--help", f"--language={code}"])
    out = capsys.readouterr().out
    for sentence in (
        "show this help and leave",
        "the history's folder",
        "files and folders to judge; none: interactive",
    ):
        assert Language(code).say(sentence) in out
        assert sentence not in out


@pytest.mark.parametrize(
    ("environment", "angry"),
    [
        ({"LANG": "de_AT.UTF-8"}, "wütend"),
        ({"LANGUAGE": "ja:fr", "LANG": "de_DE"}, "colère"),
        ({"LC_ALL": "pl_PL", "LANG": "de_DE"}, "złość"),
        ({"LC_ALL": "C", "LANG": "de_DE"}, "angry"),
        ({"LC_MESSAGES": "es_ES@euro"}, "enfado"),
        ({"LANG": "ja_JP"}, "angry"),
        ({"LANG": "\udcff;rm -rf"}, "angry"),
        ({}, "angry"),
    ],
    ids=str,
)
def test_the_systems_language(capsys, monkeypatch, environment, angry):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert f" {angry}, " in judge(capsys)[0]


def test_json_is_for_programs_and_stays_english(capsys):
    assert '"emotion": "angry"' in judge(capsys, "--json", "--language", "de")[0]
    assert "No speech was heard" in judge(capsys, "--json", "--language", "de")[2]


@pytest.mark.parametrize(
    ("argv", "system", "tag"),
    [
        (["--language", "de"], "en", "de-DE"),
        (["--language", "bn-IN"], "en", "bn-IN"),
        (["--language", "ja-JP"], "de", "ja-JP"),
        (["--language", "klingon"], "de", "klingon"),
        ([], "pl_PL", "pl-PL"),
        ([], "C", "en-US"),
    ],
    ids=str,
)
def test_what_is_spoken_follows(talk, monkeypatch, argv, system, tag):  # noqa: F811
    monkeypatch.setenv("LANGUAGE", system)
    transcriber = FakeTranscriber()
    transcriber.languages = SPOKEN
    said = next(code for code in (tag[:2], system[:2], "en") if code in LANGUAGES)
    talk("", transcriber=transcriber, argv=argv, goodbye=Language(said).say("Goodbye."), predict=FakePredict(heard()))
    assert [language for _, language in transcriber.asked] == [tag]


def test_a_language_without_its_tag_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as left:
        app.main(["--language"])
    assert left.value.code == 2
    assert "--language" in capsys.readouterr().err
