"""Who streams now: so many of one visitor, so many in all; and when they have to end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from utils.errors import VoiceError
from web.websocket import LATER, POLICY


class StreamOver(VoiceError):  # noqa: N818 (most often it is no error)
    """The session ends, and `close` is the WebSocket's code for why."""

    def __init__(self, code: str, message: str, close: int) -> None:
        super().__init__(message)
        self.code, self.close = code, close


class Streams:
    """The places for streams; `stopping` is set when all have to end."""

    def __init__(self, each: int, everybody: int) -> None:
        self.stopping = Event()
        self._each, self._everybody = each, everybody
        self._lock = Lock()
        self._of: Counter[str] = Counter()

    @contextmanager
    def enter(self, who: str) -> Iterator[None]:
        """Stream inside this.

        Raises:
            StreamOver: there is no place.
        """
        with self._lock:
            if self._of[who] >= self._each:
                raise StreamOver("too_many_sessions", "You are live in other windows: stop there first.", POLICY)
            if self._of.total() >= self._everybody:
                raise StreamOver("overloaded", "Too many people are live right now: try again in a minute.", LATER)
            self._of[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._of[who] -= 1
                self._of += Counter()  # forgets who has none
