"""Analyses recordings in the background: a thread takes one after the other while there are any.

A process that ends hands back what it was at; one that dies is noticed by the next that opens the store. Others on
the same database go on meanwhile, and each takes only what nobody holds.
"""

import atexit
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

from utils.decoding import SAMPLE_RATE, Samples, stream_audio
from utils.errors import RecordingNotFoundError, StoreError, UnreadableAudioError, VoiceError
from utils.personal import readable
from utils.recording_queue import Held
from utils.recording_store import RecordingStore
from utils.timeline import Segment
from utils.voice_profile import VoiceProfile
from utils.waveform import write_playable

REPORT_SECONDS = 0.5  # of work between two reports; a cancelled recording is given up that late
CLOSE_SECONDS = 5.0  # that the end of the process waits for its threads

log = logging.getLogger("web")


class Listener(Protocol):
    """What a recording needs of a `utils.predictor.Predictor`."""

    knows_voices: bool

    def timeline(
        self,
        audio: Path,
        *,
        progress: Callable[[float, float | None], None] | None = None,
        voice: VoiceProfile | None = None,
    ) -> Iterator[Segment]:
        """What is heard from start to end of a file; what `progress` raises ends it."""
        ...

    def read_profile(self, text: str | bytes) -> VoiceProfile:
        """A profile from its JSON."""
        ...


class StoppingError(Exception):
    """The process ends."""


class BrokenJobError(VoiceError):
    """A mistake of ours, worded for people."""

    code = "internal"


class Jobs:
    """Runs the analysis of recordings; safe to use from several threads.

    Attributes:
        store: where the recordings are.
    """

    def __init__(self, store: RecordingStore, model: Listener | None, threads: int) -> None:
        """Nothing is begun before `wake`.

        Args:
            store: where the recordings are.
            model: what hears them; without it they wait.
            threads: how many recordings are analysed at a time; 0 leaves them to other processes.
        """
        self.store, self._model = store, model
        self._threads = threads if model else 0
        self._lock = threading.Lock()
        self._running: set[threading.Thread] = set()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """See to it that what waits is analysed; cheap where nothing does."""
        with self._lock:
            if len(self._running) >= self._threads or self._stopping.is_set() or not self.store.queue.has_waiting():
                return
            if not self._running:
                atexit.register(self.close)
            thread = threading.Thread(target=self._work, name="recordings", daemon=True)
            self._running.add(thread)
            thread.start()

    def close(self) -> None:
        """Hand back what is being analysed, and begin nothing more."""
        self._stopping.set()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in list(self._running):
            thread.join(max(0.0, deadline - time.monotonic()))
        atexit.unregister(self.close)

    def _work(self) -> None:
        worker = secrets.token_hex(16)
        while held := self._next(worker):
            try:
                self._run(held)
            except StoreError as error:  # it can't even be told: it counts as lost after a while
                log.warning("%s", error)

    def _next(self, worker: str) -> Held | None:
        """The next recording; without one this thread counts as ended, so that `wake` starts another."""
        with self._lock:
            held = None
            with suppress(StoreError):
                held = None if self._stopping.is_set() else self.store.queue.claim(worker)
            if held is None:
                self._running.discard(threading.current_thread())
            return held

    def _run(self, held: Held) -> None:
        try:
            self._analyse(held)
        except RecordingNotFoundError:
            log.info("a recording was given up")
        except StoppingError:
            with suppress(RecordingNotFoundError):
                held.release()
        except VoiceError as error:
            self._fail(held, error)
        except Exception as error:
            log.error("a recording failed", exc_info=error)
            self._fail(held, BrokenJobError("Something went wrong on the server: start it again."))

    def _fail(self, held: Held, reason: VoiceError) -> None:
        log.info("a recording failed: %s", reason.code)
        with suppress(RecordingNotFoundError):
            held.fail(reason)

    def _analyse(self, held: Held) -> None:
        """Decode it, unless that is done, and hear it."""
        report = _Report(held, self._stopping)
        source = held.source
        if source is None:
            raise UnreadableAudioError("The sound of this recording is gone: send the file again.")
        if held.recording.duration_seconds is None:
            with closing(stream_audio(source)) as blocks:
                self._decode(held, _counted(blocks, report))
            source = held.source or source
        assert self._model  # noqa: S101 - without one there are no threads
        knows = self._model.knows_voices
        name, voice = readable(held.voice(), self._model.read_profile) if knows else (None, None)
        held.finish(list(self._model.timeline(source, progress=report, voice=voice)), name)

    def _decode(self, held: Held, blocks: Iterator[Samples]) -> None:
        wav = self.store.files.incoming()
        try:
            seconds, peaks = write_playable(blocks, wav)
            held.decoded(wav, seconds, peaks)
        except OSError as error:
            raise StoreError("The server's disk is full or broken: start this again later.") from error
        finally:
            self.store.files.discard(wav)


class _Report:
    """Tells how far it is, now and then; raises when nobody wants to know."""

    def __init__(self, held: Held, stopping: threading.Event) -> None:
        self._held, self._stopping = held, stopping
        self._next = 0.0

    def __call__(self, done: float, of: float | None) -> None:
        if self._stopping.is_set():
            raise StoppingError
        if time.monotonic() >= self._next:
            self._held.progress(done)
            self._next = time.monotonic() + REPORT_SECONDS


def _counted(blocks: Iterator[Samples], report: _Report) -> Iterator[Samples]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        report(done / SAMPLE_RATE, None)
