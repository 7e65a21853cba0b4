"""Long recordings in windows: each window's numbers are those of its cut, and the segments cover everything."""

import itertools
import os
import subprocess
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.voices import speak
from tests.hostile import clips, hostile_inputs, wav, write_all
from tests.made_up import tiny_bundle
from utils import decoding
from utils.audio_preprocessing import CLIP_SAMPLES, FRAME_HOP, find_voice, fit_clip
from utils.decoding import MAX_TIMELINE_BYTES, MAX_TIMELINE_SECONDS, SAMPLE_RATE, encode_wav, load_audio
from utils.errors import AudioError, AudioNotFoundError, AudioTooLargeError, UnreadableAudioError
from utils.features import FeatureSettings, extract_features
from utils.predictor import Predictor
from utils.timeline import SMOOTHED_OVER, Segment, merge, share, smooth
from utils.windows import LEAST_FRAMES, PAUSE_FRAMES, WINDOW_FRAMES, Window, between_pauses, listen, stretches

pytest.importorskip("onnx")

SHIPPED = Path(__file__).parents[1] / "models"
LABELS = ("neutral", "happy", "sad")
AROUND = 2 * CLIP_SAMPLES
HOPS = (1.0, 0.37, 2.5, 7.0)
needs_ffmpeg = pytest.mark.skipif(not decoding.find_ffmpeg(), reason="no ffmpeg here")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load(tiny_bundle(tmp_path_factory.mktemp("bundle")))


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """Loud and quiet voices, silence, noise, clicks at the seams: 31.7 s, no multiple of anything."""
    rng = np.random.default_rng(3)
    quiet = 0.0005 * rng.standard_normal(90_000).astype(np.float32)
    parts = [speak(6, seed=1), np.zeros(70_000, np.float32), 0.02 * speak(5.3, seed=2, pitch=220), quiet]
    parts += [speak(4, seed=3, pitch=90), np.full(3000, 0.5, np.float32), speak(6.1, seed=4, pitch=180)]
    return np.concatenate(parts)


# --- The same numbers as one clip cut out at that place


def assert_each_window_is_its_cut(predictor: Predictor, samples: np.ndarray, hop: float) -> int:
    """How many windows had speech."""
    speaking = 0
    for window in predictor.windows(samples, hop):
        alone = predictor.predict(samples[window.begin : window.begin + window.length])
        assert (window.probabilities is None) == (alone.emotion is None)
        assert window.voiced * 3 == pytest.approx(alone.voiced_seconds)
        if window.probabilities is not None:
            speaking += 1
            assert window.probabilities == pytest.approx(list(alone.probabilities.values()), abs=1e-4)
    return speaking


@pytest.mark.parametrize("hop", HOPS)
def test_a_window_says_what_predict_says_of_its_cut(predictor: Predictor, recording, hop: float) -> None:
    assert assert_each_window_is_its_cut(predictor, recording, hop) >= 3


@pytest.mark.skipif(not (SHIPPED / "bundle.json").is_file(), reason="no model ships yet")
def test_so_does_the_model_that_ships(recording) -> None:
    assert assert_each_window_is_its_cut(Predictor.load(SHIPPED), recording, 1.0) > 10


@pytest.mark.parametrize("kind", ["default", "encoding"])
@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), gain=st.floats(-60, 10), noise=st.floats(-90, -10), hop=st.sampled_from(HOPS))
def test_features_and_voice_of_windows_are_those_of_their_cuts(
    kind: str, seed: int, gain: float, noise: float, hop: float
) -> None:
    rng = np.random.default_rng(seed)
    samples = speak(7, seed=seed, pitch=rng.uniform(80, 300)) * 10 ** (gain / 20)
    samples = (samples + rng.standard_normal(len(samples)) * 10 ** (noise / 20)).clip(-1, 1).astype(np.float32)
    heard_as = FeatureSettings(kind=kind)
    for stretch in stretches([samples], hop):
        windows, features = listen(stretch, heard_as)
        cuts = [samples[window.begin : window.begin + window.length] for window in windows]
        voices = [find_voice(cut) for cut in cuts]
        assert [window.voiced * 3 for window in windows] == pytest.approx([voice.seconds for voice in voices])
        heard = [(cut, voice) for window, cut, voice in zip(windows, cuts, voices, strict=True) if window.has_voice]
        alone = [extract_features(fit_clip(*both)[0], heard_as) for both in heard]
        np.testing.assert_allclose(features, np.reshape(alone, (len(heard), *heard_as.shape)), atol=1e-3)


def test_a_recording_shorter_than_a_window_is_heard_as_predict_hears_it(predictor: Predictor) -> None:
    samples = speak(2.2, seed=5)
    expected = predictor.predict(samples)
    segments = list(predictor.timeline(samples))
    assert [(s.start, s.end) for s in segments] == [(0, 1), (1, 2), (2, 2.2)]
    for segment in segments:
        assert segment.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


# --- Windows and pauses


def test_a_window_is_around_its_middle_where_there_is_no_pause() -> None:
    assert between_pauses(np.ones(400, bool), 200) == (200 - WINDOW_FRAMES // 2, 200 + WINDOW_FRAMES // 2)
    assert between_pauses(np.zeros(400, bool), 200) == (200 - WINDOW_FRAMES // 2, 200 + WINDOW_FRAMES // 2)


def test_a_window_does_not_reach_over_a_pause() -> None:
    voiced = np.ones(400, bool)
    voiced[150 : 150 + PAUSE_FRAMES - 1] = voiced[250 : 250 + PAUSE_FRAMES - 1] = False
    before, after = 150 + PAUSE_FRAMES // 2 - 1, 250 + PAUSE_FRAMES // 2 - 1
    assert between_pauses(voiced, 200) == (before, after)
    assert between_pauses(voiced, before) == (before, before + WINDOW_FRAMES // 2)
    assert between_pauses(voiced, before - 1)[1] == before
    shorter = voiced.copy()
    shorter[150] = True
    assert between_pauses(shorter, 200)[0] == 200 - WINDOW_FRAMES // 2


@given(voiced=st.lists(st.booleans(), min_size=174, max_size=346), middle=st.integers(0, 345))
def test_a_window_holds_its_middle_and_is_neither_too_long_nor_needlessly_short(voiced: list[bool], middle: int):
    middle %= len(voiced)
    first, last = between_pauses(np.array(voiced), middle)
    assert 0 <= first <= middle < last <= len(voiced)
    assert last - first <= WINDOW_FRAMES
    if not any(np.diff(np.flatnonzero(voiced)) >= PAUSE_FRAMES):
        assert last - first >= LEAST_FRAMES


def test_what_is_behind_a_pause_changes_nothing(predictor: Predictor) -> None:
    """However another voice goes on behind it, as loud as this one."""
    before = np.concatenate([speak(4, seed=1), np.zeros(SAMPLE_RATE, np.float32), speak(1, seed=2)])
    one, other = (list(predictor.windows(np.concatenate([before, speak(5, seed=n)]))) for n in (3, 4))
    for left, right in zip(one[:4], other[:4], strict=True):
        assert (left.begin, left.length) == (right.begin, right.length)
        assert left.begin + left.length <= 5 * SAMPLE_RATE
        np.testing.assert_array_equal(left.probabilities, right.probabilities)


# --- Segments cover the recording


@settings(max_examples=200)
@example(length=0, hop=1.0, cuts=[])
@example(length=CLIP_SAMPLES, hop=1.0, cuts=[])
@example(length=CLIP_SAMPLES + 1, hop=0.1, cuts=[1])
@example(length=400_000, hop=60.0, cuts=[200_000])
@given(
    length=st.integers(0, 500_000),
    hop=st.floats(0.1, 60),
    cuts=st.lists(st.integers(0, 500_000), max_size=8),
)
def test_segments_have_what_is_around_them_however_the_recording_comes(length: int, hop: float, cuts: list[int]):
    samples = np.arange(length, dtype=np.float32)
    places = sorted({0, length, *(cut for cut in cuts if cut < length)})
    blocks = [samples[first:last] for first, last in itertools.pairwise(places)]
    found = list(stretches(blocks, hop))
    step, end = round(hop * SAMPLE_RATE), 0
    for stretch in found:
        assert len(stretch.begins) == len(stretch.bounds) > 0
        for begin, (first, last) in zip(stretch.begins, stretch.bounds, strict=True):
            assert first == end
            assert last == min(first + step, length)
            end = last
            assert begin % FRAME_HOP == 0
            here = begin - stretch.offset
            around = stretch.samples[here : here + AROUND]
            np.testing.assert_array_equal(around, samples[begin : begin + AROUND])
            assert here >= 0
            assert len(around) == min(AROUND, length)
            ideal = first + step // 2 - AROUND // 2
            nearest = min(max(ideal, 0), max(0, length - AROUND))
            assert abs(begin - nearest) < FRAME_HOP
    assert end == length
    np.testing.assert_array_equal(
        np.concatenate([s.begins for s in found] or [[]]),
        np.concatenate([s.begins for s in stretches([samples], hop)] or [[]]),
    )


@settings(max_examples=20)
@given(length=st.integers(0, 130_000), hop=st.sampled_from((0.25, 1.0, 1.7, 30.0)), seed=st.integers(0, 99))
def test_segments_follow_each_other_from_the_start_to_the_end(predictor: Predictor, length: int, hop: float, seed: int):
    samples = speak(9, seed=seed)[-length:] if length else np.zeros(0, np.float32)
    segments = list(predictor.timeline(samples, hop))
    assert_is_whole(segments, length / SAMPLE_RATE, predictor.labels)
    assert len(segments) == -(-length // round(hop * SAMPLE_RATE))


def assert_is_whole(segments: list[Segment], seconds: float, labels: tuple[str, ...]) -> None:
    ends = [0.0, *(segment.end for segment in segments)]
    assert ends[-1] == seconds
    for segment, end in zip(segments, ends, strict=False):
        assert segment.start == end < segment.end
        assert segment.voiced == (segment.status != "no_speech") == (segment.emotion is not None)
        if segment.voiced:
            assert tuple(segment.probabilities) == labels
            assert all(0 <= p <= 1 for p in segment.probabilities.values())  # false for NaN
            assert sum(segment.probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert segment.confidence == segment.probabilities[segment.emotion] == max(segment.probabilities.values())
        else:
            assert (segment.confidence, segment.probabilities) == (0.0, {})


@pytest.mark.parametrize("hop", [0.0, 0.09, 61.0, -1.0, float("nan"), float("inf")])
def test_there_are_hops_that_make_no_sense(predictor: Predictor, hop: float) -> None:
    with pytest.raises(ValueError, match="hop"):
        predictor.timeline(np.zeros(16_000, np.float32), hop)


# --- Silence


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.1])
def test_silence_and_noise_are_silence(predictor: Predictor, level: float) -> None:
    samples = level * np.random.default_rng(0).standard_normal(200_000).astype(np.float32)
    segments = list(predictor.timeline(samples))
    assert_is_whole(segments, 12.5, predictor.labels)
    assert [(s.start, s.end, s.status) for s in merge(segments)] == [(0, 12.5, "no_speech")]
    assert share(segments) == {}


def test_a_soft_voice_beside_a_loud_one_is_no_silence(predictor: Predictor) -> None:
    samples = np.concatenate([speak(4, seed=1), np.zeros(8_000, np.float32), 0.02 * speak(2.8, seed=2, pitch=200)])
    assert all(segment.voiced for segment in predictor.timeline(samples) if segment.start >= 5)


def test_a_pause_is_where_it_is(predictor: Predictor) -> None:
    samples = np.concatenate([speak(10, seed=1), np.zeros(8 * SAMPLE_RATE, np.float32), speak(10, seed=2)])
    quiet = [s for s in merge(predictor.timeline(samples)) if not s.voiced]
    assert len(quiet) == 1
    assert quiet[0].start == pytest.approx(10, abs=1)
    assert quiet[0].end == pytest.approx(18, abs=1)


def test_the_last_moment_is_heard_however_short_its_segment(predictor: Predictor) -> None:
    samples = np.tile(speak(0.5, seed=1, tempo=3), 21)[: round(10.05 * SAMPLE_RATE)]
    last = list(predictor.timeline(samples))[-1]
    assert (last.start, last.end) == (10, 10.05)
    assert last.voiced


# --- Smoothing


def window(number: int, probabilities: list[float] | None, *, voiced: float = 1.0, hop: float = 1.0) -> Window:
    answers = None if probabilities is None else np.array(probabilities, np.float32)
    return Window(number * hop, (number + 1) * hop, 0, 0, voiced, probabilities is not None, answers)


A, B = [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]


def test_a_constant_answer_stays_what_it_is() -> None:
    for segment in smooth([window(n, A) for n in range(5)], 1.0, LABELS, 0.5):
        assert list(segment.probabilities.values()) == pytest.approx(A, abs=1e-6)
        assert (segment.status, segment.emotion) == ("ok", "neutral")


def test_neighbours_count_by_nearness_and_voice() -> None:
    _, segment, _ = smooth([window(0, B, voiced=0.5), window(1, A), window(2, None)], 1.0, LABELS, 0.5)
    near = (1 - 1 / SMOOTHED_OVER) * 0.5
    expected = (np.array(A) + near * np.array(B)) / (1 + near)
    assert list(segment.probabilities.values()) == pytest.approx(expected, abs=1e-6)


def test_no_answer_comes_from_farther_than_it_is_smoothed_over() -> None:
    for hop in (0.25, 0.5, 1.0, 2.0):
        segments = list(smooth([window(n, A if n < 20 else B, hop=hop) for n in range(40)], hop, LABELS, 0.5))
        assert len(segments) == 40
        for segment in segments:
            answer = list(segment.probabilities.values())
            if abs(segment.start - 20 * hop) >= SMOOTHED_OVER + hop:
                assert answer == pytest.approx(A if segment.start < 20 * hop else B, abs=1e-6)


def test_silence_stays_silent_and_says_nothing() -> None:
    silent, spoken = window(0, None), window(1, A)
    segments = list(smooth([silent, spoken, silent], 1.0, LABELS, 0.5))
    assert [s.status for s in segments] == ["no_speech", "ok", "no_speech"]
    assert list(segments[1].probabilities.values()) == pytest.approx(A, abs=1e-6)


def test_between_two_answers_it_is_uncertain() -> None:
    first, second = smooth([window(0, A), window(1, A)], 1.0, LABELS, 0.71)
    assert first.status == second.status == "uncertain"
    assert first.emotion == "neutral"


def test_nothing_is_nothing() -> None:
    assert list(smooth([], 1.0, LABELS, 0.5)) == merge([]) == []
    assert share([]) == {}


# --- Regions and shares


def segment(start: float, end: float, emotion: str | None, p: float = 0.8, status: str = "ok") -> Segment:
    if emotion is None:
        return Segment(start, end, "no_speech", None, 0.0, {}, False)
    others = {label: (1 - p) / 2 for label in LABELS}
    return Segment(start, end, status, emotion, p, others | {emotion: p}, True)


def test_neighbours_of_one_kind_are_joined() -> None:
    segments = [segment(0, 1, "sad", 0.6), segment(1, 3, "sad", 0.9), segment(3, 4, "sad", 0.5, "uncertain")]
    segments += [segment(4, 5, None), segment(5, 6, None), segment(6, 6.5, "happy")]
    regions = merge(iter(segments))
    assert [(r.start, r.end, r.status, r.emotion) for r in regions] == [
        (0, 3, "ok", "sad"),
        (3, 4, "uncertain", "sad"),
        (4, 6, "no_speech", None),
        (6, 6.5, "ok", "happy"),
    ]
    assert regions[0].confidence == regions[0].probabilities["sad"] == pytest.approx(0.8)
    assert sum(regions[0].probabilities.values()) == pytest.approx(1)
    assert merge(regions) == regions


def test_shares_are_of_the_time_in_which_somebody_speaks() -> None:
    segments = [segment(0, 2, "sad"), segment(2, 8, None), segment(8, 9, "happy", status="uncertain")]
    assert share(segments) == {"sad": pytest.approx(2 / 3), "happy": pytest.approx(1 / 3)}
    assert list(share(segments)) == ["sad", "happy"]


# --- Streams


@pytest.mark.parametrize("name", sorted(clips()))
@pytest.mark.parametrize("block", [0.7, 30.0])
def test_a_stream_is_what_load_audio_gives(tmp_path: Path, name: str, block: float) -> None:
    (tmp_path / "clip").write_bytes(clips()[name])
    blocks = list(decoding.stream_audio(tmp_path / "clip", block))
    np.testing.assert_array_equal(np.concatenate(blocks), load_audio(clips()[name]))
    size = round(block * SAMPLE_RATE)
    assert [len(b) for b in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert 0 < len(blocks[-1]) <= size
    assert all(b.dtype == np.float32 and b.flags.c_contiguous for b in blocks)


def test_a_name_a_path_bytes_and_samples_are_heard_alike(predictor: Predictor, recording, tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    path.write_bytes(encode_wav(recording))
    expected = list(predictor.timeline(load_audio(path)))
    for source in (path, str(path), path.read_bytes()):
        assert list(predictor.timeline(source)) == expected


def test_hostile_files_are_refused_or_streamed(tmp_path: Path) -> None:
    write_all(tmp_path, hostile_inputs())
    for path in sorted(tmp_path.iterdir()):
        try:
            for block in decoding.stream_audio(path):
                assert np.abs(block).max() <= 1  # false for NaN
                assert len(block) > 0
                assert not path.name.startswith("not-sound")
        except UnreadableAudioError:
            pass


def test_what_is_no_sound_is_an_error_before_the_first_segment(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    for source, error in (
        (b"", UnreadableAudioError),
        (tmp_path / "text.wav", UnreadableAudioError),
        (tmp_path / "nowhere.wav", AudioNotFoundError),
        (tmp_path, AudioNotFoundError),
    ):
        with pytest.raises(error):
            next(predictor.timeline(source, progress=lambda done, whole: None))


def test_four_hours_are_the_most(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    too_many = np.broadcast_to(np.float32(0), MAX_TIMELINE_SECONDS * SAMPLE_RATE + 1)  # takes no memory
    with pytest.raises(AudioTooLargeError, match="longer than 240 minutes"):
        next(predictor.timeline(too_many))
    assert 44 + MAX_TIMELINE_SECONDS * SAMPLE_RATE * 2 <= MAX_TIMELINE_BYTES
    monkeypatch.setattr(decoding, "MAX_TIMELINE_SECONDS", 2)
    with pytest.raises(AudioTooLargeError):
        list(decoding.stream_audio(clips()["wav"]))


@pytest.mark.slow
def test_four_hours_pass() -> None:
    seconds = MAX_TIMELINE_SECONDS
    content = wav(bytes([128]) * (seconds * 4000), rate=4000, bits=8)
    assert sum(len(block) for block in decoding.stream_audio(content)) == seconds * SAMPLE_RATE
    with pytest.raises(AudioTooLargeError, match="longer than 30 minutes"):
        load_audio(content)


def test_memory_does_not_grow_with_length(predictor: Predictor, tmp_path: Path) -> None:
    minute = np.concatenate([speak(5, seed=n) for n in range(6)] + [np.zeros(30 * SAMPLE_RATE, np.float32)])
    peaks = []
    for minutes in (2, 6):
        path = tmp_path / f"{minutes}.wav"
        path.write_bytes(encode_wav(np.tile(minute, minutes)))
        tracemalloc.start()
        assert sum(1 for _ in predictor.timeline(path)) == 60 * minutes
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < 200 * 2**20


# --- Progress and its end


def test_progress_comes_to_the_end_of_a_known_whole(predictor: Predictor, recording, tmp_path: Path) -> None:
    path = tmp_path / "recording.flac"
    path.write_bytes(encode_wav(np.tile(recording, 5)))
    seconds = 5 * len(recording) / SAMPLE_RATE
    calls: list[tuple[float, float | None]] = []
    segments = list(predictor.timeline(path, progress=lambda done, whole: calls.append((done, whole))))
    assert len(calls) >= 2
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == segments[-1].end == pytest.approx(seconds)
    assert all(whole == pytest.approx(seconds) for _, whole in calls)


@pytest.mark.parametrize("content", [b"", b"text", clips()["wav"][:44], clips()["wav"][:20]])
def test_a_length_that_nobody_knows_is_none(content: bytes) -> None:
    assert decoding.claimed_seconds(content) is None


def test_a_length_that_cannot_be_is_none(tmp_path: Path) -> None:
    assert decoding.claimed_seconds(tmp_path / "nowhere.wav") is None
    assert decoding.claimed_seconds(clips()["flac"][:21] + b"\xff" * 5 + clips()["flac"][26:]) is None
    assert decoding.claimed_seconds(clips()["flac"]) == pytest.approx(3)


class CancelledError(Exception):
    """What a job raises when it is told to stop."""


def cancel(done: float, whole: float | None) -> None:
    raise CancelledError


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """Every process that is started from now on."""
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return started


AU_HEAD = r"printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\076\200\0\0\0\001'"  # 16 kHz, 1 channel
M4A_START = b"\0\0\0\x18ftypM4A " + bytes(100)


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A file that a false ffmpeg decodes to silence without end."""
    fake_ffmpeg(tmp_path, monkeypatch, f"{AU_HEAD}; exec cat /dev/zero")
    return M4A_START


def fake_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(decoding, "find_ffmpeg", lambda: str(path))


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for ffmpeg")
@pytest.mark.parametrize("how", ["progress raises", "the iterator is closed"])
def test_whoever_stops_listening_stops_the_decoder(predictor: Predictor, endless: bytes, processes, how: str) -> None:
    threads = threading.active_count()
    if how == "progress raises":
        with pytest.raises(CancelledError):
            list(predictor.timeline(endless, progress=cancel))
    else:
        segments = predictor.timeline(endless)
        assert next(segments).status == "no_speech"
        assert processes[0].poll() is None
        segments.close()
    assert len(processes) == 1
    assert processes[0].poll() is not None
    assert threading.active_count() == threads


@needs_ffmpeg
def test_a_cancelled_m4a_leaves_no_process(predictor: Predictor, processes) -> None:
    with pytest.raises(CancelledError):
        list(predictor.timeline(clips()["m4a"], progress=cancel))
    assert len(processes) == 1
    assert processes[0].poll() is not None


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for ffmpeg")
def test_a_decoder_that_stalls_is_killed_a_reader_that_pauses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_DECODE_SECONDS", 0.1)  # 0.8 s where a file is streamed
    fake_ffmpeg(tmp_path, monkeypatch, f"{AU_HEAD}; exec head -c 1000000 /dev/zero")
    count = 0
    for number, block in enumerate(decoding.stream_audio(M4A_START, 5.0)):
        count += len(block)
        time.sleep(1.0 if number == 0 else 0)
    assert count == 250_000
    fake_ffmpeg(tmp_path, monkeypatch, f"{AU_HEAD}; head -c 1000000 /dev/zero; exec sleep 60")
    with pytest.raises(UnreadableAudioError, match="too much time"):
        list(decoding.stream_audio(M4A_START, 5.0))


def test_an_error_in_the_middle_ends_it_and_its_threads(predictor: Predictor, recording, monkeypatch) -> None:
    threads = threading.active_count()

    def broken(self, features, voice=None):
        raise AudioError("broken")

    monkeypatch.setattr(Predictor, "hear", broken)
    with pytest.raises(AudioError, match="broken"):
        list(predictor.timeline(recording))
    assert threading.active_count() == threads
