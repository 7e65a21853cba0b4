"""`python app.py analyze`: whole folders into one table, by several processes or machines, and where it stopped, on."""

import argparse
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli.batch import Result, find_audio
from cli.crew import by_cluster, by_processes
from cli.judging import Entry, Task
from cli.labels import LABEL_FORMATS, Labels
from cli.results import ENDINGS, Results
from cli.screen import printable
from utils.errors import BundleError, VoiceError, WorkersError
from utils.exports import require
from utils.language import Language
from utils.model_bundle import load_bundle
from utils.transcription import DEFAULT_LANGUAGE, ENGINES

HERE = Path(__file__).resolve().parents[1]
DESCRIPTION = "Judges every sound file in files and folders, and writes one table."
EPILOG = (
    "The table has one row for each file, with --timeline one for each stretch of one emotion; a file that can't be "
    "read is a row that says why. Beside it grows a journal (results.csv.journal): whatever stops the program, the "
    "same command goes on from there, and does no file again that has the same name. Exit code 0: every file was "
    "read; 1: some could not be, or the work could not go on; 2: wrong usage; 130: stopped by Ctrl-C."
)

Crew = Callable[[Task, Iterable[str]], Iterator[Entry]]


def main(argv: Sequence[str], *, crew: Crew | None = None) -> int:
    """Runs the command and returns its exit code; wrong usage leaves by SystemExit(2), as argparse does.

    Args:
        argv: arguments after `analyze`.
        crew: who judges the files, instead of those that --workers or --dask name.
    """
    options = _parse(argv)
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        return _analyze(options, crew or _crew(options), console)
    except VoiceError as error:
        console.print(printable(str(error)))
        return 1


def _analyze(options: argparse.Namespace, crew: Crew, console: Console) -> int:
    for format in {ENDINGS[options.out.suffix.lower()], *options.formats}:
        require(format)
    task, about = _task(options)
    labels = Labels(options.out, options.formats)
    with closing(Results(options.out, about)) as results:
        files, empty = _files(options.paths)
        for folder in empty:
            console.print(folder.as_text(Language()))
        labels.write_all(results.entries())
        left = [file for file in files if file not in results.done]
        if len(left) < len(files):
            console.print(f"{len(files) - len(left):,} of {len(files):,} files are done already.")
        try:
            _judge_all(crew(task, left), results, labels, len(left), console)
        except KeyboardInterrupt:
            results.write()
            console.print(
                f"Stopped: {len(results.done):,} files are in {printable(str(options.out))}; "
                "the same command goes on from here."
            )
            return 130
        except (WorkersError, BundleError) as error:
            results.write()
            console.print(f"{printable(str(error))} What is done is kept, and the same command goes on from there.")
            return 1
        results.write()
        _sum_up(results, console)
        return 1 if results.failed or empty else 0


def _judge_all(answers: Iterator[Entry], results: Results, labels: Labels, count: int, console: Console) -> None:
    """Takes each answer as it comes; a bar shows how many, and the time that is left."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    progress = Progress(TextColumn("files"), *columns, console=console, transient=True, disable=not console.is_terminal)
    with progress, closing(answers):  # type: ignore[type-var]
        bar = progress.add_task("files", total=count)
        for entry in answers:
            labels.write(entry)
            results.add(entry)
            progress.advance(bar)


def _sum_up(results: Results, console: Console) -> None:
    troubles = f", {results.failed:,} of them with an error instead of an answer" if results.failed else ""
    console.print(f"{len(results.done):,} files in {printable(str(results.output))}{troubles}.")
    if results.words_missing:
        console.print(f"Some words are missing: {results.words_missing}")


def _files(paths: Iterable[str]) -> tuple[list[str], list[Result]]:
    """The files in `paths`, folders walked, each once whatever ways lead there; and folders that give none."""
    names: dict[tuple[str, str], str] = {}
    empty = []
    real = lru_cache(maxsize=1024)(_real)  # files of one folder come together
    for found in find_audio([_tidy(path) for path in paths]):
        if isinstance(found, Result):
            empty.append(found)
        else:
            folder, name = os.path.split(found)
            names.setdefault((real(folder), name), found)
    return list(names.values()), empty


def _real(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except (OSError, ValueError):  # a name that can't be: judging says so
        return folder


def _tidy(path: str) -> str:
    """The path without `./` and `//`; `..` stays, since what is before it may be a link."""
    return path if not path or ".." in Path(path).parts else os.path.normpath(path)


def _task(options: argparse.Namespace) -> tuple[Task, dict[str, object]]:
    """What is asked of each file, and what the output says of that.

    Raises:
        VoiceError: the model or the voice can't be loaded.
    """
    bundle = load_bundle(options.models)
    transcriber = None if options.transcribe == "off" else options.transcribe
    language = options.language if transcriber else ""
    profile = _profile(options)
    task = Task(str(options.models.resolve()), bundle.version, options.timeline, transcriber, language, profile=profile)
    about = {"model": f"{bundle.system} {bundle.version}", "labels": list(bundle.labels)}
    about |= {"timeline": task.timeline, "transcriber": transcriber, "language": language}
    voice = hashlib.sha256(profile.encode()).hexdigest()[:16] if profile else None  # what is kept of it tells nothing
    return task, about | {"profile": voice}


def _profile(options: argparse.Namespace) -> str:
    """The JSON of the voice that --profile names; empty without."""
    if not options.profile:
        return ""
    from cli.voices import profile_json  # with the history's database: others don't need it

    return profile_json(options.models, options.instance, options.profile)


def _crew(options: argparse.Namespace) -> Crew:
    if options.dask:
        return lambda task, files: by_cluster(task, files, options.dask)
    return lambda task, files: by_processes(task, files, options.workers or os.cpu_count() or 1)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.py analyze", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="files and folders")
    add(
        "--out",
        type=Path,
        default=Path("results.csv"),
        help=f"the table; its ending chooses among {', '.join(ENDINGS)} (default: results.csv)",
    )
    add("--timeline", action="store_true", help="answers along each file, up to 4 hours long, not for it as a whole")
    add(
        "--formats",
        type=_formats,
        default=(),
        metavar="NAMES",
        help=f"also a file for each recording, below results-labels/: {', '.join(LABEL_FORMATS)}, with commas; "
        "implies --timeline",
    )
    add("--transcribe", choices=ENGINES, help="write down what is said, too; google hears the recordings then")
    add("--language", default=DEFAULT_LANGUAGE, help="what is spoken, for --transcribe (default: %(default)s)")
    add(
        "--profile",
        metavar="NAME",
        help="hear with a voice that `app.py teach NAME` learnt, or its .json file: where nobody else speaks",
    )
    crew = parser.add_mutually_exclusive_group()
    crew.add_argument("--workers", type=_positive, help="processes (default: one for each core)")
    crew.add_argument("--dask", metavar="ADDRESS", help="have a Dask cluster do it: its scheduler, tcp://host:8786")
    add("--models", type=Path, default=HERE / "models", help="the model's folder")
    add("--instance", type=Path, default=HERE / "instance", help="the history's folder, where --profile looks")
    options = parser.parse_intermixed_args(argv)
    if options.out.suffix.lower() not in ENDINGS:
        parser.error(f"--out must end in {', '.join(ENDINGS)}")
    options.timeline |= bool(options.formats)
    return options


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in LABEL_FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(LABEL_FORMATS)}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


def run(argv: Sequence[str]) -> int:
    """`main`, as the terminal door calls it."""
    try:
        return main(argv)
    except KeyboardInterrupt:  # before the first file, or again
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
