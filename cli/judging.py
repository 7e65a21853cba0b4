"""What an analysis asks of each file, and the answer: the whole file's emotion or its timeline, and the words."""

import logging
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from threading import Lock

import numpy as np

from cli.batch import UNEXPECTED
from utils.decoding import SAMPLE_RATE, Samples, load_audio, stream_audio
from utils.errors import BundleError, NothingUnderstoodError, TranscriptionError, VoiceError
from utils.exports import one_line, record_of
from utils.predictor import Predictor
from utils.timeline import Segment, merge
from utils.transcription import Transcriber, make_transcriber
from utils.voice_profile import VoiceProfile

Entry = dict[str, object]
"""The answer for one file, as JSON: `file`, and `segments`, or the fields of the whole file, or an `error`.

`words_missing` is the sentence that says why words could not be written down.
"""

WORDS_SECONDS = 20.0  # the longest stretch that is written down at once: longer subtitles can't be read

_loading = Lock()
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What is asked of each file.

    `models` is the bundle's folder and `version` that of its model; with `timeline` every segment is answered, else
    the file as a whole; `transcriber` writes down what is said, in `language`, and is None where nobody does.
    `folder` is where relative names begin; by default where the process is. `profile` is the JSON of the voice that
    speaks in all of them, where that is known.
    """

    models: str
    version: str
    timeline: bool = False
    transcriber: str | None = None
    language: str = ""
    folder: str = ""
    profile: str = ""


def judge(task: Task, file: str) -> Entry:
    """The answer for one file; what is wrong with the file is an answer, too.

    Raises:
        BundleError: the model can't be loaded, or is another one here.
    """
    predictor, transcriber, voice = _tools(task)
    scribe = _Scribe(transcriber, task.language) if transcriber else None
    answer = _timeline if task.timeline else _whole
    try:
        return {"file": file, **answer(os.path.join(task.folder, file), predictor, voice, scribe)}
    except VoiceError as error:
        return failed(file, error)
    except Exception:  # a flaw of ours in one file must not end the others
        logger.debug("unexpected failure", exc_info=True)
        return failed(file, VoiceError(UNEXPECTED))


def failed(file: str, error: VoiceError) -> Entry:
    """The answer for a file that has none."""
    return {"file": file, "error": {"code": error.code, "message": one_line(str(error))}}


def prepare(task: Task) -> None:
    """Loads what `judge` needs, before the first file does.

    Raises:
        BundleError: the model can't be loaded, or is another one here.
    """
    _tools(task)


def _tools(task: Task) -> tuple[Predictor, Transcriber | None, VoiceProfile | None]:
    """The model, the transcriber and the voice; each process loads them once."""
    with _loading:  # threads of one worker wait for the first of them
        return _load(task)


@lru_cache(maxsize=1)
def _load(task: Task) -> tuple[Predictor, Transcriber | None, VoiceProfile | None]:
    predictor = Predictor.load(task.models)
    if predictor.version != task.version:
        raise BundleError("The model was exchanged, or a worker has another one: start again when all have the same.")
    voice = predictor.read_profile(task.profile) if task.profile else None
    return predictor, make_transcriber(task.transcriber) if task.transcriber else None, voice


class _Scribe:
    """Writes down one file, stretch by stretch, and remembers what kept it from that."""

    def __init__(self, transcriber: Transcriber, language: str) -> None:
        self._transcriber, self._language = transcriber, language
        self.missing: dict[str, object] = {}

    def write_down(self, samples: Samples) -> str:
        """The words; empty for none."""
        try:
            return self._transcriber.transcribe(samples, self._language)
        except NothingUnderstoodError:
            return ""
        except TranscriptionError as error:
            self.missing = {"words_missing": one_line(str(error))}
            return ""


def _whole(file: str, predictor: Predictor, voice: VoiceProfile | None, scribe: _Scribe | None) -> Entry:
    samples = load_audio(file)
    heard = predictor.predict(samples, voice)
    entry: Entry = {
        "start": round(heard.heard[0], 3),
        "end": round(heard.heard[1], 3),
        "status": heard.status,
        "emotion": heard.emotion,
        "confidence": round(heard.confidence, 6),
        "probabilities": {label: round(p, 6) for label, p in heard.probabilities.items()},
        "voiced_seconds": round(heard.voiced_seconds, 3),
    }
    if scribe:
        entry["words"] = one_line(scribe.write_down(samples)) if heard.emotion else ""
        entry |= scribe.missing
    return entry


def _timeline(file: str, predictor: Predictor, voice: VoiceProfile | None, scribe: _Scribe | None) -> Entry:
    segments = merge(predictor.timeline(file, voice=voice))
    if not scribe:
        return {"segments": [record_of(segment) for segment in segments]}
    pieces = [piece for segment in segments for piece in _pieces(segment)]
    with closing(stream_audio(file)) as blocks:
        sounds = cut_out(blocks, [(piece.start, piece.end) for piece in pieces])
        records = [
            record_of(piece, scribe.write_down(sound) if piece.emotion else "")
            for piece, sound in zip(pieces, sounds, strict=True)
        ]
    return {"segments": records, **scribe.missing}


def _pieces(segment: Segment) -> Iterator[Segment]:
    """A segment in parts that can be written down at once."""
    count = math.ceil((segment.end - segment.start) / WORDS_SECONDS) if segment.emotion else 1
    edges = np.linspace(segment.start, segment.end, count + 1).tolist()
    for start, end in pairwise(edges):
        yield replace(segment, start=start, end=end)


def cut_out(blocks: Iterable[Samples], stretches: Iterable[tuple[float, float]]) -> Iterator[Samples]:
    """The samples of each stretch of a recording that comes block by block.

    Args:
        blocks: float32 [n] each, 16 kHz.
        stretches: start and end in seconds, in order of time.
    """
    left, held, offset = iter(blocks), np.empty(0, np.float32), 0
    for start, end in stretches:
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        while offset + len(held) < last and (block := next(left, None)) is not None:
            passed = min(max(0, first - offset), len(held))
            held, offset = np.concatenate([held[passed:], block]), offset + passed
        yield held[first - offset : last - offset]
