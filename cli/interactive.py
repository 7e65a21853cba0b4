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
from cli.screen import meter, printable, problem, show_answer, show_history
from utils.clip_store import Clip, ClipStore, Source, Transcript
from utils.decoding import load_audio
from utils.emotions import SAMPLE_SENTENCES
from utils.errors import ClipNotFoundError, NothingUnderstoodError, StoreError, TranscriptionError, VoiceError
from utils.predictor import Prediction
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
        language: str,
    ) -> None:
        self._console, self._predict, self._device = console, predict, device
        self._transcriber, self._language = transcriber, language
        self._instance = instance
        self._opened_store: ClipStore | None = None
        self._shown: list[Clip] = []  # what the numbers of the last list mean
        self._commands: dict[str, tuple[Callable[[str], None], str, str]] = {
            "": (self._record, "Enter", "record three seconds"),
            "file": (self._file, "file PATH", "judge a sound file"),
            "samples": (self._samples, "samples", "sentences to read aloud"),
            "list": (self._list, "list", "the history, newest first"),
            "play": (self._play, "play N", "play clip N of the list"),
            "delete": (self._delete, "delete N", "delete clip N of the list, for good"),
            "help": (self._help, "help", "this list"),
            "quit": (self._quit, "quit", "leave (or Ctrl-D)"),
        }

    def run(self) -> None:
        """Obeys line after line until quit, Ctrl-C or the end of input."""
        if sys.stdin.isatty():
            with suppress(ImportError):
                import readline  # noqa: F401 - line editing and recall at the prompt
        self._say("Press Enter and speak for three seconds, or type `help`.")
        if self._transcriber.sends_audio_to:
            who = self._transcriber.sends_audio_to
            self._say(f"{who} hears your clips to write them down; `--transcriber off` keeps them here.", "dim")
        try:
            while True:
                self._obey(input(PROMPT))
        except (EOFError, KeyboardInterrupt):
            self._say("\nGoodbye.")
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
            self._say("❌ Something unexpected went wrong: please report it.", "yellow")

    # Commands

    def _record(self, _: str) -> None:
        with Live(console=self._console, transient=True, refresh_per_second=20) as live:
            samples = self._device.record(SECONDS, lambda level, left: live.update(meter(level, left)))
        self._judge(samples, "recording", None)

    def _file(self, rest: str) -> None:
        path = _typed_path(rest)
        if not path:
            self._say("Say which file, for example: file recordings/hello.wav")
            return
        self._judge(load_audio(path), "upload", printable(os.path.basename(path)))

    def _samples(self, _: str) -> None:
        for sentence in SAMPLE_SENTENCES:
            self._say(f"  “{sentence}”")

    def _list(self, _: str) -> None:
        self._shown, _more = self._store().list(VISITOR)
        if self._shown:
            show_history(self._console, self._shown)
        else:
            self._say("No clips yet: press Enter to record one.")

    def _play(self, rest: str) -> None:
        clip = self._chosen("play", rest)
        self._device.play(load_audio(self._store().audio_path(VISITOR, clip.id)))

    def _delete(self, rest: str) -> None:
        clip = self._chosen("delete", rest)
        self._store().delete(VISITOR, clip.id)
        self._say(f"Clip {rest.strip()} is deleted.")

    def _help(self, _: str) -> None:
        for _command, usage, meaning in self._commands.values():
            self._say(f"  {usage:<10} {meaning}")

    def _quit(self, _: str) -> None:
        raise EOFError

    def _unknown(self, _: str) -> None:
        self._say("There is no such command: type `help` to see them all.")

    # Their parts

    def _judge(self, samples: np.ndarray, source: Source, filename: str | None) -> None:
        """Shows the emotion, keeps the clip, then asks for the words: the emotion never waits for them."""
        prediction = self._predict(samples).require_speech()
        show_answer(self._console, prediction)
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
            with self._console.status(f"{self._transcriber.sends_audio_to or name} writes it down…"):
                text = self._transcriber.transcribe(samples, self._language)
        except NothingUnderstoodError as error:
            self._say(f"  {error}", "dim")
            return Transcript("nothing_understood", "", name)
        except TranscriptionError as error:
            self._say(f"  {error}", "dim")
            return Transcript("unavailable", "", name)
        self._say(f"  “{printable(text)}”")
        return Transcript("done", text, name)

    def _store(self) -> ClipStore:
        if self._opened_store is None:
            self._opened_store = ClipStore(self._instance)
        return self._opened_store

    def _chosen(self, command: str, number: str) -> Clip:
        clips = self._shown or self._store().list(VISITOR)[0]
        if number.strip().isdecimal() and 1 <= int(number) <= len(clips):
            return clips[int(number) - 1]
        raise ClipNotFoundError(f"Say which clip by its number in `list`, for example: {command} 1")

    def _complain(self, error: VoiceError) -> None:
        self._say(problem(error), "yellow")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style))


def _typed_path(text: str) -> str:
    """The path in `text`, as people type, quote, or drag it."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    elif os.sep == "/":
        text = text.replace("\\ ", " ")
    return os.path.expanduser(text)
