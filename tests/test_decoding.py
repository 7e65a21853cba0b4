"""Every format, rate, width and number of channels becomes the same samples; nothing else gets in."""

import itertools
import os
import shutil
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.hostile import FFMPEG_CLIPS, clips, converted, tone, wav, written
from utils import decoding
from utils.decoding import MAX_SECONDS, SAMPLE_RATE, encode_wav, load_audio
from utils.errors import AudioError, AudioNotFoundError, AudioTooLargeError, UnreadableAudioError

RATES = (8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000)
LOSSLESS = [
    *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
    *(("WAVEX", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")),
    *(("RF64", subtype) for subtype in ("PCM_16", "FLOAT")),
    *(("AIFF", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")),
    *(("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
]
LOSSY = {1: 0.5, 2: 0.5, 6: 2.0}  # dB; of six channels encoders keep only the bass of the sixth
EIGHT_BITS = ("PCM_U8", "PCM_S8", "ULAW", "ALAW")
FFMPEGS = {"system": shutil.which("ffmpeg")}
try:
    FFMPEGS["bundled"] = imageio_ffmpeg.get_ffmpeg_exe()
except RuntimeError:
    FFMPEGS["bundled"] = None

needs_ffmpeg = pytest.mark.skipif(not decoding.find_ffmpeg(), reason="no ffmpeg here")
posix = pytest.mark.skipif(os.name != "posix", reason="limits and process groups are POSIX's")


@pytest.fixture(params=FFMPEGS)
def ffmpeg(request, monkeypatch):
    """Each ffmpeg of this machine in turn is the one that is found."""
    path = FFMPEGS[request.param]
    if not path:
        pytest.skip(f"no {request.param} ffmpeg here")
    monkeypatch.setattr(decoding, "find_ffmpeg", lambda: path)
    return path


def assert_is_the_tone(samples, *, seconds=1.0, late=0.005, level=0.1, hertz=440.0):
    """The contract of load_audio, and `tone()`: its length, its frequency, its level (within `level` dB)."""
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert samples.flags.c_contiguous
    assert np.abs(samples).max() <= 1
    assert len(samples) / SAMPLE_RATE == pytest.approx(seconds, abs=late)
    middle = samples[SAMPLE_RATE // 4 : SAMPLE_RATE // 4 + SAMPLE_RATE // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 4 * len(middle)))
    assert spectrum.argmax() * SAMPLE_RATE / (4 * len(middle)) == pytest.approx(hertz, abs=1)
    rms = np.sqrt(np.mean(middle.astype(np.float64) ** 2))
    assert 20 * np.log10(rms / (0.3 / np.sqrt(2))) == pytest.approx(0, abs=level)


def on_channels(samples, channels):
    return np.repeat(samples[:, None], channels, axis=1)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("container", "subtype"), LOSSLESS)
def test_lossless_formats_keep_length_frequency_and_level(container, subtype, rate, channels):
    content = written(on_channels(tone(1, rate), channels), rate, container, subtype)
    assert_is_the_tone(load_audio(content), late=0.0002, level=0.3 if subtype in EIGHT_BITS else 0.05)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_vorbis_keeps_length_frequency_and_level(rate, channels):
    content = written(on_channels(tone(1, rate), channels), rate, "OGG", "VORBIS")
    assert_is_the_tone(load_audio(content), level=LOSSY[channels])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
def test_opus_keeps_length_frequency_and_level(rate, channels):
    content = written(on_channels(tone(1, rate), channels), rate, "OGG", "OPUS")
    assert_is_the_tone(load_audio(content), level=0.5)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_mp3_keeps_length_frequency_and_level(rate, channels):
    content = written(on_channels(tone(1, rate), channels), rate, "MP3", "MPEG_LAYER_III")
    assert_is_the_tone(load_audio(content), level=0.5)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16_000, 2), (44_100, 1), (48_000, 6), (96_000, 2)])
@pytest.mark.parametrize("name", FFMPEG_CLIPS)
def test_m4a_aac_and_webm_keep_length_frequency_and_level(ffmpeg, name, rate, channels):
    source = written(on_channels(tone(1, rate), channels), rate, "WAV", "PCM_16")
    content = converted(source, *FFMPEG_CLIPS[name])
    # An encoder fills up the last frame of 1024; fragmented files and bare AAC also keep what it put before.
    late = {"webm": 0.007, "m4a": 1024 / rate}.get(name, 3 * 1024 / rate)
    assert_is_the_tone(load_audio(content), late=late, level=LOSSY[channels])


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c:a", "aac", "-movflags", "faststart", "-f", "ipod"),
        ("-c:a", "alac", "-f", "ipod"),
        ("-c:a", "aac", "-f", "mov"),
        ("-c:a", "libopus", "-f", "mp4"),
        ("-c:a", "libvorbis", "-f", "webm"),
        ("-c:a", "flac", "-f", "matroska"),
        ("-c:a", "flac", "-f", "ogg"),
        ("-c:a", "libmp3lame", "-f", "wav"),
        ("-c:a", "aac", "-id3v2_version", "4", "-write_id3v2", "1", "-f", "adts"),
    ],
    ids=" ".join,
)
def test_less_usual_contents_of_usual_containers_are_read(ffmpeg, arguments):
    content = converted(written(tone(1, 48_000), 48_000, "WAV", "PCM_16"), *arguments)
    assert_is_the_tone(load_audio(content), late=0.07, level=0.5)


def test_an_m4a_whose_index_is_far_behind_its_start_is_read(ffmpeg):
    content = converted(written(tone(60), SAMPLE_RATE, "WAV", "PCM_16"), "-c:a", "aac", "-b:a", "128k", "-f", "ipod")
    assert content.find(b"moov") > 2**18
    assert_is_the_tone(load_audio(content), seconds=60, late=0.07, level=0.5)


@needs_ffmpeg
def test_the_sound_of_a_video_is_read():
    picture = ["-f", "lavfi", "-i", "testsrc=d=1:s=64x64:r=5"]
    content = converted(written(tone(1), 16_000, "WAV", "PCM_16"), *picture, "-c:a", "aac", "-f", "mp4")
    assert_is_the_tone(load_audio(content), late=0.07, level=0.5)


@pytest.mark.parametrize("name", sorted(clips()))
def test_a_name_a_path_and_bytes_give_the_same_samples(tmp_path, name):
    path = tmp_path / f"clip.{name}"
    path.write_bytes(clips()[name])
    expected = load_audio(clips()[name])
    np.testing.assert_array_equal(load_audio(path), expected)
    np.testing.assert_array_equal(load_audio(str(path)), expected)


@pytest.mark.parametrize("name", sorted(clips()))
@pytest.mark.parametrize("ending", [".wav", ".mp3", ".raw", ".txt", ""])
def test_content_counts_not_the_name(tmp_path, name, ending):
    path = tmp_path / f"clip{ending}"
    path.write_bytes(clips()[name])
    assert_is_the_tone(load_audio(path), seconds=3, late=0.2, level=0.5)


def test_channels_are_averaged():
    left = tone(1)
    silent = np.zeros_like(left)
    whole = load_audio(written(left, SAMPLE_RATE, "WAV", "FLOAT"))
    half = load_audio(written(np.stack([left, silent], axis=1), SAMPLE_RATE, "WAV", "FLOAT"))
    np.testing.assert_allclose(half, whole / 2, atol=1e-7)
    opposite = load_audio(written(np.stack([left, -left], axis=1), SAMPLE_RATE, "WAV", "FLOAT"))
    np.testing.assert_array_equal(opposite, silent)


def test_16_bits_at_16_khz_are_taken_as_they_are():
    integers = np.random.default_rng(0).integers(-32_768, 32_768, 20_000).astype(np.int16)
    samples = load_audio(written(integers, SAMPLE_RATE, "WAV", "PCM_16"))
    np.testing.assert_array_equal(samples, integers / np.float32(32_768))


def test_what_16_khz_cannot_hold_is_removed_not_folded_down():
    samples = load_audio(written(tone(1, 48_000, hertz=12_000), 48_000, "WAV", "FLOAT"))
    assert np.sqrt(np.mean(samples[2000:-2000] ** 2)) < 0.01


def test_decoding_in_blocks_leaves_no_seams():
    low, high = (load_audio(written(tone(3, rate), rate, "WAV", "FLOAT")) for rate in (16_000, 48_000))
    spectra = [np.abs(np.fft.rfft(x[4000:44_000] * np.hanning(40_000))) for x in (low, high)]
    far_from_the_tone = np.r_[0:1000, 1300:19_000]
    ratio = np.sqrt(np.mean(spectra[1][far_from_the_tone] ** 2) / np.mean(spectra[0][far_from_the_tone] ** 2))
    assert ratio < 1.2  # clicks at the seams would raise the floor


def test_samples_that_are_no_numbers_become_silence_and_too_loud_ones_full_scale():
    values = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.5, 2.0], "<f4")
    samples = load_audio(wav(values.tobytes(), tag=3, bits=32))
    np.testing.assert_array_equal(samples, np.array([0, 1, -1, 1, -1, 0.5, 1], np.float32))


def test_one_spoilt_sample_does_not_spoil_its_neighbours():
    spoilt = tone(1, 48_000)
    spoilt[24_000] = np.nan
    difference = load_audio(written(spoilt, 48_000, "WAV", "FLOAT")) - load_audio(
        written(tone(1, 48_000), 48_000, "WAV", "FLOAT")
    )
    assert np.abs(difference).max() < 0.2
    assert np.abs(difference[:7000]).max() < 1e-6


@pytest.mark.parametrize("size", [2**32 - 1, 2**31, 0])
def test_a_wav_that_was_streamed_has_no_honest_length_and_is_read_to_its_end(size):
    if not size and not decoding.find_ffmpeg():
        pytest.skip("no ffmpeg here")
    body = (tone(1) * 32_767).astype("<i2").tobytes()
    assert_is_the_tone(load_audio(wav(body, data_size=size, riff_size=2**32 - 1)))


def test_a_flac_that_was_streamed_is_read_to_its_end():
    content = bytearray(written(tone(1), SAMPLE_RATE, "FLAC", "PCM_16"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # the number of samples: unknown
    assert_is_the_tone(load_audio(bytes(content)))


def test_an_id3_tag_before_mp3_and_aac_is_stepped_over():
    tag = b"ID3\4\0\0\0\0\2\0" + bytes(256)
    for name in {"mp3", "aac"} & clips().keys():
        assert_is_the_tone(load_audio(tag + clips()[name]), seconds=3, late=0.2, level=0.5)


def test_30_minutes_are_accepted_and_a_sample_more_is_not():
    half_hour = bytes([128]) * (MAX_SECONDS * 4000)
    assert len(load_audio(wav(half_hour, rate=4000, bits=8))) == MAX_SECONDS * SAMPLE_RATE
    with pytest.raises(AudioTooLargeError, match="longer than 30 minutes"):
        load_audio(wav(half_hour + b"\x80", rate=4000, bits=8))


@pytest.mark.parametrize("name", ["wav", "aiff", "flac"])
@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1))
def test_a_cut_file_gives_its_beginning(name, share):
    content, whole = clips()[name], load_audio(clips()[name])
    cut = int(share * len(content))
    try:
        samples = load_audio(content[:cut])
    except UnreadableAudioError:
        assert cut < 20_000
        return
    np.testing.assert_array_equal(samples, whole[: len(samples)])
    assert len(samples) >= len(whole) * share - 16_384


@pytest.mark.parametrize("name", sorted(clips().keys() - {"m4a"}))
def test_half_of_a_compressed_file_gives_about_half_of_its_sound(name):
    content = converted(clips()["wav"], *FFMPEG_CLIPS[name]) if name in FFMPEG_CLIPS else longer(name)
    samples = load_audio(content[: len(content) // 2])
    assert 0.2 < len(samples) / len(load_audio(content)) < 0.8


def longer(name):
    how = {"wav": ("WAV", "PCM_16"), "aiff": ("AIFF", "PCM_16"), "flac": ("FLAC", "PCM_16")}
    how |= {"mp3": ("MP3", "MPEG_LAYER_III"), "vorbis.ogg": ("OGG", "VORBIS"), "opus.ogg": ("OGG", "OPUS")}
    return written(tone(20), SAMPLE_RATE, *how[name])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "can't be read as sound"),
        (b"This is a text.\n" * 100, "can't be read as sound"),
        (clips()["wav"][:44], "can't be read as sound"),
        (clips()["mp3"][:30], "can't be read as sound"),
        (wav(channels=9), "9 channels at 16000 Hz"),
        (wav(rate=3999), "1 channels at 3999 Hz"),
        (wav(rate=192_001), "192001 Hz"),
        (wav(channels=65_535), "can't be read as sound"),
        (wav(rate=0), "can't be read as sound"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_sentence(content, sentence):
    with pytest.raises(UnreadableAudioError, match=sentence) as caught:
        load_audio(content)
    assert_is_a_sentence(caught.value)


def assert_is_a_sentence(error):
    words = str(error)
    assert words.endswith(".")
    assert ": " in words  # what is wrong: what to do
    assert words.isprintable()
    assert len(words) < 200


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.wav", "There is no file missing.wav"),
        ("folder", "folder is not a file"),
        ("missing/clip.wav", "There is no file missing/clip.wav"),
        ("", "There is no file "),
        ("nul\0byte.wav", r"There is no file nul\?byte.wav"),
        ("line\nbreak\x1b[31m.wav", r"There is no file line\?break\?\[31m.wav"),
        ("half a pair \ud800.wav", r"There is no file half a pair \?.wav"),
        ("../" * 30 + "x" * 10_000, r"There is no file \.\./"),
    ],
)
def test_what_is_no_file_is_refused_in_a_sentence(tmp_path, monkeypatch, name, sentence):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(AudioNotFoundError, match=sentence) as caught:
        load_audio(name)
    assert_is_a_sentence(caught.value)
    assert str(tmp_path) not in str(caught.value)


@posix
def test_a_pipe_without_a_writer_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioNotFoundError, match="is not a file"):
        load_audio(tmp_path / "pipe.wav")


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    path = tmp_path / "private.wav"
    path.write_bytes(clips()["wav"])

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # root may open everything
    with pytest.raises(AudioNotFoundError, match=r"private\.wav may not be read"):
        load_audio(path)


def test_decoding_in_this_process_has_its_time_too(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_DECODE_SECONDS", 0)
    with pytest.raises(UnreadableAudioError, match="too much time"):
        load_audio(clips()["flac"])


def test_many_threads_decode_at_once():
    names = sorted(clips()) * 4
    expected = {name: load_audio(clips()[name]) for name in clips()}
    with ThreadPoolExecutor(8) as pool:
        for name, samples in zip(names, pool.map(lambda name: load_audio(clips()[name]), names), strict=True):
            np.testing.assert_array_equal(samples, expected[name])


# --- ffmpeg's process ------------------------------------------------------------


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Puts a shell script in ffmpeg's place."""

    def make(script):
        path = tmp_path / "ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(decoding, "find_ffmpeg", lambda: str(path))
        return tmp_path

    return make


M4A_START = b"\0\0\0\x18ftypM4A " + bytes(100)
AU_HEAD = r"printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\076\200\0\0\0\001'"  # 16 kHz, 1 channel


def test_without_ffmpeg_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(decoding, "find_ffmpeg", lambda: None)
    with pytest.raises(UnreadableAudioError, match="install it") as caught:
        load_audio(M4A_START)
    assert_is_a_sentence(caught.value)
    with pytest.raises(UnreadableAudioError, match="can't be read as sound"):
        load_audio(wav(rate=0))
    assert_is_the_tone(load_audio(clips()["wav"]), seconds=3)


def test_the_systems_ffmpeg_is_preferred_and_none_is_no_error(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/somewhere/{name}")
    assert decoding.find_ffmpeg() == "/somewhere/ffmpeg"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/carried/ffmpeg")
    assert decoding.find_ffmpeg() == "/carried/ffmpeg"

    def none():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    assert decoding.find_ffmpeg() is None


@posix
def test_ffmpeg_gets_limits_and_no_secrets(fake_ffmpeg, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hush")
    folder = fake_ffmpeg('folder=$(dirname "$0"); env > $folder/env; (ulimit -t; ulimit -c) > $folder/limits')
    with pytest.raises(UnreadableAudioError):
        load_audio(M4A_START)
    assert "hush" not in (folder / "env").read_text()
    assert (folder / "limits").read_text().split() == [str(decoding.MAX_DECODE_SECONDS), "0"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the address space is limited on Linux only")
def test_ffmpeg_cannot_take_more_memory_than_it_is_given(fake_ffmpeg):
    folder = fake_ffmpeg('ulimit -v > "$(dirname "$0")/limit"')
    with pytest.raises(UnreadableAudioError):
        load_audio(M4A_START)
    assert int((folder / "limit").read_text()) == 512 * 1024


@posix
def test_an_ffmpeg_that_overstays_is_killed_with_its_children(fake_ffmpeg, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_DECODE_SECONDS", 0.3)
    folder = fake_ffmpeg(f'sleep 60 & echo $! > "$(dirname "$0")/child"; {AU_HEAD}; wait')
    start = time.monotonic()
    with pytest.raises(UnreadableAudioError, match="too much time"):
        load_audio(M4A_START)
    assert time.monotonic() - start < 10
    state = Path("/proc", (folder / "child").read_text().strip(), "stat")
    gives_up = time.monotonic() + 5
    while state.exists() and state.read_text().split()[2] != "Z":
        assert time.monotonic() < gives_up, "the child lives on"
        time.sleep(0.01)


@posix
def test_an_ffmpeg_that_never_stops_talking_is_stopped_at_30_minutes(fake_ffmpeg):
    fake_ffmpeg(f"{AU_HEAD}; exec cat /dev/zero")
    with pytest.raises(AudioTooLargeError):
        load_audio(M4A_START)


@posix
@pytest.mark.parametrize("script", [f"{AU_HEAD}; head -c 64000 /dev/zero; kill -SEGV $$", "kill -KILL $$"])
def test_an_ffmpeg_that_crashes_is_an_unreadable_file(fake_ffmpeg, script):
    fake_ffmpeg(script)
    with pytest.raises(UnreadableAudioError, match="too much time or memory"):
        load_audio(M4A_START)


@posix
@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo not a sound",
        AU_HEAD,
        "head -c 100000 /dev/zero",
        r"printf '.snd\0\0\0\0\377\377\377\377\0\0\0\006\0\0\076\200\0\0\0\001'",
        "head -c 100000 /dev/urandom",
        "exec no-such-program",
    ],
)
def test_an_ffmpeg_that_talks_nonsense_is_an_unreadable_file_and_is_not_heard(fake_ffmpeg, capfd, script):
    fake_ffmpeg(f"echo private >&2; {script}")
    with pytest.raises(UnreadableAudioError):
        load_audio(M4A_START)
    assert capfd.readouterr() == ("", "")


@posix
def test_no_process_thread_or_descriptor_is_left(ffmpeg):
    def left():
        return threading.active_count(), len(os.listdir("/dev/fd"))

    m4a = converted(clips()["wav"], *FFMPEG_CLIPS["m4a"])
    load_audio(m4a)
    before = left()
    for content in itertools.repeat(m4a, 5):
        load_audio(content)
        with pytest.raises(AudioError):
            load_audio(content[:200])
    assert left() == before


def test_a_full_disk_is_a_sentence(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoding, "find_ffmpeg", lambda: "/bin/true")
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(UnreadableAudioError, match="try again later") as caught:
        load_audio(M4A_START)
    assert_is_a_sentence(caught.value)


@posix
def test_a_long_ogg_is_read_without_ffmpeg_too(monkeypatch):
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE * 240).astype(np.float32) / 10
    content = written(noise, SAMPLE_RATE, "OGG", "VORBIS")
    assert len(content) > 2**20
    there = load_audio(content)
    monkeypatch.setattr(decoding, "find_ffmpeg", lambda: None)
    here = load_audio(content)
    assert len(here) == len(noise)
    if len(there) == len(here):
        np.testing.assert_allclose(there, here, atol=1e-4)


# --- encode_wav ------------------------------------------------------------


def test_encoded_wav_is_16_bit_mono_at_16_khz(tmp_path):
    path = tmp_path / "clip.wav"
    path.write_bytes(encode_wav(tone(0.5)))
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", "PCM_16", SAMPLE_RATE, 1)
    assert info.frames == SAMPLE_RATE // 2


@given(hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(-1, 1, width=32)))
def test_encoding_and_loading_loses_less_than_a_16_bit_step_and_only_once(samples):
    loaded = load_audio(encode_wav(samples))
    np.testing.assert_allclose(loaded, samples, atol=1 / 32_768)
    np.testing.assert_array_equal(load_audio(encode_wav(loaded)), loaded)


@pytest.mark.filterwarnings("error")
def test_encoding_clips_what_is_too_loud_and_silences_what_is_no_number():
    samples = np.array([2, -2, np.nan, np.inf, -np.inf, 0.5], np.float32)
    expected = [1, -1, 0, 1, -1, 0.5]
    np.testing.assert_allclose(load_audio(encode_wav(samples)), expected, atol=1 / 32_768)


def test_encoding_takes_strided_and_double_samples():
    samples = tone(0.1).astype(np.float64)[::2]
    np.testing.assert_allclose(load_audio(encode_wav(samples)), samples, atol=1 / 32_768)
