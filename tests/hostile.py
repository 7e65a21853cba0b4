"""Files that bite: what a stranger may send instead of a voice.

`hostile_inputs()` yields (name, content). The part of the name before the slash says what must come of it:

- `not-sound/`  refused as unreadable, without any decoder being started
- `bomb/`       small, and longer than 30 minutes when decoded: refused as too large
- all others    refused with an AudioError, or decoded: `damaged/` and, by container, `wav/`, `mov/`, ...

`python -m tests.hostile FOLDER` writes them all into a folder.
"""

import functools
import io
import itertools
import random
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from utils.decoding import find_ffmpeg

RATE = 16_000
HOUR = 3600
TOO_LONG = 31 * 60
SOUNDFILE_CLIPS = {  # name -> format and subtype
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis.ogg": ("OGG", "VORBIS"),
    "opus.ogg": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
FFMPEG_CLIPS = {  # name -> ffmpeg's arguments for the output
    "m4a": ("-c:a", "aac", "-f", "ipod"),
    "fragmented.mp4": ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"),
    "aac": ("-c:a", "aac", "-f", "adts"),
    "webm": ("-c:a", "libopus", "-compression_level", "0", "-f", "webm"),
}


def tone(seconds: float = 3.0, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    """A tone of amplitude 0.3 with a little noise, float32 [n]."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.3 * np.sin(2 * np.pi * hertz * time) + 0.005 * noise).astype(np.float32)


def written(samples: np.ndarray, rate: int, container: str, subtype: str) -> bytes:
    """A file made by libsndfile, a second at a time: its Vorbis encoder crashes on minutes at once."""
    file = io.BytesIO()
    channels = samples.shape[1] if samples.ndim > 1 else 1
    with soundfile.SoundFile(file, "w", rate, channels, subtype, format=container) as output:
        for start in range(0, len(samples), rate):
            output.write(samples[start : start + rate])
    return file.getvalue()


def converted(source: bytes, *arguments: str) -> bytes:
    """What ffmpeg makes of a WAV file."""
    return _ffmpeg(["-f", "wav", "-i", "pipe:0", *arguments], source)


def _ffmpeg(arguments: list[str], source: bytes = b"") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")  # a file: M4A can't be written to a pipe
        command = [find_ffmpeg() or "ffmpeg", "-v", "error", "-y", *arguments, str(output)]
        subprocess.run(command, input=source, check=True, timeout=120)
        return output.read_bytes()


@functools.cache
def clips() -> dict[str, bytes]:
    """Three good seconds in every format; those that need ffmpeg only where there is one."""
    made = {name: written(tone(), RATE, *how) for name, how in SOUNDFILE_CLIPS.items()}
    if find_ffmpeg():
        made |= {name: converted(made["wav"], *how) for name, how in FFMPEG_CLIPS.items()}
    return made


def hostile_inputs(*, bombs: bool = False) -> Iterator[tuple[str, bytes]]:
    """All of them; the bombs take about half a minute to make."""
    groups = [("not-sound", _not_sound()), ("wav", _wav_lies()), ("damaged", _damaged())]
    groups += [("other", _other_lies())]
    if bombs:
        groups += [("bomb", _bombs())]
    for group, members in groups:
        for name, content in members:
            yield f"{group}/{name}", content


def mutations(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Good clips with a few random changes each: bytes, blocks, lengths, order."""
    chance = random.Random(seed)
    names = sorted(clips())
    for number in range(count):
        name = chance.choice(names)
        content = bytearray(clips()[name])
        for _ in range(chance.randint(1, 8)):
            _mutate(content, chance)
        yield f"mutated/{number}-{name}", bytes(content)


def _mutate(content: bytearray, chance: random.Random) -> None:
    # The first bytes hold the headers, where changes hurt most.
    reach = chance.choice([64, 1024, len(content)])
    start = chance.randrange(max(1, min(reach, len(content))))
    length = chance.choice([1, 2, 4, 64, 4096])
    kind = chance.randrange(5)
    if kind == 0:
        content[start : start + length] = chance.randbytes(length)
    elif kind == 1:
        content[start : start + length] = chance.choice([b"\0", b"\xff", b"\x7f"]) * length
    elif kind == 2:
        del content[start : start + length]
    elif kind == 3:
        content[start:start] = content[start : start + length]
    else:
        del content[max(64, start) :]


def _damaged() -> Iterator[tuple[str, bytes]]:
    damages: dict[str, Callable[[bytes], bytes]] = {
        "first-half": lambda b: b[: len(b) // 2],
        "first-40-bytes": lambda b: b[:40],
        "without-last-byte": lambda b: b[:-1],
        "reversed": lambda b: b[::-1],
        "reversed-after-header": lambda b: b[:64] + b[:63:-1],
        "bits-flipped": _bits_flipped,
        "hole-of-zeros": lambda b: b[: len(b) // 3] + bytes(len(b) // 3) + b[2 * len(b) // 3 :],
        "twice": lambda b: b + b,
        "header-then-noise": lambda b: b[:200] + random.Random(1).randbytes(len(b)),
    }
    for (name, content), (damage, change) in itertools.product(clips().items(), damages.items()):
        yield f"{damage}.{name}", change(content)


def _bits_flipped(content: bytes) -> bytes:
    chance = random.Random(2)
    flipped = bytearray(content)
    for _ in range(len(content) // 200):
        flipped[chance.randrange(16, len(content))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _not_sound() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one-byte", b"R"
    yield "zeros", bytes(2**20)
    yield "ones", b"\xff" * 2**20
    yield "carriage-returns", b"\r" * 10 * 2**20
    yield "random", b"\x01" + random.Random(3).randbytes(2**20)
    yield "text.wav", b"This is not sound, whatever its name says.\n" * 100
    yield "utf-16-text", "This is not sound.\n".encode("utf-16") * 100
    yield "sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 49170 RTP/AVP 0\n"
    yield "hls", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    yield (
        "hls-of-a-file",
        b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    )
    yield (
        "dash",
        b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        b'<Representation id="1"><BaseURL>http://127.0.0.1:9/a.mp4</BaseURL></Representation></AdaptationSet>'
        b"</Period></MPD>",
    )
    yield "ffconcat-of-a-file", b"ffconcat version 1.0\nfile '/etc/passwd'\n"
    yield "ffconcat-of-a-url", b"ffconcat version 1.0\nfile 'http://127.0.0.1:9/a.wav'\n"
    yield "playlist.m3u", b"http://127.0.0.1:9/a.mp3\n"
    yield "playlist.pls", b"[playlist]\nFile1=http://127.0.0.1:9/a.mp3\nNumberOfEntries=1\n"
    yield (
        "svg",
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/"/><script>alert(1)</script></svg>',
    )
    yield "html", b"<!doctype html><script>alert(document.cookie)</script>"
    yield "xml-bomb", b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;&c;&c;</a>'
    yield "zip-bomb", _zip(bytes(50 * 2**20))
    yield "gzip", b"\x1f\x8b\x08" + bytes(1000)
    yield "elf", b"\x7fELF\x02\x01\x01" + bytes(1000)
    yield "exe", b"MZ\x90\0" + bytes(1000)
    yield "png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 1000
    yield "jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(1000)
    yield "gif", b"GIF89a" + b"\xff" * 1000
    yield "pdf", b"%PDF-1.7\n" + bytes(1000)
    yield "pickle", b"\x80\x04cos\nsystem\n(S'exit 1'\ntR."
    yield "script", b"#!/bin/sh\ntouch /tmp/owned\n"
    yield "avi", b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(1000)
    yield "midi", b"MThd\0\0\0\6\0\1\xff\xff\0`" + bytes(1000)
    # libsndfile would read these, by parsers that few people ever look at
    yield "au", b".snd" + struct.pack(">5I", 24, 2**32 - 1, 6, 8000, 65_535) + bytes(1000)
    yield "mat4", struct.pack(">5I", 1000, 2**31, 2**31, 0, 2**31) + bytes(1000)
    yield "mat5", b"MATLAB 5.0 MAT-file, Platform: x" + b" " * 92 + b"\0\1IM" + b"\xff" * 1000
    yield "id3-then-mat5", _id3(0) + b"MATLAB 5.0 MAT-file" + b" " * 105 + b"\0\1IM" + b"\xff" * 1000
    yield "id3-then-hls", _id3(0) + b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n"
    yield "id3-that-claims-256-MB", _id3(2**28 - 1) + clips()["mp3"]
    yield "id3-in-id3-in-id3", _id3(0) * 100_000 + clips()["mp3"]


def _zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("voice.wav", content)
    return file.getvalue()


def _id3(size: int) -> bytes:
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def wav(
    body: bytes = bytes(32_000),
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    **lies: int,
) -> bytes:
    """A WAV file whose header says whatever it is told to; `lies`: align, data_size, riff_size, fmt_size."""
    align = lies.get("align", min(65_535, channels * bits // 8))
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * align % 2**32, align, bits)
    chunks = b"fmt " + struct.pack("<I", lies.get("fmt_size", 16)) + form
    chunks += b"data" + struct.pack("<I", lies.get("data_size", len(body))) + body
    return b"RIFF" + struct.pack("<I", lies.get("riff_size", 4 + len(chunks))) + b"WAVE" + chunks


def _wav_lies() -> Iterator[tuple[str, bytes]]:
    for size in (0, 1, 2**31 - 1, 2**31, 2**32 - 1):
        yield f"data-of-{size}-bytes", wav(data_size=size)
    for rate in (0, 1, 3999, 192_001, 2**31 - 1, 2**32 - 1):
        yield f"rate-{rate}", wav(rate=rate)
    for channels in (0, 9, 1025, 65_535):
        yield f"{channels}-channels", wav(channels=channels)
    for bits in (0, 1, 7, 65_535):
        yield f"{bits}-bits", wav(bits=bits)
    yield "align-0", wav(align=0)
    yield "align-65535", wav(align=65_535)
    yield "riff-of-0-bytes", wav(riff_size=0)
    yield "riff-of-4-GB", wav(riff_size=2**32 - 1)
    yield "format-of-4-GB", wav(fmt_size=2**32 - 1)
    yield "format-of-0-bytes", wav(fmt_size=0)
    yield "no-samples", wav(b"")
    yield "half-a-sample", wav(b"\0")
    yield "only-a-name", b"RIFF\0\0\0\0WAVE"
    yield "list-of-4-GB", b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff" + bytes(1000)
    yield "100000-chunks", b"RIFF\xff\xff\xff\xffWAVE" + b"junk\0\0\0\0" * 100_000 + wav()[12:]
    for tag in (0, 2, 0x11, 0x31, 0x55, 0x92, 0x161, 0xFF, 0xFFFE, 0xFFFF):  # ADPCM, GSM, MP3, AC-3, WMA, ...
        yield f"codec-{tag:04x}", wav(random.Random(4).randbytes(32_000), tag=tag)
    for value in ("nan", "inf", "-inf", "3e38"):
        yield f"all-{value}", wav(np.full(RATE, float(value), "<f4").tobytes(), tag=3, bits=32)
    spoilt = tone()
    spoilt[::7], spoilt[::11], spoilt[::13] = np.nan, np.inf, -3e38
    yield "some-not-numbers", wav(np.repeat(spoilt, 2).tobytes(), tag=3, bits=32, channels=2, rate=48_000)
    yield "text-inside", wav(b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n" * 100)


def _patched(content: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """With `value` at `offset` after the mark; unchanged where there is no such mark."""
    at = content.find(mark)
    start = at + len(mark) + offset
    return content if at < 0 else content[:start] + value + content[start + len(value) :]


def _other_lies() -> Iterator[tuple[str, bytes]]:
    good = clips()
    ones = b"\xff" * 4
    yield "flac-of-68-billion-samples", good["flac"][:21] + b"\xff" * 5 + good["flac"][26:]
    yield "flac-at-0-Hz", good["flac"][:18] + bytes(2) + b"\0" + good["flac"][21:]
    yield "flac-header-alone", good["flac"][:42]
    yield "flac-of-4-GB-picture", good["flac"][:42] + b"\6\xff\xff\xff" + good["flac"][42:]
    yield "aiff-of-4-billion-frames", _patched(good["aiff"], b"COMM", 6, ones)
    yield "aiff-of-65535-channels", _patched(good["aiff"], b"COMM", 4, b"\xff\xff")
    yield "aiff-at-endless-Hz", _patched(good["aiff"], b"COMM", 12, b"\x7f\xff" + bytes(8))
    yield "opus-of-255-channels", _patched(good["opus.ogg"], b"OpusHead", 1, b"\xff")
    yield "vorbis-of-255-channels", _patched(good["vorbis.ogg"], b"\1vorbis", 4, b"\xff")
    yield "vorbis-at-4-GHz", _patched(good["vorbis.ogg"], b"\1vorbis", 5, ones)
    yield "vorbis-comment-of-4-GB", _patched(good["vorbis.ogg"], b"\3vorbis", 0, ones)
    yield "ogg-pages-without-end", good["vorbis.ogg"][:58] * 20_000
    yield "mp3-sync-without-end", b"\xff\xfb\x90\x64" * 100_000
    yield "mp3-of-4-billion-frames", _patched(_patched(good["mp3"], b"Info", 4, ones), b"Xing", 4, ones)
    yield "adts-sync-without-end", b"\xff\xf1\x50\x80\x02\x1f\xfc" * 100_000
    yield "adts-then-sdp", b"\xff\xf1v=0\nm=audio 49170 RTP/AVP 0\nc=IN IP4 127.0.0.1\n"
    ftyp = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42"
    yield "mov-name-alone", ftyp
    yield "mov-then-hls", ftyp + b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n"
    yield (
        "mov-boxes-in-boxes",
        ftyp + b"".join(struct.pack(">I4s", 2**31 - 1, b"moov") for _ in range(100_000)),
    )
    yield "mov-box-of-size-1", ftyp + b"\0\0\0\1moov" + ones * 2
    yield "matroska-of-endless-size", b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 7 + bytes(1000)
    yield "matroska-masters-in-masters", b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 100_000
    if "m4a" in good:
        for table in (b"stts", b"stsz", b"stco", b"stsc", b"elst"):
            yield (
                f"mov-{table.decode()}-of-4-billion",
                _patched(good["m4a"], table, 8 - 4 * (table != b"stsz"), ones),
            )
        yield "mov-timescale-0", _patched(good["m4a"], b"mdhd", 12, bytes(4))
        yield "mov-data-elsewhere", _patched(good["m4a"], b"url ", 0, b"\0\0\0\0file:///etc/passwd\0")
        yield "mov-of-65535-channels", _patched(good["m4a"], b"mp4a", 16, b"\xff\xff")


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "hour.flac", written(silence(HOUR, 48_000), 48_000, *SOUNDFILE_CLIPS["flac"])
    for name in ("vorbis.ogg", "opus.ogg", "mp3"):
        yield f"31-minutes.{name}", written(silence(TOO_LONG, RATE), RATE, *SOUNDFILE_CLIPS[name])
    yield "100-minutes-of-8-bit.wav", wav(bytes(6000 * 4000), rate=4000, bits=8)
    if find_ffmpeg():
        for name, arguments in FFMPEG_CLIPS.items():
            nothing = ["-f", "lavfi", "-i", f"anullsrc=r={RATE}:cl=mono:d={TOO_LONG}"]
            yield f"31-minutes.{name}", _ffmpeg([*nothing, *arguments])


def silence(seconds: int, rate: int) -> np.ndarray:
    """int16 [n] that takes no memory."""
    return np.broadcast_to(np.int16(0), seconds * rate)


def write_all(folder: Path, inputs: Iterator[tuple[str, bytes]]) -> None:
    """One file for each input, the slash in its name made a double underscore."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in inputs:
        (folder / name.replace("/", "__")).write_bytes(content)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), hostile_inputs(bombs=True))
