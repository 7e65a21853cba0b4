"""How answers look in a terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from utils.emotions import CERTAINTY, EMOJI
from utils.errors import NoSpeechError, TooShortError, VoiceError
from utils.predictor import Prediction

if TYPE_CHECKING:
    from utils.clip_store import Clip  # a database that judging files does without

BAR_WIDTH = 30  # characters


def printable(text: str) -> str:
    """`text` with everything escaped that could move the cursor, hide, or not be written at all."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def headline(judged: "Prediction | Clip") -> str:
    """The answer in one line, for a prediction or clip with speech: emoji, emotion, confidence."""
    if judged.status == "uncertain":
        ranked = sorted(judged.probabilities, key=judged.probabilities.__getitem__, reverse=True)[:2]
        return "🤔 not sure: perhaps " + " or ".join(f"{name} ({judged.probabilities[name]:.0%})" for name in ranked)
    sure = next(words for least, words in CERTAINTY if judged.confidence >= least)
    return f"{EMOJI.get(judged.emotion or '', '❔')} {judged.emotion}, {sure} ({judged.confidence:.0%})"


def problem(error: VoiceError) -> str:
    """The error's sentence, with a sign of what kind of trouble it is."""
    signs: dict[type[VoiceError], str] = {NoSpeechError: "🔇", TooShortError: "⌛"}
    return f"{signs.get(type(error), '❌')} {printable(str(error))}"


def show_answer(console: Console, prediction: Prediction) -> None:
    """Prints a prediction with speech: headline, a bar for each emotion in order, how much was heard."""
    colour = "yellow" if prediction.status == "uncertain" else "green"
    console.print(Text(headline(prediction), f"bold {colour}"))
    bars = Table.grid(padding=(0, 1))
    for name, probability in prediction.probabilities.items():
        style = "bold" if name == prediction.emotion else ""
        bar = ProgressBar(total=1.0, completed=probability, width=BAR_WIDTH, finished_style="bar.complete")
        bars.add_row(Text(f"  {name}", style), bar, Text(f"{probability:4.0%}", style))
    console.print(bars)
    console.print(Text(f"  {prediction.voiced_seconds:.1f} s of voice heard", "dim"))


def show_history(console: Console, clips: "list[Clip]") -> None:
    """Prints the clips as a numbered table, in the order given."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title in ("#", "when", "emotion", "clip", "what was said"):
        table.add_column(title, justify="right" if title == "#" else "left", overflow="fold")
    for number, clip in enumerate(clips, 1):
        when = clip.created_at.astimezone().strftime("%d %b %H:%M")
        cells = (str(number), when, headline(clip), clip.filename or clip.source, clip.transcript.text)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


def meter(level: float, seconds_left: float) -> Table:
    """The level, 0 to 1, as a bar, with the countdown beside it."""
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=1.0, completed=level, width=BAR_WIDTH)
    row.add_row(Text("🔴 recording"), bar, Text(f"{seconds_left:.1f} s"))
    return row
