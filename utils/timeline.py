"""A long recording as segments: what its windows say, smoothed, and what segments add up to.

`Predictor.timeline` puts it together.
"""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from utils.windows import Window

SMOOTHED_OVER = 1.1  # seconds to each side; chosen on joined clips of validation speakers, docs/timeline.md

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
