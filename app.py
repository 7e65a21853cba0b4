"""The terminal door: tells the emotion in a voice, from the microphone or in many files."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from cli import batch
from cli.audio_device import AudioDevice
from utils.decoding import Samples
from utils.errors import VoiceError
from utils.language import Language, choose
from utils.prediction import Prediction
from utils.transcription import ENGINES, Transcriber, fitting_language, make_transcriber

HERE = Path(__file__).resolve().parent


Predict = Callable[[str | Samples], Prediction]


def load_predict(folder: Path) -> Predict:
    """`predict` of the bundle in `folder`; its runtime is imported only now, so that usage errors are quick.

    Raises:
        BundleError: the bundle is missing, incomplete or damaged.
    """
    from utils.predictor import Predictor

    return Predictor.load(folder).predict


def _with_voices(name: str | None, instance: Path, *, who: bool) -> Callable[[Path], Predict]:
    """As `load_predict`, with voices that were taught."""

    def load(folder: Path) -> Predict:
        from cli.voices import load_with_voices

        return load_with_voices(folder, instance, name, who=who)

    return load


def main(
    argv: Sequence[str] | None = None,
    *,
    load: Callable[[Path], Predict] = load_predict,
    device: AudioDevice | None = None,
    transcriber: Transcriber | None = None,
) -> int:
    """Runs the program and returns its exit code; wrong usage leaves by SystemExit(2), as argparse does.

    Args:
        argv: arguments without the program's name; the process's own by default.
        load: makes `predict` from the folder given by --models.
        device: microphone and loudspeaker; the system's by default.
        transcriber: instead of the one that --transcriber names.
    """
    _forgive_encodings()
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = Language(choose([_wanted_language(arguments), *_system_languages(os.environ)]))
    if arguments[:1] == ["analyze"]:
        from cli import analyze

        return analyze.run(arguments[1:])
    if arguments[:1] == ["teach"]:
        from cli import voices

        return voices.run(arguments[1:], device, words)
    parser = _parser(words)
    options = _parse(parser, arguments)
    if options.json and not options.paths:
        parser.error(words.say("--json needs at least one PATH"))
    if options.profile or options.who:
        load = _with_voices(options.profile, options.instance, who=options.who)
    if options.paths and options.transcriber not in (None, "off"):
        parser.error(words.say("with PATH nothing is written down: leave --transcriber out"))
    try:
        if options.paths:
            return _judge_files(options, load, words)
        engine = transcriber or make_transcriber(options.transcriber)
        return _talk(options, load, device or AudioDevice(), engine, words)
    except VoiceError as error:
        print(words.error(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as shells say for Ctrl-C
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the last flush would complain
        return 1


def _parser(words: Language) -> argparse.ArgumentParser:
    say = words.say
    parser = argparse.ArgumentParser(
        prog="app.py",
        description=say("Tells the emotion in a voice: from the microphone, or in sound files."),
        epilog=say(
            "With PATH and --json, one JSON object a line; exit 0 when every file was read, 1 when any was not."
        ),
        allow_abbrev=False,
        add_help=False,
    )
    files = parser.add_argument_group(say("Files"))
    files.add_argument("paths", nargs="*", metavar="PATH", help=say("files and folders to judge; none: interactive"))
    options = parser.add_argument_group(say("options"))
    options.add_argument("-h", "--help", action="help", help=say("show this help and leave"))
    options.add_argument("--json", action="store_true", help=say("one JSON object a line instead of lines for people"))
    options.add_argument("--models", type=Path, default=HERE / "models", help=say("the model's folder"))
    options.add_argument("--instance", type=Path, default=HERE / "instance", help=say("the history's folder"))
    options.add_argument(
        "--profile",
        metavar="NAME",
        help=say("hear with a voice that `app.py teach NAME` learnt, or with its .json file"),
    )
    options.add_argument(
        "--who",
        action="store_true",
        help=say("say which of the voices that `app.py teach` learnt speaks, or that none does"),
    )
    options.add_argument(
        "--transcriber",
        choices=ENGINES,
        help=say("who writes down what is said (default: VOICE_TRANSCRIBER or google)"),
    )
    options.add_argument(
        "--language",
        metavar="TAG",
        help=say("what the program speaks, and what is spoken to it: de, pl-PL, ... (default: the system's language)"),
    )
    return parser


def _wanted_language(arguments: list[str]) -> str | None:
    """What --language says, before anything else is said."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, exit_on_error=False)
    parser.add_argument("--language")
    try:
        return parser.parse_known_args(arguments)[0].language
    except argparse.ArgumentError:  # the real parser will say so
        return None


def _parse(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """The options, which may stand between paths; what follows `--` is paths, as everywhere."""
    end = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_intermixed_args(argv[:end])
    options.paths += argv[end + 1 :]
    return options


def _judge_files(options: argparse.Namespace, load: Callable[[Path], Predict], words: Language) -> int:
    def write(line: str) -> None:
        print(line, flush=True)

    all_read = batch.run(options.paths, load(options.models), write, as_json=options.json, words=words)
    return 0 if all_read else 1


def _talk(
    options: argparse.Namespace,
    load: Callable[[Path], Predict],
    device: AudioDevice,
    transcriber: Transcriber,
    words: Language,
) -> int:
    from cli.interactive import Session  # with the history's database: files don't need it

    console = Console(highlight=False, markup=False, emoji=False)
    predict = load(options.models)
    heard = _heard_language(options.language, transcriber, words)
    Session(console, predict, transcriber, device, options.instance, words, heard).run()
    return 0


def _heard_language(wanted: str | None, transcriber: Transcriber, words: Language) -> str:
    """The tag of what is spoken: as it is wanted, with the region that the engine knows; else what the program speaks.

    A wanted language that the engine doesn't know stays as it is: the engine says so.
    """
    fitting = fitting_language(transcriber.languages, wanted or words.tag)
    strange = wanted and fitting.partition("-")[0] != wanted.partition("-")[0]
    return wanted if wanted and strange else fitting


def _system_languages(environment: Mapping[str, str]) -> list[str]:
    """What people set for all programs, as gettext reads it: the first variable that is set counts."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((environment[name].split(":") for name in names if environment.get(name)), [])


def _forgive_encodings() -> None:
    """Emoji and odd file names are shown as far as the terminal can, and typed names arrive as they are."""
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


if __name__ == "__main__":
    sys.exit(main())
