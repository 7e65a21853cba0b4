"""A long recording in overlapping windows: where they are, their features and voices, what they share computed once.

A window doesn't reach over a pause, behind which another mood or speaker may begin; it is judged as the clip that it
is. Its numbers are those of its samples cut out: a frame inside doesn't know what is around it, so its spectrum is
shared; the frames at a window's edges, which see zeros beyond them, are computed again for each window, and what
depends on a whole clip (its loudest moment, its threshold for voice) is applied to each window's frames.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import (
    CLIP_FRAMES,
    CLIP_SAMPLES,
    FRAME_HOP,
    MIN_VOICED_SECONDS,
    N_FFT,
    WINDOW,
    find_voice,
    fit_clip,
    framewise,
    spectra,
    voice_cues,
    voiced_frames,
)
from utils.decoding import SAMPLE_RATE, Samples
from utils.encoder import encode
from utils.features import (
    FeatureSettings,
    clip_features,
    extract_features,
    frame_features,
    zero_crossings,
)

SHORTEST_HOP, LONGEST_HOP = 0.1, 60.0  # seconds
WINDOW_FRAMES = 160  # 2.76 s at most, and
LEAST_FRAMES = 70  # 1.2 s at least, unless the pauses around it are nearer to each other;
PAUSE_FRAMES = 23  # 0.4 s without voice: all three chosen on joined clips of validation speakers, docs/timeline.md
HEARD_AROUND = 1.0  # seconds around a segment's middle in which somebody must speak, else it is silence
BLOCK_SECONDS = 60.0  # of the recording at a time: 100 MB, and 6 s in 60 computed twice

_AROUND = 2 * CLIP_SAMPLES  # in which pauses are looked for: 3 s before a segment's middle, 3 s behind it


@dataclass(frozen=True)
class Window:
    """What one window says, before smoothing.

    `start` and `end` are those of its segment in seconds; the window is the `length` samples of the recording from
    `begin` on. `voiced` is how much voice is in it, as a share of 3 s, `speech` whether somebody speaks around its
    segment, `probabilities` float32 (labels,) or None where there is less than 0.3 s of voice in the window.
    """

    start: float
    end: float
    begin: int
    length: int
    voiced: float
    speech: bool
    probabilities: NDArray[np.float32] | None = None

    @property
    def has_voice(self) -> bool:
        """Whether there is enough to judge."""
        return self.voiced * CLIP_SAMPLES / SAMPLE_RATE >= MIN_VOICED_SECONDS


@dataclass(frozen=True)
class Stretch:
    """A piece of a recording, and segments with what is around them.

    `offset` is the sample of the recording at which `samples` begin; `begins` (segments,) and `bounds` (segments, 2)
    are samples of the recording: where the 6 s around each segment begin (of a shorter recording, all of it), and
    where the segment begins and ends.
    """

    samples: Samples
    offset: int
    begins: NDArray[np.intp]
    bounds: NDArray[np.intp]


def stretches(blocks: Iterable[Samples], hop: float) -> Iterator[Stretch]:
    """The segments of a recording, in order, with the samples they need; not more of it is held at any time.

    What is around a segment begins at a whole frame, so that frames can be shared: at most 9 ms beside 3 s before its
    middle, and near the ends of the recording as far inside as it must be.

    Args:
        blocks: the recording, one block after the other.
        hop: seconds from a segment's start to the next one's.
    """
    step, done, offset = round(hop * SAMPLE_RATE), 0, 0
    held = np.empty(0, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        end = offset + len(held)
        ready = np.arange(done, max(done, end // step))  # they are here, and what is around them?
        ready = ready[_begins(ready, step) + _AROUND <= end]
        if len(ready):
            yield _stretch(held, offset, ready, step, end)
            done += len(ready)
        surplus = min(int(_begins(np.array([done]), step)[0]) - offset, len(held) - _AROUND)
        surplus = max(0, surplus // FRAME_HOP * FRAME_HOP)
        held, offset = held[surplus:], offset + surplus
    end = offset + len(held)
    rest = np.arange(done, -(-end // step))
    if len(rest):
        yield _stretch(held, offset, rest, step, end)


def _begins(numbers: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """Where the 6 s around segments begin, unless the recording's end is in their way."""
    middles = numbers * step + step // 2
    return np.maximum(0, np.rint((middles - _AROUND // 2) / FRAME_HOP).astype(np.intp)) * FRAME_HOP


def _stretch(held: Samples, offset: int, numbers: NDArray[np.intp], step: int, end: int) -> Stretch:
    last = max(0, end - _AROUND) // FRAME_HOP * FRAME_HOP
    bounds = np.stack([numbers * step, np.minimum((numbers + 1) * step, end)], axis=1)
    return Stretch(held, offset, np.minimum(_begins(numbers, step), last), bounds)


def listen(stretch: Stretch, settings: FeatureSettings) -> tuple[list[Window], NDArray[Any]]:
    """The windows of a stretch, without answers, and the features of those with at least 0.3 s of voice.

    Returns:
        Windows (segments,), and features of the windows with voice, as `extract_features` gives them.
    """
    cues = framewise(stretch.samples, voice_cues)
    cuts, spoken = _cuts(stretch, cues)
    shared = len(stretch.samples) >= CLIP_SAMPLES and settings.kind in {"default", "encoding"}
    voices, features = _together(stretch.samples, cues, cuts, settings) if shared else _each(stretch, cuts, settings)
    seconds = np.array([_seconds(voiced) for voiced in voices])
    for number, (voiced, (first, _)) in enumerate(zip(voices, cuts, strict=True)):  # a soft voice beside a loud one
        frames = (first + stretch.offset) // FRAME_HOP + np.arange(len(voiced))
        spoken[number] |= _speaks(voiced, frames, stretch.bounds[number : number + 1])[0]
    windows = [
        Window(
            start=int(start) / SAMPLE_RATE,
            end=int(end) / SAMPLE_RATE,
            begin=stretch.offset + int(first),
            length=int(last - first),
            voiced=float(amount) * SAMPLE_RATE / CLIP_SAMPLES,
            speech=bool(heard and amount >= MIN_VOICED_SECONDS),
        )
        for (start, end), (first, last), amount, heard in zip(stretch.bounds, cuts, seconds, spoken, strict=True)
    ]
    return windows, features


def _cuts(stretch: Stretch, cues: Samples) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Each segment's window, first and last sample (segments, 2), and whether somebody speaks around the segment."""
    begins, size = stretch.begins - stretch.offset, min(len(stretch.samples), _AROUND)
    alone = size <= CLIP_SAMPLES  # else frames that see what is farther are left out, as it isn't always at hand
    frames = np.arange(len(cues)) if alone else np.arange(2, size // FRAME_HOP)
    voiced = voiced_frames(cues[begins[:, None] // FRAME_HOP + frames])
    speech = _speaks(voiced, stretch.begins[:, None] // FRAME_HOP + frames, stretch.bounds)
    if alone:
        return np.tile(np.array([0, size]), (len(begins), 1)), speech
    middles = stretch.bounds.mean(axis=1) - stretch.begins
    numbers = middles.astype(np.intp) // FRAME_HOP - frames[0]
    first, last = frames[0] + np.transpose([between_pauses(*both) for both in zip(voiced, numbers, strict=True)])
    length = np.minimum((last - first) * FRAME_HOP, CLIP_SAMPLES)
    length -= (length - CLIP_SAMPLES) % (2 * FRAME_HOP)  # zeros on both sides are whole frames, as `fit_clip` adds them
    start = begins + first * FRAME_HOP
    return np.stack([start, start + length], axis=1), speech


def _speaks(voiced: NDArray[np.bool_], frames: NDArray[np.intp], bounds: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether somebody speaks around each segment: voice in `frames` of the recording, (segments, frames)."""
    reach = np.maximum(np.diff(bounds, axis=1), HEARD_AROUND * SAMPLE_RATE) / 2
    near = np.abs(frames * FRAME_HOP - bounds.mean(axis=1)[:, None]) <= reach
    return np.asarray(_seconds(voiced & near) >= MIN_VOICED_SECONDS / 3)


def between_pauses(voiced: NDArray[np.bool_], middle: int) -> tuple[int, int]:
    """The window around a frame: `WINDOW_FRAMES`, but no further than the pauses before and after the middle.

    A pause ends in the middle between two voices. What is shorter than `LEAST_FRAMES` reaches further on the other
    side.

    Args:
        voiced: where the voice is, bool (frames,).
        middle: the frame.

    Returns:
        The first frame, and that behind the last.
    """
    spoken = np.flatnonzero(voiced)
    pauses = np.flatnonzero(np.diff(spoken) >= PAUSE_FRAMES)
    centres = (spoken[pauses] + spoken[pauses + 1]) // 2
    left = max(centres[centres <= middle], default=0)
    right = min(centres[centres > middle], default=len(voiced))
    first, last = max(left, middle - WINDOW_FRAMES // 2), min(right, middle + WINDOW_FRAMES // 2)
    last = min(right, max(last, first + LEAST_FRAMES))
    return int(max(left, min(first, last - LEAST_FRAMES))), int(last)


def _together(
    samples: Samples, cues: Samples, cuts: NDArray[np.intp], settings: FeatureSettings
) -> tuple[list[NDArray[np.bool_]], NDArray[Any]]:
    """Where the voice is in each cut, by frame, and the features of those with enough, from what they share."""
    margins = (CLIP_SAMPLES - np.diff(cuts)) // (2 * FRAME_HOP)  # frames of zeros on each side; (cuts, 1)
    edges, seen = _edges(samples, cuts, margins)
    edge_cues = voice_cues(seen, WINDOW).reshape(*edges.shape, -1)
    voices, spoken, clips = [], [], []
    for number, ((first, last), (margin,)) in enumerate(zip(cuts, margins, strict=True)):
        heard = cues[_shared(first, margin)].copy()
        heard[[0, 1, -1]] = edge_cues[number, 1:4]
        voices.append(voiced_frames(heard))
        if _seconds(voices[-1]) >= MIN_VOICED_SECONDS:
            spoken.append(number)
            before = margin * FRAME_HOP
            clips.append(np.pad(samples[first:last], (before, CLIP_SAMPLES - (last - first) - before)))
    if not clips:
        return voices, np.empty((0, *settings.shape), dtype=np.float32)
    if settings.encoded:
        return voices, encode(np.stack(clips))
    edge_frames = frame_features(spectra(seen, WINDOW), settings).reshape(*edges.shape, -1)
    frames = framewise(samples, lambda piece: frame_features(spectra(piece), settings))
    silence = frame_features(np.zeros((1, 1 + N_FFT // 2), dtype=np.float32), settings)
    stacked = np.tile(silence, (len(spoken), CLIP_FRAMES, 1))
    for clip, number in zip(stacked, spoken, strict=True):
        [margin] = margins[number]
        clip[margin : CLIP_FRAMES - margin] = frames[_shared(cuts[number, 0], margin)]
        clip[edges[number]] = edge_frames[number]
    crossings = [zero_crossings(clip, settings) for clip in clips]
    return voices, clip_features(stacked, np.stack(crossings), settings)


def _shared(first: int, margin: int) -> slice:
    """The frames of a cut that begins with the sample `first`, and to which so many frames of zeros are added."""
    return slice(first // FRAME_HOP, first // FRAME_HOP + CLIP_FRAMES - 2 * margin)


def _edges(samples: Samples, cuts: NDArray[np.intp], margins: NDArray[np.intp]) -> tuple[NDArray[np.intp], Samples]:
    """The frames of each cut's clip that see beyond its ends, (cuts, 6), and what they see, side by side."""
    ends = np.concatenate([margins, CLIP_FRAMES - margins], axis=1)
    frames = (ends[:, :, None] + (-1, 0, 1)).reshape(len(cuts), -1).clip(0, CLIP_FRAMES - 1)
    middles = cuts[:, :1] + (frames - margins) * FRAME_HOP
    around = middles[:, :, None] + np.arange(WINDOW) - WINDOW // 2
    inside = (around >= cuts[:, :1, None]) & (around < cuts[:, 1:, None])
    return frames, (samples[around.clip(0, len(samples) - 1)] * inside).reshape(-1)


def _each(
    stretch: Stretch, cuts: NDArray[np.intp], settings: FeatureSettings
) -> tuple[list[NDArray[np.bool_]], NDArray[Any]]:
    """As `_together`, each cut by itself: for recordings shorter than a clip, and features that share nothing."""
    voices, features = [], []
    heard: dict[tuple[int, int], tuple[NDArray[np.bool_], Samples | None]] = {}
    for first, last in cuts.tolist():
        if (first, last) not in heard:
            cut = stretch.samples[first:last]
            voice = find_voice(cut)
            speaks = voice.seconds >= MIN_VOICED_SECONDS
            clip = extract_features(fit_clip(cut, voice)[0], settings) if speaks else None
            heard = {(first, last): (voice.voiced, clip)}  # the last: neighbours often have the same
        voiced, found = heard[first, last]
        voices.append(voiced)
        features += [] if found is None else [found]
    return voices, np.array(features, dtype=np.float32).reshape(-1, *settings.shape)


def _seconds(voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    return voiced.sum(axis=-1) * FRAME_HOP / SAMPLE_RATE


def answered(windows: Sequence[Window], probabilities: NDArray[np.float32], speech: NDArray[np.bool_]) -> list[Window]:
    """The windows with what the network said of them.

    Args:
        windows: from `listen`.
        probabilities: (windows with voice, labels), in the same order.
        speech: (windows with voice,), false where it hears no voice: those count as silent.
    """
    answers = iter(zip(probabilities, speech, strict=True))
    return [_answered(window, *next(answers)) if window.has_voice else window for window in windows]


def _answered(window: Window, probabilities: NDArray[np.float32], speech: bool) -> Window:
    if not speech:
        return replace(window, voiced=0.0, speech=False)
    return replace(window, probabilities=probabilities)
