"""Many files, one line each, in the order given."""

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from cli.screen import headline, printable, problem, speaker
from utils.decoding import AUDIO_ENDINGS
from utils.errors import AudioNotFoundError, VoiceError
from utils.language import Language
from utils.prediction import Prediction

WORKERS = min(4, os.cpu_count() or 1)
LOOK_AHEAD = 2 * WORKERS  # files begun or waiting beyond the one whose line is next

UNEXPECTED = "Something unexpected went wrong with this file: please report it."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What became of one file: a prediction with speech, or an error."""

    file: str
    outcome: Prediction | VoiceError

    def as_json(self) -> str:
        """One line of ASCII, whatever the file is called."""
        record: dict[str, object] = {"file": self.file}
        if isinstance(self.outcome, VoiceError):
            record["error"] = {"code": self.outcome.code, "message": str(self.outcome)}
        else:
            fields = ("emotion", "confidence", "probabilities", "status", "voiced_seconds")
            record.update((field, getattr(self.outcome, field)) for field in fields)
            record |= {} if self.outcome.intensity is None else {"intensity": self.outcome.intensity}
            record |= {"who": vars(self.outcome.who)} if self.outcome.who else {}
        return json.dumps(record)

    def as_text(self, words: Language) -> str:
        """One line for people."""
        outcome = self.outcome
        answer = problem(outcome, words) if isinstance(outcome, VoiceError) else headline(outcome, words)
        who = speaker(outcome.who, words) if isinstance(outcome, Prediction) and outcome.who else ""
        return f"{printable(self.file)}  {answer}  {who}".rstrip()


def run(
    paths: Iterable[str],
    predict: Callable[[str], Prediction],
    write: Callable[[str], object],
    *,
    as_json: bool,
    words: Language,
) -> bool:
    """Writes one line for each file in `paths`, folders walked; True when every file was read.

    Args:
        paths: files and folders.
        predict: called from several threads at once.
        write: called with each line, without its end.
        as_json: JSON objects, in English, instead of lines for people.
        words: the language of lines for people.
    """
    all_read = True
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for result in _in_order(pool, predict, find_audio(paths)):
                all_read &= isinstance(result.outcome, Prediction)
                write(result.as_json() if as_json else result.as_text(words))
        except BaseException:  # nobody reads on, or Ctrl-C: leave what has not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return all_read


def find_audio(paths: Iterable[str]) -> Iterator[str | Result]:
    """The files in `paths`, in order; a folder gives the audio below it, sorted, or a Result with an error.

    Hidden files and links to folders inside a folder are left out.
    """
    for path in paths:
        if os.path.isdir(path):
            yield from _walk(path)
        else:
            yield path


def _walk(folder: str) -> Iterator[str | Result]:
    found = False
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if path is folder or (os.path.isdir(path) and not os.path.islink(path)):
            try:
                names = sorted(os.listdir(path), reverse=True)
            except OSError:
                found = True
                yield Result(path, AudioNotFoundError("This folder can't be opened: check its permissions."))
                continue
            waiting += [os.path.join(path, name) for name in names if not name.startswith(".")]
        elif path.lower().endswith(AUDIO_ENDINGS):
            found = True
            yield path
    if not found:
        yield Result(folder, AudioNotFoundError("There is no audio file in this folder: name another one."))


def _in_order(
    pool: ThreadPoolExecutor, predict: Callable[[str], Prediction], files: Iterable[str | Result]
) -> Iterator[Result]:
    """Judges files side by side, never more than LOOK_AHEAD beyond the one that is yielded next."""
    waiting: deque[Future[Result]] = deque()
    for file in files:
        waiting.append(pool.submit(_judge, file, predict))
        if len(waiting) > LOOK_AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _judge(file: str | Result, predict: Callable[[str], Prediction]) -> Result:
    if isinstance(file, Result):
        return file
    try:
        return Result(file, predict(file).require_speech())
    except VoiceError as error:
        return Result(file, error)
    except Exception:  # a flaw of ours in one file must not end the others
        logger.debug("unexpected failure", exc_info=True)
        return Result(file, VoiceError(UNEXPECTED))
