"""THE feature function: 3 s of samples -> (174, 120). Training and serving call this one."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import (
    CLIP_FRAMES,
    CLIP_SAMPLES,
    FRAME_HOP,
    N_FFT,
    level,
    pitch,
    power_spectra,
)
from utils.decoding import SAMPLE_RATE, Samples

_FREQUENCIES = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE).astype(np.float32)  # 513 bins, 15.6 Hz apart
SCALARS = (
    "energy",
    "zero crossings",
    "pitch",
    "periodicity",
    "jitter",
    "shimmer",
    "harmonics to noise",
    "centroid",
    "bandwidth",
    "rolloff",
    "flatness",
    "flux",
    "tilt",
)


@dataclass(frozen=True)
class FeatureSettings:
    """What `extract_features` computes; saved in the bundle and read from there when serving.

    120 features a frame: 40 MFCC, 48 log-mel bands, 7 spectral contrasts, 12 chroma, and the 13 of `SCALARS`.
    """

    sample_rate: int = SAMPLE_RATE
    hop: int = FRAME_HOP
    frames: int = CLIP_FRAMES
    mel_bands: int = 48
    mfcc: int = 40
    contrast_bands: int = 6
    dynamic_range_db: float = 80.0

    @property
    def count(self) -> int:
        """Features a frame."""
        return self.mfcc + self.mel_bands + self.contrast_bands + 1 + 12 + len(SCALARS)

    def names(self) -> tuple[str, ...]:
        """Name of each feature, in order."""
        return (
            *(f"mfcc {i}" for i in range(self.mfcc)),
            *(f"mel {i}" for i in range(self.mel_bands)),
            *(f"contrast {i}" for i in range(self.contrast_bands + 1)),
            *(f"chroma {i}" for i in range(12)),
            *SCALARS,
        )

    def as_dict(self) -> dict[str, float]:
        """For bundle.json; `FeatureSettings(**settings.as_dict())` is the same settings again."""
        return asdict(self)


def extract_features(clip: Samples, settings: FeatureSettings) -> NDArray[np.float32]:
    """Features of one clip, all spectral ones from a single short-time Fourier transform.

    Args:
        clip: 3 s of samples, float32 (48,000,), as `fit_clip` gives them.
        settings: which features.

    Returns:
        float32 (174, 120) with the default settings; always finite.

    Raises:
        ValueError: the clip is not 3 s long.
    """
    if clip.shape != (CLIP_SAMPLES,):
        raise ValueError(f"a clip has {CLIP_SAMPLES} samples, not {clip.shape}: fit it with fit_clip first")
    power = power_spectra(clip, hop=settings.hop)[: settings.frames]
    mel = _decibels(power @ _mel_filters(settings.mel_bands), settings.dynamic_range_db)
    columns = [
        mel @ _dct(settings.mel_bands, settings.mfcc),
        mel,
        _contrast(power, settings.contrast_bands),
        _chroma(power),
        _scalars(clip, power, mel, settings),
    ]
    return np.concatenate(columns, axis=1, dtype=np.float32)


def _decibels(power: Samples, dynamic_range: float) -> Samples:
    """Power in dB, at most `dynamic_range` below the clip's loudest value."""
    decibels = 10 * np.log10(np.maximum(power, 1e-9))
    return np.maximum(decibels, decibels.max() - dynamic_range)


@lru_cache
def _mel_filters(bands: int) -> Samples:
    """Triangles of equal area, evenly spaced on the mel scale (O'Shaughnessy 1987) from 50 Hz; (513, bands)."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    bottom = 2595 * np.log10(1 + 50 / 700)
    edges = 700 * (10 ** (np.linspace(bottom, top, bands + 2) / 2595) - 1)
    rising = (_FREQUENCIES[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - _FREQUENCIES[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (edges[2:] - edges[:-2])).astype(np.float32)


@lru_cache
def _dct(size: int, count: int) -> Samples:
    """Orthonormal type-II cosine transform; (size, count)."""
    basis = np.cos(np.pi / size * (np.arange(size)[:, None] + 0.5) * np.arange(count)) * np.sqrt(2 / size)
    basis[:, 0] /= np.sqrt(2)
    return basis.astype(np.float32)


@lru_cache
def _octaves(bands: int) -> tuple[slice, ...]:
    edges = np.concatenate([[0], 200 * 2.0 ** np.arange(bands), [SAMPLE_RATE / 2]])
    bins = np.searchsorted(_FREQUENCIES, np.minimum(edges, SAMPLE_RATE / 2))
    bins[-1] = len(_FREQUENCIES)
    return tuple(slice(low, high) for low, high in pairwise(bins))


def _contrast(power: Samples, bands: int) -> Samples:
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
    classes = 12 * np.log2(np.maximum(_FREQUENCIES, 1) / 440)
    distance = (classes[:, None] - np.arange(12) + 6) % 12 - 6
    weights = np.exp(-0.5 * (distance / 0.7) ** 2)
    weights[(_FREQUENCIES < 60) | (_FREQUENCIES > 4000)] = 0
    return weights.astype(np.float32)


def _chroma(power: Samples) -> Samples:
    chroma = power @ _chroma_filters()
    return chroma / (chroma.max(axis=1, keepdims=True) + 1e-7)


def _scalars(clip: Samples, power: Samples, mel: Samples, settings: FeatureSettings) -> Samples:
    """One column for each of `SCALARS`; (frames, 13)."""
    loudness = level(power)
    frequency, periodicity = pitch(power)
    voiced = np.clip((periodicity - 0.3) / 0.4, 0, 1) * (loudness > loudness.max() - 40)
    octaves = np.log2(frequency / 150)
    both = np.minimum(voiced, np.roll(voiced, 1))
    jitter = np.minimum(np.abs(np.diff(octaves, prepend=octaves[:1])), 0.25) * both
    shimmer = np.minimum(np.abs(np.diff(loudness, prepend=loudness[:1])), 12) * both
    total = power.sum(axis=1) + 1e-7
    centroid = power @ _FREQUENCIES / total
    spread = np.sqrt(np.maximum(power @ _FREQUENCIES**2 / total - centroid**2, 0))
    rolloff = _FREQUENCIES[
        (np.cumsum(power, axis=1) < 0.85 * total[:, None]).sum(axis=1).clip(max=len(_FREQUENCIES) - 1)
    ]
    flatness = np.exp(np.log(power + 1e-9).mean(axis=1)) / (power.mean(axis=1) + 1e-9)
    flux = np.maximum(np.diff(mel, axis=0, prepend=mel[:1]), 0).mean(axis=1)
    below, above = power[:, _FREQUENCIES < 1000].sum(axis=1), power[:, _FREQUENCIES >= 1000].sum(axis=1)
    columns = [
        np.maximum(loudness, loudness.max() - settings.dynamic_range_db),
        _zero_crossings(clip, settings),
        octaves * voiced,
        periodicity,
        jitter,
        shimmer,
        10 * np.log10((periodicity + 0.01) / (1.01 - periodicity)) * voiced,
        centroid / 1000,
        spread / 1000,
        rolloff / 1000,
        flatness,
        flux,
        np.clip(10 * np.log10((above + 1e-7) / (below + 1e-7)), -60, 60),
    ]
    return np.stack(columns, axis=1)


def _zero_crossings(clip: Samples, settings: FeatureSettings) -> Samples:
    """Share of samples at which the sign changes, in each hop around a frame's centre; (frames,)."""
    crossings = np.concatenate([[0], np.cumsum(np.diff(np.signbit(clip)))])
    centres = np.arange(settings.frames) * settings.hop
    first, last = (
        np.maximum(centres - settings.hop, 0),
        np.minimum(centres + settings.hop, len(crossings) - 1),
    )
    return ((crossings[last] - crossings[np.minimum(first, last)]) / (2 * settings.hop)).astype(np.float32)
