"""Who speaks: a straight-line view of summaries in which people lie apart, and moods, words and microphones don't.

Nothing of it names anybody: a clip is compared with the voices that somebody taught, and may be none of them.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import BundleError
from utils.voice_profile import VoiceProfile

Floats = NDArray[np.float32]
KNOWN_FROM = 0.5
"""The probability from which on a clip is said to be of a voice."""
FARTHEST = 4.0  # deviations: beyond, a number of a summary says no more
NEAREST = 20  # of the strangers whom a cosine is set against


@dataclass(frozen=True)
class Who:
    """Which of some voices a clip is of.

    `name` is what that voice is called, None where it is none of them; `probability` that of the likeliest voice, where
    a stranger is as likely to begin with as all the voices together.
    """

    name: str | None
    probability: float


@dataclass(frozen=True, eq=False)
class Speakers:
    """What training learnt of telling people apart; float arrays.

    `mean`, `deviation` (size,) of summaries; `projection` (size, axes) of standardized ones and `centre` (axes,) of
    what comes out; `strangers` (people, axes) are directions of people that were trained on; `slope` and `offset` make
    a score the log odds of one and the same person.
    """

    mean: Floats
    deviation: Floats
    projection: Floats
    centre: Floats
    strangers: Floats
    slope: float
    offset: float

    def directions(self, summaries: NDArray[np.floating]) -> Floats:
        """Summaries (clips, size) as directions of length 1; float32 (clips, axes)."""
        standard = np.clip((summaries - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        return unit(standard.astype(np.float32) @ self.projection - self.centre)

    def scores(self, some: Floats, others: Floats) -> Floats:
        """How much alike directions are, as cosines in deviations from those with the `NEAREST` strangers.

        Adaptive symmetric normalization (Matejka et al. 2017, Interspeech): a microphone that makes everybody alike
        makes nobody known.

        Returns:
            float32 (some, others).
        """
        (mean, deviation), (mean_, deviation_) = self._strangeness(some), self._strangeness(others)
        cosines = some @ others.T
        scores: Floats = ((cosines - mean[:, None]) / deviation[:, None] + (cosines - mean_) / deviation_) / 2
        return scores

    def who(self, summary: Floats, voices: Mapping[str, VoiceProfile]) -> Who | None:
        """Which of `voices`, by their names, a clip with this summary (size,) is of; None where there are none."""
        if not voices:
            return None
        taught = self.directions(np.stack([voice.heard(len(summary)) for voice in voices.values()]))
        scores = self.scores(taught, self.directions(summary[None]))[:, 0]
        odds = np.exp(np.clip(self.slope * scores + self.offset, -30, 30)) / len(voices)
        best = int(odds.argmax())
        probability = float(odds[best] / (1 + odds.sum()))
        return Who(list(voices)[best] if probability >= KNOWN_FROM else None, probability)

    def _strangeness(self, directions: Floats) -> tuple[Floats, Floats]:
        nearest = np.sort(directions @ self.strangers.T, axis=1)[:, -NEAREST:]
        return nearest.mean(axis=1), nearest.std(axis=1) + 1e-3

    def to_bytes(self) -> bytes:
        """As a file: arrays in NumPy's own format, half the digits where these are enough."""
        arrays: dict[str, Any] = {
            field.name: np.asarray(getattr(self, field.name), np.float32) for field in fields(self)
        }
        arrays |= {name: arrays[name].astype(np.float16) for name in ("projection", "strangers")}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Speakers":
        """Reads what `to_bytes` wrote; nothing is unpickled.

        Raises:
            BundleError: it is something else.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays = {field.name: file[field.name].astype(np.float32) for field in fields(cls)}
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise BundleError(
                "The trained model and its settings don't fit together: make it again with python train.py."
            ) from error
        slope, offset = (float(arrays.pop(name)) for name in ("slope", "offset"))
        return cls(**arrays, slope=slope, offset=offset)


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors (n, axes) at length 1."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
