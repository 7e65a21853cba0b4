"""Serves an app with waitress; on SIGTERM it finishes what it accepted."""

import copy
import errno
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask
from waitress.utilities import RequestEntityTooLarge

from utils.errors import VoiceError
from web.guard import largest_recording

DRAIN_SECONDS = 30.0  # what isn't finished so long after SIGTERM never will be
DISCARD_BYTES = 2**30  # a larger upload is cut off instead of being read to its end
SPARE_THREADS = 8  # for everything that doesn't wait at a gate: health, history, files
MAX_CONNECTIONS = 512


class AddressError(VoiceError):
    """The host or the port can't be listened on."""

    code = "bad_address"


def serve(app: Flask, host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `ready` is called with the address once it listens.

    Raises:
        AddressError: the address is in use, or isn't this machine's.
    """
    listener = _listen(host, port)
    server = _Server(
        app,
        _sock=listener,
        bind_socket=False,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        threads=_threads(app),
        connection_limit=MAX_CONNECTIONS,
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"] + 1,
        inbuf_overflow=128 * 1024,  # larger bodies wait on disk, so that many at once need little memory
        clear_untrusted_proxy_headers=not app.config["PROXIES"],
        ident=None,
    )
    server.adj.recording_bytes = largest_recording(app) + 1
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    stopping = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        stopping.set()
        server.pull_trigger()  # wakes the loop

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    ready(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
    while not stopping.is_set():
        _turn(server, 1.0)
    app.extensions["voice"].streams.stopping.set()
    _drain(server)


def _threads(app: Flask) -> int:
    """One for everybody who may be at a gate or live, and some to spare."""
    return SPARE_THREADS + app.config["STREAMS"] + sum(sum(app.config[gate][:2]) for gate in ("HEARING", "WRITING"))


def _listen(host: str, port: int) -> socket.socket:
    try:
        if port not in range(65_536):  # the system would take it modulo 65536
            raise OverflowError(port)
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            reason = f"Port {port} is in use: stop the program that uses it, or choose another with --port."
        else:
            reason = f"This machine can't listen on {host}, port {port}: choose others with --host and --port."
        raise AddressError(reason) from error


def _turn(server: TcpWSGIServer, seconds: float) -> None:
    """One turn of the loop, with poll() where there is one: select() ends at 1024 open files."""
    server.asyncore.loop(timeout=seconds, use_poll=True, map=server._map, count=1)


def _drain(server: TcpWSGIServer) -> None:
    """Stop listening, answer what has begun, close each connection once nothing is under way on it."""
    server.accepting = False
    server.del_channel()
    server.socket.close()
    deadline = time.monotonic() + DRAIN_SECONDS
    while server.active_channels and time.monotonic() < deadline:
        for channel in list(server.active_channels.values()):
            if not (channel.requests or channel.request or channel.total_outbufs_len):
                channel.handle_close()
        _turn(server, 0.05)
    server.task_dispatcher.shutdown(timeout=1)


class _Parser(HTTPRequestParser):
    """Reads a body that is too large to its end without keeping it: most clients read no answer before that.

    The app then sees the length, and refuses it in its own words.
    """

    _rest = 0

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; one address takes larger bodies than the others."""
        super().parse_header(header_plus)
        if self.path == "/api/recordings":
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = self.adj.recording_bytes

    def received(self, data: bytes) -> int:
        if self._rest:
            consumed = min(self._rest, len(data))
            self._rest -= consumed
            self.completed = not self._rest
            return consumed
        consumed: int = super().received(data)
        too_large = isinstance(self.error, RequestEntityTooLarge) and not self.chunked
        if self.completed and too_large and self.content_length <= DISCARD_BYTES:
            self.error = None
            if self.expect_continue:  # the client waits to be asked for the body: it won't be
                self.expect_continue = False
                self.headers["CONNECTION"] = "close"
            else:
                self._rest, self.completed = self.content_length, False
        return consumed


class _Task(WSGITask):
    """Hands the socket to the app, which may go on with it in a protocol of its own (see web.websocket).

    While a task runs, waitress's loop leaves its socket alone.
    """

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["voice.socket"] = self.channel.socket
        return environ

    def execute(self) -> None:
        try:
            super().execute()
        except StopIteration:  # the app is done with the socket, and so are we
            self.wrote_header = self.close_on_finish = True


class _Channel(HTTPChannel):
    parser_class = _Parser
    task_class = _Task


class _Server(TcpWSGIServer):
    channel_class = _Channel
