"""ffmpeg in a process of its own: bytes that nobody vouches for on one side, frames of samples on the other.

It may open nothing but its input, decode nothing but what is on a list, has limits on time and memory, knows no
secrets, and is gone, with all it started, when its reader is.
"""

import io
import math
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

_MEMORY = 512 * 2**20  # bytes of address space
_FRAMES = 2**16  # that are waited for at once; each wait costs a thread

# What ffmpeg may decode; it knows hundreds more codecs, and few of them were written with strangers in mind.
_CODECS = (
    "aac,aac_latm,alac,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,libvorbis,flac,amrnb,amrwb,speex,libspeex,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_mulaw,pcm_alaw"
)
# Sets limits that last through exec; what a system doesn't know (address space on macOS) it does without.
_LIMITED = 'ulimit -c 0; ulimit -t {seconds}; ulimit -v {kilobytes}; exec "$@"'


class Form(NamedTuple):
    """What ffmpeg says of the samples to come; whether that can be is for the reader to judge."""

    rate: int
    channels: int


def find_ffmpeg() -> str | None:
    """The system's ffmpeg, else the one that imageio-ffmpeg carries, else None."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


@contextmanager
def running(
    ffmpeg: str, file: io.BytesIO | io.FileIO, container: str, limit: int, patience: float
) -> Iterator["Decoder"]:
    """ffmpeg, decoding a file; gone, with all it started, when the block is left.

    Args:
        ffmpeg: the program.
        file: from its start on.
        container: the one format it may be, by ffmpeg's name.
        limit: seconds of sound after which it stops.
        patience: seconds that it may work, and that we wait for it.
    """
    # No secrets: an environment with nothing but what programs need to start.
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    with _on_disk(file) as stdin:
        process = subprocess.Popen(  # noqa: S603 (a fixed command; the input is only ever on stdin)
            command(ffmpeg, container, limit, patience),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept,
            start_new_session=True,
        )
        with process:
            try:
                yield Decoder(process, patience)
            finally:
                _kill(process)


def command(ffmpeg: str, container: str, limit: int, patience: float) -> list[str]:
    """From a container on standard input to AU (a 24-byte header, then samples) on standard output.

    `cache:` lets ffmpeg go back and forth in its input: in many M4A files the index is at the end.
    """
    options = (
        f"-nostdin -loglevel quiet -threads 1 -protocol_whitelist cache,pipe -format_whitelist {container} "
        f"-codec_whitelist {_CODECS} -f {container} -read_ahead_limit -1 -i cache:pipe:0 "
        f"-map 0:a:0 -vn -sn -dn -t {limit + 1} -c:a pcm_f32be -f au pipe:1"
    )
    whole = [ffmpeg, *options.split()]
    limited = _LIMITED.format(seconds=math.ceil(patience), kilobytes=_MEMORY // 1024)
    return ["/bin/sh", "-c", limited, "sh", *whole] if os.name == "posix" else whole


@contextmanager
def _on_disk(file: io.BytesIO | io.FileIO) -> Iterator[IO[bytes]]:
    """The file from its start, as one that another process can inherit."""
    file.seek(0)
    if not isinstance(file, io.BytesIO):
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):  # it ended a moment ago
            os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()


class Decoder:
    """What ffmpeg decodes, as it comes; killed once we have waited for it for too long, all waits together.

    The time in which nobody asks doesn't count: a stream is read at its reader's pace.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        self._process = process
        self._left = seconds

    def form(self) -> Form | None:
        """What is to come, from the head of the AU stream; None where nothing is."""
        head = self._read(24)
        if len(head) < 24:
            return None
        _, offset, _, _, rate, channels = struct.unpack(">4s5I", head)
        self._read(max(0, offset - 24))  # a comment
        return Form(rate, channels)

    def blocks(self, channels: int) -> Iterator[NDArray[np.float32]]:
        """Samples as they come, float32 (frames, channels)."""
        frame = 4 * channels
        while len(data := self._read(_FRAMES * frame)) >= frame:
            whole = data[: len(data) // frame * frame]
            yield np.frombuffer(whole, dtype=">f4").reshape(-1, channels).astype(np.float32)

    def wait(self) -> int:
        """Its exit status, negative if a signal ended it."""
        with self._waiting():
            return self._process.wait()

    def _read(self, size: int) -> bytes:
        """As many bytes, fewer only at the end."""
        assert self._process.stdout  # noqa: S101 (for mypy)
        with self._waiting():
            return self._process.stdout.read(size)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        started = time.monotonic()
        timer = threading.Timer(max(0.0, self._left), _kill, [self._process])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._left -= time.monotonic() - started
