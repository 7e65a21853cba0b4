"""The live stream: sound comes in over a WebSocket, what the last 3 s of it say goes out. Nothing is stored.

docs/stream.md describes the messages.
"""

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Blueprint, request

from utils.audio_preprocessing import CLIP_SECONDS
from utils.errors import AudioError, StoreError, VoiceError, marked
from utils.live import LiveWindow
from utils.prediction import Prediction
from utils.voice_profile import VoiceProfile
from web.errors import HTTP_ERRORS
from web.gate import Gate, OverloadedError
from web.language import spoken
from web.services import Model, services
from web.streams import StreamOver
from web.visitor import visitor
from web.voices import personal
from web.websocket import GOING_AWAY, LATER, MAX_MESSAGE, MISTAKE, NORMAL, POLICY, Gone, Received, Taken, WebSocket

UPDATE_SECONDS = 0.4  # from one update to the next; at least two a second are promised
AGAIN_SECONDS = 0.1  # from a refusal to the next try
FIRST_SECONDS = 1.0  # of sound before the first update
IDLE_SECONDS = 15.0  # without a frame
LONGEST_SECONDS = 600.0  # of a session
SPARE_SECONDS = 5.0  # that may come sooner than a microphone makes them
HASTE = 1.25  # of a microphone's clock against ours, at most
MAX_MISTAKES = 100
POLL_SECONDS = 0.5  # how soon a session notices that the server stops

live = Blueprint("live", __name__, url_prefix="/api")


class MessageError(VoiceError):
    """The client sent a message that can't be used. The session goes on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Conversation:
    """What is said in one session: messages in, answers out. Knows no socket."""

    def __init__(
        self,
        model: Model,
        gate: Gate,
        clock: Callable[[], float] = time.monotonic,
        own: tuple[str | None, VoiceProfile | None] = (None, None),
    ) -> None:
        """Nothing was said yet.

        Args:
            model: what hears.
            gate: before it.
            clock: seconds that only grow.
            own: name and profile of the voice that speaks, where that is known.
        """
        self._model, self._gate, self._clock = model, gate, clock
        self._voice, profile = own
        self._given = {"voice": profile} if profile else {}
        self._began = self._heard = self._due = clock()
        self._told = self._began - UPDATE_SECONDS  # when the client last heard that an update is skipped
        self._window = LiveWindow()
        self._fresh = False
        self._mistakes = 0

    def ready(self) -> dict[str, Any]:
        """What the client needs to know."""
        return {
            "type": "ready",
            "sample_rate": self._window.rate,
            "labels": list(self._model.labels),
            "window_seconds": CLIP_SECONDS,
            "update_seconds": UPDATE_SECONDS,
            "max_frame_bytes": MAX_MESSAGE,
            "max_seconds": LONGEST_SECONDS,
            "voice": self._voice,
        }

    def take(self, message: Received) -> dict[str, Any] | None:
        """The answer to a message, where there is one.

        Raises:
            StreamOver: that was one mistake too many.
        """
        try:
            if isinstance(message.data, bytes):
                self._hear(message.data)
                return None
            return self._configure(message.data)
        except (MessageError, AudioError) as error:
            self._mistakes += 1
            if self._mistakes > MAX_MISTAKES:
                raise StreamOver("too_many_mistakes", "Too many messages can't be used.", POLICY) from error
            return {"type": "error", "code": error.code, "message": str(error)}

    def updates(self) -> list[dict[str, Any]]:
        """What the last 3 s say, if that is due.

        Raises:
            StreamOver: nobody sends anything, or the session is as long as it may be.
        """
        now = self._clock()
        if now - self._began > LONGEST_SECONDS:
            minutes = round(LONGEST_SECONDS / 60)
            raise StreamOver("session_over", f"A session lasts {minutes} minutes: start another one.", NORMAL)
        if now - self._heard > IDLE_SECONDS:
            raise StreamOver("idle", "No sound came for a while: start again when there is some.", NORMAL)
        if not self._fresh or now < self._due or self._window.seconds < FIRST_SECONDS:
            return []
        try:
            with self._gate.enter_if_free():
                prediction = self._model.predict(self._window.samples(), **self._given)
        except OverloadedError:
            return self._refuse(now)
        self._fresh = False
        self._due = max(self._due + UPDATE_SECONDS, now + UPDATE_SECONDS / 2)
        skipped = int((self._clock() - now) / UPDATE_SECONDS)
        return [_rate_limited(skipped)] * bool(skipped) + [_update(prediction, self._window.seconds)]

    def _refuse(self, now: float) -> list[dict[str, Any]]:
        """Try again soon, with what is said until then; say so as often as an update would have been due."""
        self._due = now + AGAIN_SECONDS
        if now < self._told + UPDATE_SECONDS:
            return []
        self._told = now
        return [_rate_limited(1)]

    def patience(self) -> float:
        """Seconds until there is something to do, though nothing comes."""
        wait = self._due - self._clock() if self._fresh and self._window.seconds >= FIRST_SECONDS else POLL_SECONDS
        return min(max(wait, 0.0), POLL_SECONDS)

    def _hear(self, frame: bytes) -> None:
        may_come = SPARE_SECONDS + HASTE * (self._clock() - self._began)
        if self._window.seconds + self._window.seconds_of(frame) > may_come:
            raise MessageError("too_fast", "This frame came too early and is skipped: send sound as it is made.")
        self._window.add(frame)
        self._heard, self._fresh = self._clock(), True

    def _configure(self, text: str | None) -> dict[str, Any]:
        if text is None:
            raise MessageError("too_large", f"This message is skipped: send at most {MAX_MESSAGE} bytes at once.")
        try:
            message = json.loads(text)
            kind, rate = message["type"], message["sample_rate"]
        except (ValueError, TypeError, KeyError, RecursionError):
            kind = rate = None
        if kind != "config" or type(rate) is not int:
            reason = 'A text must be {"type": "config", "sample_rate": 16000}, with the rate of your frames.'
            raise MessageError("bad_message", reason)
        if self._window.seconds:
            raise MessageError("config_late", "The rate stays as it is: config is for before the first frame.")
        self._window = LiveWindow(rate)
        return self.ready()


@live.get("/stream", websocket=True)
def stream() -> Taken:
    """Talk over a WebSocket until one side ends it."""
    with suppress(Gone):
        socket = WebSocket(request.environ)
        over = _converse(socket, visitor() or request.remote_addr or "")
        socket.send({"type": "closing", "code": over.code, "message": spoken().say(over.sentence)})
        socket.close(over.close)
    return Taken(status=101)


def _converse(socket: WebSocket, who: str) -> StreamOver:
    """Lead a conversation to its end, which must be a message: the server's own answer would be no WebSocket's.

    Raises:
        Gone: the client ended it.
    """
    try:
        with services().streams.enter(who):
            return _lead(socket, Conversation(services().model, services().hearing, own=_own_voice()))
    except StreamOver as over:
        return over
    except Gone:
        raise
    except VoiceError as error:
        return StreamOver(error.code, spoken().error(error), LATER)
    except Exception as error:
        logging.getLogger("web").error("a stream failed", exc_info=error)
        return StreamOver(*HTTP_ERRORS[500], MISTAKE)


def _own_voice() -> tuple[str | None, VoiceProfile | None]:
    """The visitor's voice that is switched on, and its name; a history that can't be read is no reason not to hear."""
    taught = personal()
    with suppress(StoreError):
        return taught.voice(visitor() or "") if taught else (None, None)
    return None, None


def _lead(socket: WebSocket, conversation: Conversation) -> StreamOver:
    socket.send(conversation.ready())
    while not services().streams.stopping.is_set():
        for message in socket.receive(conversation.patience()):
            if answer := conversation.take(message):
                socket.send(answer)
        for update in conversation.updates():
            socket.send(update)
    return StreamOver("going_away", marked("The server stops: start again in a moment."), GOING_AWAY)


def _update(heard: Prediction, seconds: float) -> dict[str, Any]:
    return {
        "type": "update",
        "status": heard.status,
        "emotion": heard.emotion,
        "confidence": round(heard.confidence, 4),
        "probabilities": {label: round(p, 4) for label, p in heard.probabilities.items()},
        "voiced_seconds": round(heard.voiced_seconds, 2),
        "seconds": round(seconds, 3),
    }


def _rate_limited(skipped: int) -> dict[str, Any]:
    message = "The server is busy: updates are skipped, so that the next one is of now."
    return {"type": "rate_limited", "skipped": skipped, "message": message}
