"""A WebSocket over the socket of a request that asked for one: bounded messages, bounded waiting, one thread.

The server hands the socket over in the request's environment: gunicorn's threaded worker does so by itself,
`web.serving` makes waitress do it. wsproto speaks the protocol.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, TextMessage
from wsproto.utilities import ProtocolError, generate_accept_token

from utils.errors import VoiceError

SOCKETS = ("voice.socket", "gunicorn.socket")  # where servers put it
MAX_MESSAGE = 64 * 1024  # bytes; what is longer is skipped as it arrives
READ_BYTES = 64 * 1024
READS = 32  # in a row, before what was read is looked at
SEND_SECONDS = 5.0  # who doesn't read for so long is gone
CLOSE_SECONDS = 1.0  # for the other side's goodbye
KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes
NORMAL, GOING_AWAY, POLICY, MISTAKE, LATER = 1000, 1001, 1008, 1011, 1013  # codes of a close, from RFC 6455


class NoWebSocketError(VoiceError):
    """The request asks for no WebSocket, or in a way that isn't understood."""

    code = "bad_request"


class NoSocketError(VoiceError):
    """The server hands no sockets over."""

    code = "no_streams"


class Gone(Exception):  # noqa: N818 (it is how every conversation ends)
    """The other side has closed the connection, broken it, or stopped reading."""


@dataclass(frozen=True)
class Received:
    """A message; `data` is None when it was longer than MAX_MESSAGE."""

    data: bytes | str | None


class Taken(Response):
    """What a view returns when it has used the socket up: the server writes no answer."""

    def __call__(self, *_: Any) -> Any:
        """End the request; both servers take this for a connection that is done."""
        raise StopIteration


class WebSocket:
    """The server's end of one connection."""

    def __init__(self, environ: dict[str, Any]) -> None:
        """Take the socket and shake hands.

        Raises:
            NoWebSocketError: the request asks for none.
            NoSocketError: the server gives none.
        """
        accept = _accept(environ)
        found = next((environ[name] for name in SOCKETS if name in environ), None)
        if found is None:
            raise NoSocketError("This server can't stream: start it by python web_app.py, or gunicorn with threads.")
        self._socket: socket.socket = found
        self._protocol = Connection(ConnectionType.SERVER)
        self._parts: list[bytes] = []
        self._length = 0
        self._send(accept)

    def receive(self, seconds: float) -> list[Received]:
        """All that has arrived; waits up to `seconds` for the first of it.

        Raises:
            Gone: nothing more will come.
        """
        found: list[Received] = []
        for read in range(READS):
            data = self._read(seconds if read == 0 else 0.0)
            if data is None:
                break
            found += self._understood(data)
        return found

    def send(self, message: dict[str, Any]) -> None:
        """Send JSON.

        Raises:
            Gone: it doesn't arrive.
        """
        self._write(TextMessage(data=json.dumps(message, separators=(",", ":"))))

    def close(self, code: int = NORMAL) -> None:
        """Say goodbye, and wait a moment for the answer: an unread rest would take our last words back."""
        try:
            if self._protocol.state is ConnectionState.OPEN:
                self._write(CloseConnection(code=code))
            until = time.monotonic() + CLOSE_SECONDS
            while (left := until - time.monotonic()) > 0:
                self.receive(left)
        except Gone:
            pass

    def _read(self, seconds: float) -> bytes | None:
        """What has arrived, or None when nothing has within `seconds`."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(READ_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    def _write(self, event: Event) -> None:
        try:
            data = self._protocol.send(event)
        except ProtocolError as error:  # a message after the goodbye
            raise Gone from error
        self._send(data)

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(SEND_SECONDS)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def _understood(self, data: bytes) -> Iterator[Received]:
        """The messages that `data` completes; pings and goodbyes are answered on the way."""
        self._protocol.receive_data(data)
        for event in self._protocol.events():
            if isinstance(event, Message):
                yield from self._collected(event)
            elif isinstance(event, Ping):
                self._write(event.response())
            elif isinstance(event, CloseConnection):
                if self._protocol.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                    self._write(event.response())  # open: what came breaks the rules
                raise Gone

    def _collected(self, part: Message[Any]) -> Iterator[Received]:
        """The message, once `part` is its last; of one that is too long nothing is kept."""
        data = bytes(part.data) if isinstance(part, BytesMessage) else part.data.encode()
        self._length += len(data)
        if self._length > MAX_MESSAGE:
            self._parts.clear()
        elif data:  # empty parts may come without end
            self._parts.append(data)
        if part.message_finished:
            whole = b"".join(self._parts)
            text = whole if isinstance(part, BytesMessage) else whole.decode()
            yield Received(text if self._length <= MAX_MESSAGE else None)
            self._parts, self._length = [], 0


def _accept(environ: dict[str, Any]) -> bytes:
    """The server's half of the handshake."""
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    asks = (
        environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and "upgrade" in re.split(r"[ ,]+", environ.get("HTTP_CONNECTION", "").lower())
        and environ.get("HTTP_SEC_WEBSOCKET_VERSION") == "13"
        and KEY.fullmatch(key)
    )
    if not asks:
        raise NoWebSocketError("This address speaks WebSocket, version 13: open one here.")
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + generate_accept_token(key.encode()),
    ]
    return b"\r\n".join([*lines, b"", b""])
