"""A long recording in overlapping windows of 3 s: what they share is computed once, and what they say is smoothed.

Here is everything that needs no network: which windows there are, their features and voices, how the network's
answers become segments, and what segments add up to. `Predictor.timeline` puts it together.

A window's numbers are those of its 3 s cut out: a frame inside doesn't know what is around it, so its spectrum is
shared; the frames at a window's edges, which see zeros beyond them, are computed again for each window, and what
depends on a whole clip (its loudest moment, its threshold for voice) is applied to each window's frames.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import (
    CLIP_FRAMES,
    CLIP_SAMPLES,
    FRAME_HOP,
    MIN_VOICED_SECONDS,
    WINDOW,
    find_voice,
    fit_clip,
    spectra,
    voice_cues,
    voiced_frames,
)
from utils.decoding import SAMPLE_RATE, Samples
from utils.features import FeatureSettings, clip_features, extract_features, frame_features, zero_crossings

SHORTEST_HOP, LONGEST_HOP = 0.1, 60.0  # seconds
SMOOTHED_OVER = 1.1  # seconds to each side; chosen on joined clips of validation speakers, docs/timeline.md
HEARD_AROUND = 1.0  # seconds around a segment's middle in which somebody must speak, else it is silence
BLOCK_SECONDS = 60.0  # of the recording at a time: 100 MB, and 2 s in 60 computed twice

_EDGES = (0, 1, CLIP_FRAMES - 1)  # the frames that see beyond the ends of a clip
_FRAMES_AT_A_TIME = 256  # as many spectra as a core's cache holds

Status = Literal["ok", "uncertain", "no_speech"]


@dataclass(frozen=True)
class Segment:
    """One window's answer, smoothed, for the stretch from `start` to `end` (seconds) in the middle of that window.

    `status`, `emotion`, `confidence` and `probabilities` are as in `Prediction`; where nobody speaks (`voiced` is
    false) they are "no_speech", None, 0.0 and {}. Segments follow each other without gaps.
    """

    start: float
    end: float
    status: Status
    emotion: str | None
    confidence: float
    probabilities: dict[str, float]
    voiced: bool


@dataclass(frozen=True)
class Window:
    """What one window says, before smoothing.

    `start` and `end` are those of its segment in seconds, `begin` the sample of the recording at which the window
    begins. `voiced` is how much of its 3 s is voice (0 to 1), `speech` whether somebody speaks around its segment,
    `probabilities` float32 (labels,) or None where there is less than 0.3 s of voice in the window.
    """

    start: float
    end: float
    begin: int
    voiced: float
    speech: bool
    probabilities: NDArray[np.float32] | None


@dataclass(frozen=True)
class Stretch:
    """A piece of a recording, and windows that lie within.

    `offset` is the sample of the recording at which `samples` begin; `begins` and `bounds` (windows,) and
    (windows, 2) are samples of the recording: where each window begins, and its segment begins and ends.
    """

    samples: Samples
    offset: int
    begins: NDArray[np.intp]
    bounds: NDArray[np.intp]


def stretches(blocks: Iterable[Samples], hop: float) -> Iterator[Stretch]:
    """The windows of a recording, in order, with the samples they need; not more of it is held at any time.

    Windows begin at whole frames, so that they can share them: at most 9 ms beside their segment's middle, and near
    the ends of the recording as far inside as they must be. A recording shorter than 3 s is each window's clip.

    Args:
        blocks: the recording, one block after the other.
        hop: seconds from a segment's start to the next one's.
    """
    step, done, offset = round(hop * SAMPLE_RATE), 0, 0
    held = np.empty(0, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        end = offset + len(held)
        ready = np.arange(done, max(done, end // step))  # their segments are here, and their windows?
        ready = ready[_begins(ready, step) + CLIP_SAMPLES <= end]
        if len(ready):
            yield _stretch(held, offset, ready, step, end)
            done += len(ready)
        surplus = min(int(_begins(np.array([done]), step)[0]) - offset, len(held) - CLIP_SAMPLES)
        surplus = max(0, surplus // FRAME_HOP * FRAME_HOP)
        held, offset = held[surplus:], offset + surplus
    end = offset + len(held)
    rest = np.arange(done, -(-end // step))
    if len(rest):
        yield _stretch(held, offset, rest, step, end)


def _begins(numbers: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """Where windows begin, unless the recording's end is in their way."""
    middles = numbers * step + step // 2
    return np.maximum(0, np.rint((middles - CLIP_SAMPLES // 2) / FRAME_HOP).astype(np.intp)) * FRAME_HOP


def _stretch(held: Samples, offset: int, numbers: NDArray[np.intp], step: int, end: int) -> Stretch:
    last = max(0, end - CLIP_SAMPLES) // FRAME_HOP * FRAME_HOP
    bounds = np.stack([numbers * step, np.minimum((numbers + 1) * step, end)], axis=1)
    return Stretch(held, offset, np.minimum(_begins(numbers, step), last), bounds)


def listen(stretch: Stretch, settings: FeatureSettings) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Where the voice is in each window, and the features of those with at least 0.3 s of it.

    Returns:
        bool (windows, 174), voice by frame, and float32 (windows with voice, 174, 120).
    """
    if len(stretch.samples) < CLIP_SAMPLES or settings.kind != "default":
        return _listen_to_each(stretch, settings)
    begins = stretch.begins - stretch.offset
    frames, cues = _framewise(stretch.samples, settings)
    edge_frames, edge_cues = _edges(stretch.samples, begins, settings)
    which = begins[:, None] // FRAME_HOP + np.arange(CLIP_FRAMES)
    of_windows = cues[which]
    of_windows[:, _EDGES] = edge_cues
    voiced = voiced_frames(of_windows)
    speaking = _seconds(voiced) >= MIN_VOICED_SECONDS
    clips = frames[which[speaking]]
    clips[:, _EDGES] = edge_frames[speaking]
    return voiced, clip_features(clips, zero_crossings(stretch.samples, begins[speaking], settings), settings)


def without(voiced: NDArray[np.bool_], refused: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the voice is, but for the windows whose features (as `listen` gives them) were `refused`."""
    kept = voiced.copy()
    kept[np.flatnonzero(_seconds(voiced) >= MIN_VOICED_SECONDS)[refused]] = False
    return kept


def _seconds(voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    return voiced.sum(axis=-1) * FRAME_HOP / SAMPLE_RATE


def _framewise(samples: Samples, settings: FeatureSettings) -> tuple[Samples, Samples]:
    """What `frame_features` and `voice_cues` say of all frames that are centred in the samples."""
    padded = np.pad(samples, WINDOW // 2)
    found = []
    for first in range(0, 1 + len(samples) // FRAME_HOP, _FRAMES_AT_A_TIME):
        piece = padded[first * FRAME_HOP : (first + _FRAMES_AT_A_TIME - 1) * FRAME_HOP + WINDOW]
        found.append((frame_features(spectra(piece), settings), voice_cues(piece)))
    frames, cues = zip(*found, strict=True)
    return np.concatenate(frames), np.concatenate(cues)


def _edges(samples: Samples, begins: NDArray[np.intp], settings: FeatureSettings) -> tuple[Samples, Samples]:
    """The same for the frames at the edges of windows: (windows, 3, ...) each."""
    around = np.array(_EDGES)[:, None] * FRAME_HOP + np.arange(WINDOW)  # counted from half a frame before the window
    inside = (around >= WINDOW // 2) & (around < CLIP_SAMPLES + WINDOW // 2)
    seen = np.pad(samples, WINDOW // 2)[begins[:, None, None] + around] * inside
    side_by_side = seen.reshape(-1)
    shape = (len(begins), len(_EDGES), -1)
    frames = frame_features(spectra(side_by_side, WINDOW), settings)
    return frames.reshape(shape), voice_cues(side_by_side, WINDOW).reshape(shape)


def _listen_to_each(stretch: Stretch, settings: FeatureSettings) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """As `listen`, each window by itself: for recordings shorter than a window, and features that share nothing."""
    voiced = np.zeros((len(stretch.begins), CLIP_FRAMES), dtype=np.bool_)
    found: list[Samples] = []
    last = -1
    for number, begin in enumerate(stretch.begins - stretch.offset):
        cut = stretch.samples[begin : begin + CLIP_SAMPLES]
        if begin == last:  # at the end of the recording
            voiced[number] = voiced[number - 1]
            found += found[-1:] if _seconds(voiced[number]) >= MIN_VOICED_SECONDS else []
            continue
        voice, last = find_voice(cut), begin
        voiced[number, : len(voice.voiced)] = voice.voiced
        if voice.seconds >= MIN_VOICED_SECONDS:
            found.append(extract_features(fit_clip(cut, voice)[0], settings))
    return voiced, np.stack(found) if found else np.empty((0, 0), dtype=np.float32)


def answered(stretch: Stretch, voiced: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> list[Window]:
    """What `listen` found and the network said of it, window by window.

    Args:
        stretch: the windows.
        voiced: (windows, 174) from `listen`.
        probabilities: (windows with voice, labels), in the same order.
    """
    seconds = _seconds(voiced)
    answers = iter(probabilities)
    middles = stretch.bounds.mean(axis=1) - stretch.begins
    reach = np.maximum(np.diff(stretch.bounds, axis=1), HEARD_AROUND * SAMPLE_RATE) / 2
    near = np.abs(np.arange(CLIP_FRAMES) * FRAME_HOP - middles[:, None]) <= reach
    heard = (_seconds(voiced & near) >= MIN_VOICED_SECONDS / 3) & (seconds >= MIN_VOICED_SECONDS)
    return [
        Window(
            start=int(start) / SAMPLE_RATE,
            end=int(end) / SAMPLE_RATE,
            begin=int(begin),
            voiced=float(amount) * SAMPLE_RATE / CLIP_SAMPLES,
            speech=bool(speech),
            probabilities=next(answers) if amount >= MIN_VOICED_SECONDS else None,
        )
        for (start, end), begin, amount, speech in zip(stretch.bounds, stretch.begins, seconds, heard, strict=True)
    ]


def smooth(
    heard: Iterable[Window], hop: float, labels: Sequence[str], uncertain_below: float, over: float = SMOOTHED_OVER
) -> Generator[Segment, None, None]:
    """Windows as segments: each label's probability is the mean of those that the windows around give it.

    A neighbour counts less the farther it is, down to nothing at `over` seconds, and by how much of it is voice. So
    no answer comes from farther than that, and silence says nothing.
    """
    reach = max(0, -int(-over // hop) - 1)
    nearness = 1 - np.abs(np.arange(-reach, reach + 1)) * hop / max(over, hop)
    nothing: list[Window | None] = [None] * reach
    around: deque[Window | None] = deque(maxlen=2 * reach + 1)
    for window in chain(nothing, heard, nothing):
        around.append(window)
        if len(around) == 2 * reach + 1 and (middle := around[reach]):
            yield _segment(middle, _mean(around, nearness) if middle.speech else None, labels, uncertain_below)


def _mean(around: Iterable[Window | None], nearness: NDArray[np.floating]) -> NDArray[np.floating]:
    known = [
        (weight * window.voiced, window.probabilities)
        for window, weight in zip(around, nearness, strict=True)
        if window and window.probabilities is not None
    ]
    weights, probabilities = zip(*known, strict=True)
    return np.average(probabilities, axis=0, weights=weights)


def _segment(
    window: Window, probabilities: NDArray[np.floating] | None, labels: Sequence[str], uncertain_below: float
) -> Segment:
    if probabilities is None:
        return Segment(window.start, window.end, "no_speech", None, 0.0, {}, False)
    best = int(probabilities.argmax())
    return Segment(
        start=window.start,
        end=window.end,
        status="ok" if probabilities[best] >= uncertain_below else "uncertain",
        emotion=labels[best],
        confidence=float(probabilities[best]),
        probabilities={label: float(p) for label, p in zip(labels, probabilities, strict=True)},
        voiced=True,
    )


def merge(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours of the same status and emotion joined, with their probabilities' mean by length."""
    return [_joined(list(run)) for _, run in groupby(segments, key=lambda s: (s.status, s.emotion))]


def _joined(run: list[Segment]) -> Segment:
    first, lengths = run[0], np.array([segment.end - segment.start for segment in run])
    shares = lengths / lengths.sum()
    mean = {
        label: float(np.dot(shares, [segment.probabilities[label] for segment in run])) for label in first.probabilities
    }
    confidence = mean[first.emotion] if first.emotion else 0.0
    return Segment(first.start, run[-1].end, first.status, first.emotion, confidence, mean, first.voiced)


def share(segments: Iterable[Segment]) -> dict[str, float]:
    """How much of the voiced time each emotion has, the most frequent first; the shares sum to 1, or there are none.

    Uncertain segments count as their likeliest emotion.
    """
    seconds: dict[str, float] = {}
    for segment in segments:
        if segment.emotion:
            seconds[segment.emotion] = seconds.get(segment.emotion, 0.0) + segment.end - segment.start
    whole = sum(seconds.values())
    return {emotion: time / whole for emotion, time in sorted(seconds.items(), key=lambda item: -item[1])}
