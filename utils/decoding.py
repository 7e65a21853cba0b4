"""Any sound file -> samples: float32, mono, 16 kHz. Bounded in memory and time, whatever the bytes say.

What a file is, is judged by its first bytes, never by its name; bytes that don't begin like sound reach no
decoder. libsndfile decodes in this process, so only five of its many formats are let through: WAV, AIFF,
FLAC, OGG and MP3. Everything else, and what libsndfile gives up on, is decoded by ffmpeg in a process of its
own, which may open nothing but its input, and is killed when it takes too much time or memory.

Lengths in headers are not believed: samples are mixed to mono, resampled and counted block by block, and
decoding stops as soon as there are more than `MAX_SECONDS` of them.
"""

import io
import os
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from utils.errors import AudioNotFoundError, AudioTooLargeError, UnreadableAudioError

SAMPLE_RATE = 16_000  # Hz, of all samples everywhere
MAX_SECONDS = 1800  # of sound in one file
MAX_BYTES = 25 * 2**20  # that a door accepts from a stranger; files of one's own may be larger
MAX_DECODE_SECONDS = 10  # of work on one file; 30 minutes of stereo Opus, the slowest, need about 6

_BLOCK_FRAMES = 8192
_MAX_CHANNELS = 8
_RATES = range(4_000, 192_001)  # Hz; below and above, resampling itself would be the bomb
_LIBSNDFILE = ("wav", "aiff", "flac", "ogg", "mp3")  # the containers it is let near, by ffmpeg's names
_LONG_OGG = 2**20  # bytes; for Opus libsndfile takes twice ffmpeg's time, too much for half an hour
_FFMPEG_MEMORY = 512 * 2**20  # bytes of address space

# What ffmpeg may decode; it knows hundreds more codecs, and few of them were written with strangers in mind.
_CODECS = (
    "aac,aac_latm,alac,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,libvorbis,flac,amrnb,amrwb,speex,libspeex,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_mulaw,pcm_alaw"
)
# Sets limits that last through exec; what a system doesn't know (address space on macOS) it does without.
_LIMITED = f'ulimit -c 0; ulimit -t {MAX_DECODE_SECONDS}; ulimit -v {_FFMPEG_MEMORY // 1024}; exec "$@"'

_UNREADABLE = "This can't be read as sound: use a WAV, MP3, M4A, FLAC, OGG or WebM file that plays elsewhere."
_NO_FFMPEG = "Reading this format needs ffmpeg: install it (or pip install imageio-ffmpeg), or use a WAV or MP3 file."
_TOO_LONG = f"This is longer than {MAX_SECONDS // 60} minutes: cut it into shorter pieces."
_TOO_SLOW = "Decoding this took too much time or memory: save it as a WAV file and try again."
_NOT_NOW = "The system could not read or decode this now, perhaps because a disk is full: try again later."

Samples = NDArray[np.float32]
_File = io.BytesIO | io.FileIO


def load_audio(source: str | Path | bytes) -> Samples:
    """Decode a sound file.

    Reads WAV, AIFF, FLAC, OGG (Vorbis, Opus), MP3 and, by ffmpeg, M4A/MP4, AAC and WebM; 4 to 192 kHz, up to
    8 channels, integer or float. The channels are averaged. Samples that are not numbers become 0, those
    beyond full scale are clipped. A damaged or cut file gives what could be decoded before the damage.

    libsndfile parses hostile bytes in this process: a flaw in it would be a flaw here.

    Args:
        source: the name of a file, or a file's content.

    Returns:
        float32 [n], n > 0, mono, 16 kHz, in [-1, 1], contiguous.

    Raises:
        AudioNotFoundError: there is no such file, or it is no regular file, or may not be read.
        UnreadableAudioError: empty, not sound, damaged beyond use, or in need of an ffmpeg that is not there.
        AudioTooLargeError: it decodes to more than `MAX_SECONDS`.
    """
    try:
        with _opened(source) as file:
            samples = _decode(file)
    except OSError as error:  # from the disk that is read, or the one that ffmpeg's input is put on
        raise UnreadableAudioError(_NOT_NOW) from error
    if not samples.size:
        raise UnreadableAudioError(_UNREADABLE)
    return samples


def encode_wav(samples: ArrayLike) -> bytes:
    """A 16-bit PCM WAV file, mono, 16 kHz.

    Args:
        samples: float [n], 16 kHz. Beyond [-1, 1] is clipped, not a number becomes 0.

    Returns:
        The file's bytes. What was 16 bits before is exactly the same after `load_audio`.
    """
    file = io.BytesIO()
    clean = np.nan_to_num(np.asarray(samples, dtype=np.float32), nan=0.0)
    soundfile.write(file, clean, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


@contextmanager
def _opened(source: str | Path | bytes) -> Iterator[_File]:
    """The source as a file. Unbuffered, so that the position of the descriptor is the one we set."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    name = "".join(c if c.isprintable() else "?" for c in str(source))[:100]
    try:
        regular = stat.S_ISREG(os.stat(source).st_mode)  # opening a FIFO would wait for ever
        file = open(source, "rb", buffering=0) if regular else None  # noqa: SIM115 (closed below)
    except PermissionError as error:
        raise AudioNotFoundError(f"{name} may not be read: change its permissions.") from error
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise AudioNotFoundError(f"There is no file {name}: check its name and folder.") from error
    if file is None:
        raise AudioNotFoundError(f"{name} is not a file: name a sound file.")
    with file:
        yield file


def _container(file: _File) -> str:
    """What the first bytes say, as ffmpeg names it.

    Raises:
        UnreadableAudioError: it doesn't begin like any sound file we read.
    """
    head = file.read(12)
    if head[:3] == b"ID3" and len(head) > 9:  # a tag before MP3 or AAC; its size is four times 7 bits
        high, mid, low, lowest = (byte & 0x7F for byte in head[6:10])
        file.seek(10 + (high << 21 | mid << 14 | low << 7 | lowest))
        head = file.read(12)
    signatures = {
        "wav": head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE",
        "aiff": head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"),
        "flac": head[:4] == b"fLaC",
        "ogg": head[:4] == b"OggS",
        "mov": head[4:8] == b"ftyp",
        "matroska": head[:4] == b"\x1a\x45\xdf\xa3",
        # 11 or 12 bits of ones, then MPEG layer III or II, or the layer 0 that marks AAC
        "mp3": len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in (2, 4),
        "aac": len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0,
    }
    for name, matches in signatures.items():
        if matches:
            return name
    raise UnreadableAudioError(_UNREADABLE)


class _Collector:
    """Takes blocks of decoded frames; holds mono 16 kHz samples, never more than `MAX_SECONDS` of them."""

    def __init__(self, rate: int, channels: int) -> None:
        if rate not in _RATES or not 0 < channels <= _MAX_CHANNELS:
            raise UnreadableAudioError(
                f"This claims {channels} channels at {rate} Hz: save it with 1 to {_MAX_CHANNELS} channels "
                f"at {_RATES[0] // 1000} to {_RATES[-1] // 1000} kHz."
            )
        self._mix = np.full(channels, 1 / channels, dtype=np.float32)
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1) if rate != SAMPLE_RATE else None
        self._bytes = bytearray()  # grows in place: half the peak of joining a list of arrays

    def add(self, block: Samples) -> None:
        """Take float32 [frames, channels]."""
        block = np.nan_to_num(np.clip(block, -1.0, 1.0), copy=False)
        mono = block[:, 0] if len(self._mix) == 1 else block @ self._mix
        self._append(self._resampler.resample_chunk(mono) if self._resampler else mono)

    def finish(self) -> Samples:
        """All samples; nothing can be added afterwards."""
        if self._resampler:
            self._append(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))
        samples = np.frombuffer(self._bytes, dtype=np.float32)
        return np.clip(samples, -1.0, 1.0, out=samples)  # resampling overshoots

    def _append(self, mono: Samples) -> None:
        self._bytes += np.ascontiguousarray(mono).data
        if len(self._bytes) > MAX_SECONDS * SAMPLE_RATE * mono.itemsize:
            raise AudioTooLargeError(_TOO_LONG)


class _SoundFile(soundfile.SoundFile):  # type: ignore[misc]
    """Read from start to end. soundfile seeks after each read where it can, which garbles OGG Opus."""

    def seekable(self) -> bool:
        return False


class _ForSoundfile:
    """What soundfile asks of a file. Impossible seeks do nothing, where it would print a traceback."""

    def __init__(self, file: _File) -> None:
        self._seek = file.seek
        self.tell = file.tell
        self.readinto = file.readinto

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        with suppress(ValueError, OSError, OverflowError):
            self._seek(offset, whence)


def _decode(file: _File) -> Samples:
    """Decode by libsndfile or by ffmpeg; empty when neither finds a sample."""
    container = _container(file)
    if container not in _LIBSNDFILE:
        if not find_ffmpeg():
            raise UnreadableAudioError(_NO_FFMPEG)
        return _decode_apart(file, container)
    if container == "ogg" and file.seek(0, os.SEEK_END) > _LONG_OGG:
        samples = _decode_apart(file, container)
        return samples if samples.size else _decode_here(file)
    samples = _decode_here(file)
    return samples if samples.size else _decode_apart(file, container)


def _decode_here(file: _File) -> Samples:
    """Decode by libsndfile what it can; empty where it can't."""
    file.seek(0)
    deadline = time.thread_time() + MAX_DECODE_SECONDS
    try:
        with _SoundFile(_ForSoundfile(file)) as sound:
            collector = _Collector(sound.samplerate, sound.channels)
            try:
                while len(block := sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                    collector.add(block)
                    if time.thread_time() > deadline:
                        raise UnreadableAudioError(_TOO_SLOW)
            except soundfile.SoundFileError:
                pass  # damaged from here on
            return collector.finish()
    except soundfile.SoundFileError:
        return np.empty(0, np.float32)


def find_ffmpeg() -> str | None:
    """The system's ffmpeg, else the one that imageio-ffmpeg carries, else None."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _decode_apart(file: _File, container: str) -> Samples:
    """Decode by ffmpeg; empty where it can't or isn't there.

    Raises:
        UnreadableAudioError: it took too long or too much memory, or it broke down.
    """
    ffmpeg = find_ffmpeg()
    if not ffmpeg:
        return np.empty(0, np.float32)
    with _on_disk(file) as stdin, _running(_ffmpeg_command(ffmpeg, container), stdin) as process:
        assert process.stdout  # noqa: S101 (for mypy)
        samples = _read_au(process.stdout)
        if process.wait() < 0:  # by a signal: out of time, or crashed
            raise UnreadableAudioError(_TOO_SLOW)
    return samples


def _ffmpeg_command(ffmpeg: str, container: str) -> list[str]:
    """From a container on standard input to AU (a 24-byte header, then samples) on standard output.

    `cache:` lets ffmpeg go back and forth in its input: in many M4A files the index is at the end.
    """
    options = (
        f"-nostdin -loglevel quiet -threads 1 -protocol_whitelist cache,pipe -format_whitelist {container} "
        f"-codec_whitelist {_CODECS} -f {container} -read_ahead_limit -1 -i cache:pipe:0 "
        f"-map 0:a:0 -vn -sn -dn -t {MAX_SECONDS + 1} -c:a pcm_f32be -f au pipe:1"
    )
    command = [ffmpeg, *options.split()]
    return ["/bin/sh", "-c", _LIMITED, "sh", *command] if os.name == "posix" else command


@contextmanager
def _on_disk(file: _File) -> Iterator[IO[bytes]]:
    """The file from its start, as one that another process can inherit."""
    file.seek(0)
    if not isinstance(file, io.BytesIO):
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


@contextmanager
def _running(command: list[str], stdin: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is gone, with all it started, when the block is left or its time is over."""
    # No secrets: an environment with nothing but what programs need to start.
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 (a fixed command; the input is only ever on stdin)
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=kept,
        start_new_session=True,
    )
    timer = threading.Timer(MAX_DECODE_SECONDS, _kill, [process])
    timer.daemon = True
    timer.start()
    try:
        with process:
            try:
                yield process
            finally:
                _kill(process)
    finally:
        timer.cancel()
        timer.join()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):  # it ended a moment ago
            os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()


def _read_au(stream: IO[bytes]) -> Samples:
    """Samples of an AU stream of 32-bit floats; empty where there is none."""
    head = stream.read(24)
    if len(head) < 24:
        return np.empty(0, np.float32)
    _, offset, _, _, rate, channels = struct.unpack(">4s5I", head)
    stream.read(max(0, offset - 24))  # a comment
    collector = _Collector(rate, channels)
    frame = 4 * channels
    while len(data := stream.read(_BLOCK_FRAMES * frame)) >= frame:
        whole = data[: len(data) // frame * frame]
        collector.add(np.frombuffer(whole, dtype=">f4").reshape(-1, channels).astype(np.float32))
    return collector.finish()
