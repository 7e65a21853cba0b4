"""Any sound file -> samples: float32, mono, 16 kHz. Bounded in memory and time, whatever the bytes say.

What a file is, is judged by its first bytes, never by its name; bytes that don't begin like sound reach no
decoder. libsndfile decodes in this process, so only five of its many formats are let through: WAV, AIFF,
FLAC, OGG and MP3. Everything else, and what libsndfile gives up on, is decoded by ffmpeg in a process of its
own, which may open nothing but its input, and is killed when it takes too much time or memory.

Lengths in headers are not believed: samples are mixed to mono, resampled and counted block by block, and
decoding stops as soon as there are more than `MAX_SECONDS` of them, or `MAX_TIMELINE_SECONDS` where they are streamed.
"""

import io
import os
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from utils.errors import AudioError, AudioNotFoundError, AudioTooLargeError, UnreadableAudioError, marked
from utils.ffmpeg import find_ffmpeg, running

SAMPLE_RATE = 16_000  # Hz, of all samples everywhere
MAX_SECONDS = 1800  # of sound in one file
MAX_BYTES = 25 * 2**20  # that a door accepts from a stranger; files of one's own may be larger
MAX_DECODE_SECONDS = 10  # of work on one file; 30 minutes of stereo Opus, the slowest, need about 6
MAX_TIMELINE_SECONDS = 4 * 3600  # of sound in one file that is streamed; it may take as much more work
MAX_TIMELINE_BYTES = 512 * 2**20  # 4 hours of 16 kHz WAV have 461 MB, of MP3 at 256 kbit/s just as many
AUDIO_ENDINGS = (
    ".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus", ".webm", ".aif", ".aiff",
)  # fmt: skip
"""What counts as audio in a folder; a file that is named is always tried."""

_BLOCK_FRAMES = 8192
_MAX_CHANNELS = 8
_RATES = range(4_000, 192_001)  # Hz; below and above, resampling itself would be the bomb
_LIBSNDFILE = ("wav", "aiff", "flac", "ogg", "mp3")  # the containers it is let near, by ffmpeg's names
_LONG_OGG = 2**20  # bytes; for Opus libsndfile takes twice ffmpeg's time, too much for half an hour

_UNREADABLE = marked("This can't be read as sound: use a WAV, MP3, M4A, FLAC, OGG or WebM file that plays elsewhere.")
_NO_FFMPEG = marked(
    "Reading this format needs ffmpeg: install it (or pip install imageio-ffmpeg), or use a WAV or MP3 file."
)
_TOO_LONG = marked("This is longer than {minutes} minutes: cut it into shorter pieces.")
_TOO_SLOW = marked("Decoding this took too much time or memory: save it as a WAV file and try again.")
_NOT_NOW = marked("The system could not read or decode this now, perhaps because a disk is full: try again later.")

Samples = NDArray[np.float32]
_File = io.BytesIO | io.FileIO
_Pieces = Generator[Samples, None, None]


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
    gathered = bytearray()  # grows in place: half the peak of joining a list of arrays
    with closing(_pieces(source, MAX_SECONDS)) as pieces:
        for piece in pieces:
            gathered += piece.data
    return np.frombuffer(gathered, dtype=np.float32)


def stream_audio(source: str | Path | bytes, block_seconds: float = 30.0) -> _Pieces:
    """Decode a sound file that may be too long to be held in memory.

    The same samples as `load_audio` gives, under the same protections, of up to `MAX_TIMELINE_SECONDS`. What decodes
    the file is stopped when the iterator is closed.

    Args:
        source: the name of a file, or a file's content.
        block_seconds: length of each block but the last, which is shorter.

    Yields:
        float32 [n], n > 0, mono, 16 kHz, in [-1, 1], contiguous.

    Raises:
        AudioError: as `load_audio`; before the first block, unless the file breaks down or grows too long later.
    """
    size, gathered = max(1, round(block_seconds * SAMPLE_RATE)) * 4, bytearray()  # 4 bytes a sample
    with closing(_pieces(source, MAX_TIMELINE_SECONDS)) as pieces:
        for piece in pieces:
            gathered += piece.data
            while len(gathered) >= size:
                yield np.frombuffer(gathered[:size], dtype=np.float32)
                gathered = gathered[size:]
    if gathered:
        yield np.frombuffer(gathered, dtype=np.float32)


def claimed_seconds(source: str | Path | bytes) -> float | None:
    """How long a file says it is; None where it doesn't, or says what can't be. For progress bars, not for limits."""
    try:
        with _opened(source) as file:
            if _container(file) not in _LIBSNDFILE:
                return None
            file.seek(0)
            with _SoundFile(_ForSoundfile(file)) as sound:
                seconds = float(sound.frames) / max(1, sound.samplerate)
    except (OSError, AudioError, soundfile.SoundFileError):
        return None
    return seconds if 0 < seconds <= MAX_TIMELINE_SECONDS else None


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
        raise AudioNotFoundError("{file} may not be read: change its permissions.", file=name) from error
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise AudioNotFoundError("There is no file {file}: check its name and folder.", file=name) from error
    if file is None:
        raise AudioNotFoundError("{file} is not a file: name a sound file.", file=name)
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


def _pieces(source: str | Path | bytes, limit: int) -> _Pieces:
    """What a file decodes to, little by little: mono, 16 kHz, in [-1, 1]; at most `limit` seconds of it.

    Raises:
        AudioError: as `load_audio`.
    """
    count, spent = 0, 0.0
    try:
        with _opened(source) as file, closing(_decoded(file, limit)) as pieces:
            started = time.thread_time()
            for piece in pieces:
                count += len(piece)
                spent += time.thread_time() - started
                if count > limit * SAMPLE_RATE:
                    raise AudioTooLargeError(_TOO_LONG, minutes=limit // 60)
                if spent > _work_seconds(limit):
                    raise UnreadableAudioError(_TOO_SLOW)
                if len(piece):
                    yield np.clip(piece, -1.0, 1.0)  # resampling overshoots
                started = time.thread_time()
    except OSError as error:  # from the disk that is read, or the one that ffmpeg's input is put on
        raise UnreadableAudioError(_NOT_NOW) from error
    if not count:
        raise UnreadableAudioError(_UNREADABLE)


def _work_seconds(limit: int) -> float:
    """How long decoding may take for a file of at most `limit` seconds."""
    return MAX_DECODE_SECONDS * limit / MAX_SECONDS


def _mixed(blocks: Iterable[Samples], rate: int, channels: int) -> _Pieces:
    """Blocks of decoded frames, float32 [frames, channels], as mono 16 kHz samples; some may be empty."""
    if rate not in _RATES or not 0 < channels <= _MAX_CHANNELS:
        raise UnreadableAudioError(
            "This claims {channels} channels at {rate} Hz: save it with 1 to {most} channels at {low} to {high} kHz.",
            channels=channels,
            rate=rate,
            most=_MAX_CHANNELS,
            low=_RATES[0] // 1000,
            high=_RATES[-1] // 1000,
        )
    mix = np.full(channels, 1 / channels, dtype=np.float32)
    resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1) if rate != SAMPLE_RATE else None
    for block in blocks:
        clean = np.nan_to_num(np.clip(block, -1.0, 1.0), copy=False)
        mono = clean[:, 0] if channels == 1 else clean @ mix
        yield resampler.resample_chunk(mono) if resampler else mono
    if resampler:
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


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


def _decoded(file: _File, limit: int) -> _Pieces:
    """Decode by libsndfile or by ffmpeg, the second of them where the first finds no sample."""
    container = _container(file)
    here, apart = partial(_decode_here, file), partial(_decode_apart, file, container, limit)
    if container not in _LIBSNDFILE:
        if not find_ffmpeg():
            raise UnreadableAudioError(_NO_FFMPEG)
        decoders = [apart]
    else:
        long_ogg = container == "ogg" and file.seek(0, os.SEEK_END) > _LONG_OGG
        decoders = [apart, here] if long_ogg else [here, apart]
    for decode in decoders:
        found = False
        with closing(decode()) as pieces:
            for piece in pieces:
                found = found or len(piece) > 0
                yield piece
        if found:
            return


def _decode_here(file: _File) -> _Pieces:
    """Decode by libsndfile what it can; nothing where it can't."""
    file.seek(0)
    try:
        sound = _SoundFile(_ForSoundfile(file))
    except soundfile.SoundFileError:
        return
    with sound:
        yield from _mixed(_blocks(sound), sound.samplerate, sound.channels)


def _blocks(sound: _SoundFile) -> Iterator[Samples]:
    with suppress(soundfile.SoundFileError):  # damaged from here on
        while len(block := sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
            yield block


def _decode_apart(file: _File, container: str, limit: int = MAX_SECONDS) -> _Pieces:
    """Decode by ffmpeg; nothing where it can't or isn't there.

    Raises:
        UnreadableAudioError: it took too long or too much memory, or it broke down.
    """
    ffmpeg = find_ffmpeg()
    if not ffmpeg:
        return
    with running(ffmpeg, file, container, limit, _work_seconds(limit)) as decoder:
        if form := decoder.form():
            yield from _mixed(decoder.blocks(form.channels), form.rate, form.channels)
        if decoder.wait() < 0:  # by a signal: out of time, or crashed
            raise UnreadableAudioError(_TOO_SLOW)
