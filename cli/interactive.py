"""The interactive program: one command a line."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.audio_device import AudioDevice
from cli.screen import correction, meter, printable, problem, show_answer, show_history
from utils.clip_store import Clip, ClipStore, Source, Transcript
from utils.decoding import load_audio
from utils.emotions import ALL_EMOTIONS, SAMPLE_SENTENCES
from utils.errors import (
    ClipNotFoundError,
    NothingUnderstoodError,
    StoreError,
    TranscriptionError,
    VoiceError,
    marked,
)
from utils.language import Language
from utils.prediction import Prediction
from utils.transcription import Transcriber

VISITOR = "terminal"
"""Whose history this is in the store that the web door uses too."""
SECONDS = 3.0  # of a recording
PROMPT = "voice> "

logger = logging.getLogger(__name__)


class Session:
    """One sitting at the terminal. Every command answers with what was asked or one sentence."""

    def __init__(
        self,
        console: Console,
        predict: Callable[[np.ndarray], Prediction],
        transcriber: Transcriber,
        device: AudioDevice,
        instance: Path,
        words: Language,
        language: str,
    ) -> None:
        """`words` is the language of the program, `language` the tag of what is spoken."""
        self._console, self._predict, self._device, self._words = console, predict, device, words
        self._transcriber, self._language = transcriber, language
        self._instance = instance
        self._opened_store: ClipStore | None = None
        self._shown: list[Clip] = []  # what the numbers of the last list mean
        self._commands: dict[str, tuple[Callable[[str], None], str, str]] = {
            "": (self._record, marked("Enter"), marked("record three seconds")),
            "file": (self._file, "file PATH", marked("judge a sound file")),
            "samples": (self._samples, "samples", marked("sentences to read aloud")),
            "list": (self._list, "list", marked("the history, newest first")),
            "play": (self._play, "play N", marked("play clip N of the list")),
            "right": (self._right, "right N", marked("say that the answer of clip N of the list is right")),
            "was": (
                self._was,
                "was N EMOTION",
                marked("say what clip N of the list was; without EMOTION, take it back"),
            ),
            "training": (
                self._training,
                "training on",
                marked("let corrected clips train the model; off: no longer"),
            ),
            "delete": (self._delete, "delete N", marked("delete clip N of the list, for good")),
            "help": (self._help, "help", marked("this list")),
            "quit": (self._quit, "quit", marked("leave (or Ctrl-D)")),
        }

    def run(self) -> None:
        """Obeys line after line until quit, Ctrl-C or the end of input."""
        if sys.stdin.isatty():
            with suppress(ImportError):
                import readline  # noqa: F401 - line editing and recall at the prompt
        self._say("Press Enter and speak for three seconds, or type `help`.")
        if self._transcriber.sends_audio_to:
            who = self._transcriber.sends_audio_to
            self._say("{who} hears your clips to write them down; `--transcriber off` keeps them here.", "dim", who=who)
        try:
            while True:
                self._obey(input(PROMPT))
        except (EOFError, KeyboardInterrupt):
            self._show("")
            self._say("Goodbye.")
        finally:
            if self._opened_store:
                self._opened_store.close()

    def _obey(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word.lower() not in self._commands and os.path.isfile(_typed_path(line)):
            word, rest = "file", line  # dragged into the terminal
        try:
            command, _, _ = self._commands.get(word.lower(), (self._unknown, "", ""))
            command(rest)
        except VoiceError as error:
            self._complain(error)
        except EOFError:
            raise
        except Exception:  # a flaw of ours must not end the sitting
            logger.debug("unexpected failure", exc_info=True)
            self._show("❌ " + self._words.say("Something unexpected went wrong: please report it."), "yellow")

    # Commands

    def _record(self, _: str) -> None:
        with Live(console=self._console, transient=True, refresh_per_second=20) as live:
            samples = self._device.record(SECONDS, lambda level, left: live.update(meter(level, left, self._words)))
        self._judge(samples, "recording", None)

    def _file(self, rest: str) -> None:
        path = _typed_path(rest)
        if not path:
            self._say("Say which file, for example: file recordings/hello.wav")
            return
        self._judge(load_audio(path), "upload", printable(os.path.basename(path)))

    def _samples(self, _: str) -> None:
        for sentence in SAMPLE_SENTENCES:
            self._show(f"  “{self._words.say(sentence)}”")

    def _list(self, _: str) -> None:
        self._shown, _more = self._store().list(VISITOR)
        if self._shown:
            show_history(self._console, self._shown, self._words)
        else:
            self._say("No clips yet: press Enter to record one.")

    def _play(self, rest: str) -> None:
        clip = self._chosen("play", rest)
        with self._store().open_audio(VISITOR, clip.id) as file:
            samples = load_audio(file.read())
        self._device.play(samples)

    def _right(self, rest: str) -> None:
        clip = self._chosen("right", rest)
        if clip.status == "uncertain" or not clip.emotion:
            self._say(
                "This answer named no emotion: say which it was, for example: was {number} sad", number=rest.strip()
            )
            return
        self._correct(rest, clip, clip.emotion)

    def _was(self, rest: str) -> None:
        number, _, emotion = rest.strip().partition(" ")
        names = {self._words.say(name): name for name in ALL_EMOTIONS}
        emotion = emotion.strip().lower()
        self._correct(number, self._chosen("was", number), names.get(emotion, emotion) or None)

    def _training(self, rest: str) -> None:
        if rest.strip() in ("on", "off"):
            self._store().set_training(VISITOR, rest.strip() == "on")
        allowed = self._store().allows_training(VISITOR)
        if allowed:
            self._say("Corrected clips may be used to train the model: `training off` ends that.")
        else:
            self._say("No clip of yours is used for training: `training on` lets those you corrected train the model.")

    def _delete(self, rest: str) -> None:
        clip = self._chosen("delete", rest)
        self._store().delete(VISITOR, clip.id)
        self._say("Clip {number} is deleted.", number=rest.strip())

    def _help(self, _: str) -> None:
        for _command, usage, meaning in self._commands.values():
            self._show(f"  {self._words.say(usage):<13} {self._words.say(meaning)}")

    def _quit(self, _: str) -> None:
        raise EOFError

    def _unknown(self, _: str) -> None:
        self._say("There is no such command: type `help` to see them all.")

    # Their parts

    def _judge(self, samples: np.ndarray, source: Source, filename: str | None) -> None:
        """Shows the emotion, keeps the clip, then asks for the words: the emotion never waits for them."""
        prediction = self._predict(samples).require_speech()
        show_answer(self._console, prediction, self._words)
        clip = None
        try:
            clip = self._store().add(VISITOR, samples, prediction, source=source, filename=filename)
        except StoreError as error:
            self._complain(error)
        if self._transcriber.name == "off":
            return
        transcript = self._write_down(samples)
        if clip:
            self._store().set_transcript(VISITOR, clip.id, transcript)

    def _write_down(self, samples: np.ndarray) -> Transcript:
        """Shows what was said, or a quiet sentence."""
        name = self._transcriber.name
        try:
            who = self._transcriber.sends_audio_to or name
            with self._console.status(self._words.say("{who} writes it down…", who=who)):
                text = self._transcriber.transcribe(samples, self._language)
        except NothingUnderstoodError as error:
            self._show(f"  {self._words.error(error)}", "dim")
            return Transcript("nothing_understood", "", name)
        except TranscriptionError as error:
            self._show(f"  {self._words.error(error)}", "dim")
            return Transcript("unavailable", "", name)
        self._show(f"  “{printable(text)}”")
        return Transcript("done", text, name)

    def _correct(self, number: str, clip: Clip, emotion: str | None) -> None:
        changed = self._store().set_correction(VISITOR, clip.id, emotion)
        what = correction(changed, self._words) or self._words.say("nothing is corrected")
        self._say("Clip {number}: {what}.", number=number.strip(), what=what)

    def _store(self) -> ClipStore:
        if self._opened_store is None:
            self._opened_store = ClipStore(self._instance)
        return self._opened_store

    def _chosen(self, command: str, number: str) -> Clip:
        clips = self._shown or self._store().list(VISITOR)[0]
        if number.strip().isdecimal() and 1 <= int(number) <= len(clips):
            return clips[int(number) - 1]
        raise ClipNotFoundError("Say which clip by its number in `list`, for example: {command} 1", command=command)

    def _complain(self, error: VoiceError) -> None:
        self._show(problem(error, self._words), "yellow")

    def _say(self, sentence: str, style: str = "", **gaps: object) -> None:
        self._show(self._words.say(sentence, **gaps), style)

    def _show(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style))


def _typed_path(text: str) -> str:
    """The path in `text`, as people type, quote, or drag it."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    elif os.sep == "/":
        text = text.replace("\\ ", " ")
    return os.path.expanduser(text)
