"""The same words spoken faster, higher or through another filter, with as little changed in all else as can be."""

import numpy as np
import soxr
from numpy.typing import NDArray

from utils.decoding import SAMPLE_RATE, Samples

_GRAIN = 512  # 32 ms: some periods of any voice
_REACH = 160  # 10 ms: a period of the lowest voice
_NEARER = 1e-4  # of likeness, for each sample nearer: of a steady tone all periods are alike, of silence all places
_HANN: Samples = np.hanning(_GRAIN + 1)[:-1].astype(np.float32)
_ONES: Samples = np.ones(_GRAIN, dtype=np.float32)


def at_speed(samples: Samples, factor: float) -> Samples:
    """Another tempo at the same pitch.

    Grains overlap by half; each is taken from where, close to its place, it goes on like the one before it (WSOLA,
    Verhelst & Roelands 1993, ICASSP).

    Args:
        samples: float32, 16 kHz.
        factor: how many times as fast, above 0.

    Returns:
        float32, 1 / factor as long.
    """
    hop, length = _GRAIN // 2, round(len(samples) / factor)
    padded = np.pad(samples, (_GRAIN, 2 * _GRAIN + _REACH))
    out = np.zeros(length + 2 * _GRAIN, dtype=np.float32)
    place = _GRAIN - hop  # its second half begins the sound
    for begin in range(0, length + hop, hop):
        out[begin : begin + _GRAIN] += padded[place : place + _GRAIN] * _HANN
        like = padded[place + hop : place + hop + _GRAIN]
        nearest = min(_GRAIN - hop + round((begin + hop) * factor), len(padded) - _GRAIN - _REACH)
        first = max(nearest - _REACH, 0)
        around = padded[first : nearest + _REACH + _GRAIN]
        energy = np.correlate(around**2, _ONES)
        likeness = np.correlate(around, like) / np.sqrt(energy + 1e-30)
        farther = np.abs(np.arange(first - nearest, first - nearest + len(likeness)))
        place = first + int((likeness - farther * (_NEARER * likeness.max() + 1e-12)).argmax())
    return out[hop : hop + length]


def at_pitch(samples: Samples, factor: float) -> Samples:
    """Another pitch at the same tempo; what the mouth makes of it, the formants, moves along.

    Args:
        samples: float32, 16 kHz.
        factor: how many times as high, above 0.

    Returns:
        float32, as long.
    """
    higher = soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE).astype(np.float32)
    return np.resize(at_speed(higher, len(higher) / len(samples)), len(samples))


def through_filter(samples: Samples, frequencies: NDArray[np.floating], decibels: NDArray[np.floating]) -> Samples:
    """Louder or softer at some frequencies, in between on a line; the phases stay.

    Args:
        samples: float32, 16 kHz.
        frequencies: in hertz, rising.
        decibels: by how much louder there.

    Returns:
        float32, as long.
    """
    spectrum = np.fft.rfft(samples)
    gains = np.interp(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), frequencies, decibels)
    return np.fft.irfft(spectrum * 10 ** (gains / 20), len(samples)).astype(np.float32)
