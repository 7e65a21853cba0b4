"""What the organize_* doors share: the command line, the table of counts, the exit code."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from utils.corpora import CORPORA, Corpus, Report, place
from utils.emotions import ALL_EMOTIONS
from utils.errors import DataError


def organize(corpus: Corpus, argv: Sequence[str] | None = None, *, song: Corpus | None = None) -> int:
    """Places the recordings of `corpus` (and of `song`, where it is there too) and tells what came of it.

    Returns the exit code: 0 placed, 1 nothing to place or nowhere to place it, 130 stopped with Ctrl-C. Wrong
    usage exits with 2.
    """
    args = _parse(corpus, argv, song)
    console, complaints = Console(), Console(stderr=True)
    corpora, sources = [corpus], [args.source]
    if song:
        corpora.append(song)
        if args.song or Path(song.folder).is_dir():
            sources.append(args.song or Path(song.folder))
    try:
        with complaints.status(f"Placing {corpus.title} ..."):
            report = place(corpora, sources, args.data)
    except DataError as error:
        _say(complaints, str(error))
        return 1
    except KeyboardInterrupt:
        _say(complaints, "Stopped: what is placed stays, and another run places the rest.")
        return 130
    _show(console, report, args.data)
    return 0 if report.placed or report.already_there else 1


def _parse(corpus: Corpus, argv: Sequence[str] | None, song: Corpus | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"Places {corpus.title} ({corpus.url}, {corpus.licence}) into data/<emotion>/."
    )
    parser.add_argument(
        "--source",
        type=Path,
        default=Path(corpus.folder),
        help="what the official download unpacks to (default: %(default)s)",
    )
    if song:
        parser.add_argument(
            "--song",
            type=Path,
            help=f"the folder of {song.title}, if you have it (default: {song.folder} where there is one)",
        )
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="where to place the recordings (default: %(default)s)"
    )
    return parser.parse_args(argv)


def _show(console: Console, report: Report, data: Path) -> None:
    """Prints every file that was not placed, then the counts per emotion."""
    for path in report.unknown:
        _say(console, f"Not placed, its name is not known: {path}")
    for path, reason in report.left_out.items():
        _say(console, f"Left out {path}: {reason}.")
    totals = {name: sum(counts.values()) for name, counts in report.counts.items()}
    shown = [name for name, total in totals.items() if total]
    table = Table("emotion", show_footer=True)
    table.columns[0].footer = "all"
    for name in shown:
        table.add_column(CORPORA[name].title, footer=str(totals[name]), justify="right")
    for emotion in ALL_EMOTIONS:
        table.add_row(emotion, *(str(report.counts[name][emotion]) for name in shown))
    console.print(table)
    _say(
        console,
        f"{report.placed} placed into {data}, {report.already_there} already there, "
        f"{len(report.left_out)} left out, {len(report.unknown)} not known.",
    )


def _say(console: Console, sentence: str) -> None:
    """Prints one line, whatever characters a file name in it is made of."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in sentence)
    line = line.encode(console.encoding, "backslashreplace").decode(console.encoding)
    console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
