"""The terminal door: tells the emotion in a voice, from the microphone or in many files."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from cli import batch
from cli.audio_device import AudioDevice
from utils.decoding import Samples
from utils.errors import VoiceError
from utils.predictor import Prediction
from utils.transcription import DEFAULT_LANGUAGE, ENGINES, Transcriber, make_transcriber

HERE = Path(__file__).resolve().parent
DESCRIPTION = "Tells the emotion in a voice: from the microphone, or in sound files."
EPILOG = "With PATH and --json, one JSON object a line; exit 0 when every file was read, 1 when any was not."


Predict = Callable[[str | Samples], Prediction]


def load_predict(folder: Path) -> Predict:
    """`predict` of the bundle in `folder`; its runtime is imported only now, so that usage errors are quick.

    Raises:
        BundleError: the bundle is missing, incomplete or damaged.
    """
    from utils.predictor import Predictor

    return Predictor.load(folder).predict


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
    parser = _parser()
    options = _parse(parser, list(sys.argv[1:] if argv is None else argv))
    if options.json and not options.paths:
        parser.error("--json needs at least one PATH")
    if options.paths and options.transcriber not in (None, "off"):
        parser.error("with PATH nothing is written down: leave --transcriber out")
    try:
        if options.paths:
            return _judge_files(options, load)
        engine = transcriber or make_transcriber(options.transcriber)
        return _talk(options, load, device or AudioDevice(), engine)
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as shells say for Ctrl-C
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the last flush would complain
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders to judge; none: interactive")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of lines for people")
    parser.add_argument("--models", type=Path, default=HERE / "models", help="the model's folder")
    parser.add_argument("--instance", type=Path, default=HERE / "instance", help="the history's folder")
    parser.add_argument(
        "--transcriber",
        choices=ENGINES,
        help="who writes down what is said (default: VOICE_TRANSCRIBER or google)",
    )
    parser.add_argument(
        "--language",
        default=DEFAULT_LANGUAGE,
        help="what is spoken, for the transcript (default: %(default)s)",
    )
    return parser


def _parse(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """The options, which may stand between paths; what follows `--` is paths, as everywhere."""
    end = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_intermixed_args(argv[:end])
    options.paths += argv[end + 1 :]
    return options


def _judge_files(options: argparse.Namespace, load: Callable[[Path], Predict]) -> int:
    def write(line: str) -> None:
        print(line, flush=True)

    all_read = batch.run(options.paths, load(options.models), write, as_json=options.json)
    return 0 if all_read else 1


def _talk(
    options: argparse.Namespace,
    load: Callable[[Path], Predict],
    device: AudioDevice,
    transcriber: Transcriber,
) -> int:
    from cli.interactive import Session  # with the history's database: files don't need it

    console = Console(highlight=False, markup=False, emoji=False)
    predict = load(options.models)
    Session(console, predict, transcriber, device, options.instance, options.language).run()
    return 0


def _forgive_encodings() -> None:
    """Emoji and odd file names are shown as far as the terminal can, and typed names arrive as they are."""
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


if __name__ == "__main__":
    sys.exit(main())
