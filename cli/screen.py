"""How answers look in a terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from utils.emotions import CERTAINTY, EMOJI, strength
from utils.errors import NoSpeechError, TooShortError, VoiceError
from utils.language import Language
from utils.prediction import Prediction
from utils.speakers import Who

if TYPE_CHECKING:
    from utils.clip_store import Clip  # a database that judging files does without

BAR_WIDTH = 30  # characters
HARMLESS = "\u00a0\u202f\u200c\u200d"  # spaces that don't break, and the joiners of Bengali


def printable(text: str) -> str:
    """`text` with everything escaped that could move the cursor, hide, or not be written at all."""
    return "".join(c if c.isprintable() or c in HARMLESS else c.encode("unicode_escape").decode("ascii") for c in text)


def headline(judged: "Prediction | Clip", words: Language) -> str:
    """The answer in one line, for a prediction or clip with speech: emoji, emotion, strength, confidence."""
    if judged.status == "uncertain":
        ranked = sorted(judged.probabilities, key=judged.probabilities.__getitem__, reverse=True)[:2]
        named = [f"{words.say(name)} ({words.percent(judged.probabilities[name])})" for name in ranked]
        if len(named) == 1:
            return "🤔 " + words.say("Not sure: perhaps {first}", first=named[0])
        return "🤔 " + words.say("Not sure: perhaps {first} or {second}", first=named[0], second=named[1])
    emotion = judged.emotion or ""
    sure = next(sure for least, sure in CERTAINTY if judged.confidence >= least)
    said = ", ".join(words.say(word) for word in (emotion, strength(judged.intensity), sure) if word)
    return f"{EMOJI.get(emotion, '❔')} {said} ({words.percent(judged.confidence)})"


def speaker(who: Who, words: Language) -> str:
    """Which taught voice it sounds like."""
    if who.name is None:
        return words.say("Sounds like nobody whose voice was taught.")
    return words.say("Sounds like “{name}”.", name=printable(who.name))


def correction(clip: "Clip", words: Language) -> str:
    """What the visitor said about the answer; nothing where that is nothing."""
    if not clip.correction:
        return ""
    truth = words.say(clip.correction)
    if clip.status == "uncertain":
        return words.say("heard nothing definite, corrected to {emotion}", emotion=truth)
    if clip.correction == clip.emotion:
        return words.say("confirmed, {emotion}", emotion=truth)
    emotion = words.say(str(clip.emotion))
    return words.say("heard {emotion}, corrected to {truth}", emotion=emotion, truth=truth)


def problem(error: VoiceError, words: Language) -> str:
    """The error's sentence, with a sign of what kind of trouble it is."""
    signs: dict[type[VoiceError], str] = {NoSpeechError: "🔇", TooShortError: "⌛"}
    return f"{signs.get(type(error), '❌')} {printable(words.error(error))}"


def show_answer(console: Console, prediction: Prediction, words: Language) -> None:
    """Prints a prediction with speech: headline, a bar for each emotion in order, how much was heard."""
    colour = "yellow" if prediction.status == "uncertain" else "green"
    console.print(Text(headline(prediction, words), f"bold {colour}"))
    bars = Table.grid(padding=(0, 1))
    for name, probability in prediction.probabilities.items():
        style = "bold" if name == prediction.emotion else ""
        bar = ProgressBar(total=1.0, completed=probability, width=BAR_WIDTH, finished_style="bar.complete")
        bars.add_row(Text(f"  {words.say(name)}", style), bar, Text(f"{words.percent(probability):>4}", style))
    console.print(bars)
    heard = words.say("{seconds} s of voice heard", seconds=words.number(prediction.voiced_seconds, 1))
    console.print(Text(f"  {heard}", "dim"))
    if prediction.voice:
        known = words.say("Heard with the voice “{name}”.", name=printable(prediction.voice))
        console.print(Text(f"  {known}", "dim"))
    if prediction.who:
        console.print(Text(f"  {speaker(prediction.who, words)}", "dim"))


def show_history(console: Console, clips: "list[Clip]", words: Language) -> None:
    """Prints the clips as a numbered table, in the order given."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("#", justify="right")
    for title in (words.say("when"), words.say("emotion"), words.say("clip"), words.say("what was said")):
        table.add_column(title, overflow="fold")
    for number, clip in enumerate(clips, 1):
        when = words.when(clip.created_at.astimezone())
        answer = Text(printable(headline(clip, words)))
        if clip.correction:
            answer.append(f"\n{EMOJI.get(clip.correction, '')} {printable(correction(clip, words))}", "bold")
        source = clip.filename or (words.say("Recording") if clip.source == "recording" else words.say("Upload"))
        cells = [Text(printable(cell)) for cell in (source, clip.transcript.text)]
        table.add_row(str(number), when, answer, *cells)
    console.print(table)
    for model in dict.fromkeys(clip.model for clip in clips if clip.model):
        numbers = ", ".join(str(number) for number, clip in enumerate(clips, 1) if clip.model == model)
        said = words.say("answered by {model}: {numbers}", model=printable(model), numbers=numbers)
        console.print(Text(f"  {said}", "dim"))


def meter(level: float, seconds_left: float, words: Language) -> Table:
    """The level, 0 to 1, as a bar, with the countdown beside it."""
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=1.0, completed=level, width=BAR_WIDTH)
    row.add_row(
        Text(f"🔴 {words.say('recording')}"), bar, Text(words.say("{seconds} s", seconds=words.number(seconds_left, 1)))
    )
    return row
