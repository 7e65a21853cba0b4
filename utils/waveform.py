"""Samples of any length -> a WAV file that every browser plays, and the peaks that draw it."""

import wave
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray

from utils.decoding import SAMPLE_RATE, Samples

PEAKS_PER_SECOND = 10
_PART = SAMPLE_RATE // PEAKS_PER_SECOND  # 1600 samples under each peak


class PeakMeter:
    """The loudest absolute sample of each tenth of a second, as it goes by."""

    def __init__(self) -> None:
        self._found: list[NDArray[np.uint8]] = []
        self._rest = np.empty(0, np.float32)

    def add(self, samples: Samples) -> None:
        """Take the next samples, however many."""
        samples = np.concatenate([self._rest, np.abs(samples)])
        whole = len(samples) // _PART * _PART
        self._keep(samples[:whole].reshape(-1, _PART))
        self._rest = samples[whole:]

    def finish(self) -> bytes:
        """A byte for each tenth of a second, the last perhaps shorter: 255 is full scale."""
        if self._rest.size:
            self._keep(self._rest[None])
        return np.concatenate([np.empty(0, np.uint8), *self._found]).tobytes()

    def _keep(self, parts: Samples) -> None:
        self._found.append(np.rint(255 * np.clip(parts.max(axis=1), 0, 1)).astype(np.uint8))


def write_playable(blocks: Iterable[Samples], file: IO[bytes]) -> tuple[float, bytes]:
    """Write samples as they come (float32, mono, 16 kHz) as a 16-bit WAV file; memory does not grow with them.

    Args:
        blocks: the samples.
        file: an empty file, which is left open.

    Returns:
        How many seconds there were, and their peaks as `PeakMeter` gives them.

    Raises:
        OSError: the disk is full or can't be written.
    """
    peaks, count = PeakMeter(), 0
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
        for block in blocks:
            sound.writeframes(np.clip(np.rint(block * 2.0**15), -(2**15), 2**15 - 1).astype("<i2").tobytes())
            peaks.add(block)
            count += len(block)
    return count / SAMPLE_RATE, peaks.finish()
