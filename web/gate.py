"""A bounded gate: so many work, so many wait, the rest are told at once to come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from utils.errors import VoiceError


class OverloadedError(VoiceError):
    """Everybody who works here is busy, and the queue is full or too slow."""

    code = "overloaded"


class Gate:
    """Lets `running` threads through at a time; `waiting` more wait, each at most `seconds`."""

    def __init__(self, running: int, waiting: int, seconds: float) -> None:
        self._seconds = seconds
        self._waiting = 0
        self._count = Lock()
        self._places = BoundedSemaphore(running + waiting)
        self._running = BoundedSemaphore(running)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Work inside this.

        Raises:
            OverloadedError: no place to wait, or waited too long.
        """
        if not self._places.acquire(blocking=False):
            raise _overloaded()
        try:
            with self._counted():
                entered = self._running.acquire(timeout=self._seconds)
            if not entered:
                raise _overloaded()
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._places.release()

    @contextmanager
    def enter_if_free(self) -> Iterator[None]:
        """Work inside this only where nobody has to wait for it.

        Raises:
            OverloadedError: all places are taken, or somebody waits for one.
        """
        if self._waiting or not self._running.acquire(blocking=False):
            raise _overloaded()
        try:
            yield
        finally:
            self._running.release()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._count:
            self._waiting += 1
        try:
            yield
        finally:
            with self._count:
                self._waiting -= 1


def _overloaded() -> OverloadedError:
    return OverloadedError("The server is very busy right now: try again in a few seconds.")
