"""The single features, each from the power spectra of one short-time Fourier transform: mel, MFCC, contrast, chroma."""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from utils.audio_preprocessing import N_FFT
from utils.decoding import SAMPLE_RATE, Samples

FREQUENCIES: Samples = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE).astype(np.float32)  # 513 bins, 15.6 Hz apart
CHROMA = 12  # pitch classes


def decibels(power: Samples, dynamic_range: float) -> Samples:
    """Power in dB, at most `dynamic_range` below the clip's loudest value."""
    values = 10 * np.log10(np.maximum(power, 1e-9))
    return np.maximum(values, values.max() - dynamic_range)


@lru_cache
def mel_filters(bands: int) -> Samples:
    """Triangles of equal area, evenly spaced on the mel scale (O'Shaughnessy 1987) from 50 Hz; (513, bands)."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    bottom = 2595 * np.log10(1 + 50 / 700)
    edges = 700 * (10 ** (np.linspace(bottom, top, bands + 2) / 2595) - 1)
    rising = (FREQUENCIES[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - FREQUENCIES[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (edges[2:] - edges[:-2])).astype(np.float32)


@lru_cache
def dct(size: int, count: int) -> Samples:
    """Orthonormal type-II cosine transform, which makes MFCC of log-mel; (size, count)."""
    basis = np.cos(np.pi / size * (np.arange(size)[:, None] + 0.5) * np.arange(count)) * np.sqrt(2 / size)
    basis[:, 0] /= np.sqrt(2)
    return basis.astype(np.float32)


@lru_cache
def _octaves(bands: int) -> tuple[slice, ...]:
    edges = np.concatenate([[0], 200 * 2.0 ** np.arange(bands), [SAMPLE_RATE / 2]])
    bins = np.searchsorted(FREQUENCIES, np.minimum(edges, SAMPLE_RATE / 2))
    bins[-1] = len(FREQUENCIES)
    return tuple(slice(low, high) for low, high in pairwise(bins))


def contrast(power: Samples, bands: int) -> Samples:
    """Peaks against valleys in each octave band, dB (Jiang et al. 2002, ICME); (frames, bands + 1)."""
    contrasts = []
    for band in _octaves(bands):
        values = np.sort(power[:, band], axis=1)
        share = max(1, round(0.1 * values.shape[1]))
        valley, peak = values[:, :share].mean(axis=1), values[:, -share:].mean(axis=1)
        contrasts.append(10 * np.log10((peak + 1e-9) / (valley + 1e-9)))
    return np.stack(contrasts, axis=1)


@lru_cache
def _chroma_filters() -> Samples:
    """How much each bin belongs to each of the 12 pitch classes; (513, 12)."""
    classes = 12 * np.log2(np.maximum(FREQUENCIES, 1) / 440)
    distance = (classes[:, None] - np.arange(CHROMA) + 6) % 12 - 6
    weights = np.exp(-0.5 * (distance / 0.7) ** 2)
    weights[(FREQUENCIES < 60) | (FREQUENCIES > 4000)] = 0
    return weights.astype(np.float32)


def chroma(power: Samples) -> Samples:
    """How strong each pitch class is, the strongest 1; (frames, 12)."""
    strength = power @ _chroma_filters()
    return strength / (strength.max(axis=1, keepdims=True) + 1e-7)


def delta(values: Samples) -> Samples:
    """Slope of each column over five frames, a frame; the ends count on. Same shape."""
    ahead = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    slopes: Samples = 0.2 * (ahead[4:] - ahead[:-4]) + 0.1 * (ahead[3:-1] - ahead[1:-3])
    return slopes
