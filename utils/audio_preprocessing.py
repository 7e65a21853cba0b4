"""From samples to the 3 s that are judged: frames, pitch, where the voice is, and the fit to one clip.

Samples are float32, mono, 16 kHz, in [-1, 1], 1-D. A recording of any length is looked at in blocks that a core's cache
holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from utils.decoding import SAMPLE_RATE, Samples

CLIP_SECONDS = 3
CLIP_SAMPLES = CLIP_SECONDS * SAMPLE_RATE  # 48,000 samples in a clip
FRAME_HOP = 276  # 17.25 ms: 1 + 48,000 // 276 = 174 frames in a clip
CLIP_FRAMES = 1 + CLIP_SAMPLES // FRAME_HOP  # 174
WINDOW = 640  # 40 ms: two periods of the lowest voice
N_FFT = 1024  # the zeros behind the window keep the autocorrelation from wrapping below 384 samples of lag
MIN_PITCH, MAX_PITCH = 60.0, 500.0  # Hz
MIN_VOICED_SECONDS = 0.3
QUIETEST_VOICE = -75.0  # dB below full scale; RAVDESS calm clips come down to -60
STILL_PITCH = 0.0015  # octaves a frame: tones stay below, 999 of 1,000 voiced frames in four corpora above
PERIODIC = 0.4  # of 1, with the spectrum flattened below 1 kHz: brown noise stays below

_BLOCK_FRAMES = 256  # at a time: as many spectra as a core's cache holds
_SHORT_LAG = int(SAMPLE_RATE / MAX_PITCH)  # 32 samples
_LONG_LAG = int(SAMPLE_RATE / MIN_PITCH)  # 266 samples
_FREQUENCIES: Samples = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE).astype(np.float32)
_RUMBLE = int(np.searchsorted(_FREQUENCIES, MIN_PITCH - SAMPLE_RATE / N_FFT))  # bins below any voice
_HUM = int(np.searchsorted(_FREQUENCIES, 300, side="right"))  # bins of a low hum; every voice sounds above them, too
_DIFFERENCE: Samples = np.maximum(4 * np.sin(np.pi * _FREQUENCIES / SAMPLE_RATE) ** 2, 1e-9).astype(np.float32)
_FLATTEN: Samples = np.minimum(_FREQUENCIES / 1000, 1) ** 2  # makes brown noise white where pitch is looked for


@cache
def _hann(window: int) -> Samples:
    return np.hanning(window + 1)[:-1].astype(np.float32)


def _window_autocorrelation() -> Samples:
    spectrum = np.abs(np.fft.rfft(_hann(WINDOW), N_FFT)) ** 2
    correlation = np.fft.irfft(spectrum)[: _LONG_LAG + 2]
    return (correlation / correlation[0]).astype(np.float32)


_WINDOW_AUTOCORRELATION = _window_autocorrelation()
_SLOPE: Samples = (0.0003 * np.arange(_LONG_LAG - _SHORT_LAG + 1)).astype(np.float32)


@dataclass(frozen=True)
class Voice:
    """Where the voice is in a recording.

    `voiced` is a boolean per frame of `FRAME_HOP` samples; `seconds` how much of the recording is voice.
    """

    voiced: NDArray[np.bool_]
    seconds: float


def power_spectra(samples: Samples, *, hop: int = FRAME_HOP) -> Samples:
    """Power of the short-time Fourier transform of one clip, frames centred on every `hop`-th sample.

    Frames are Hann-windowed (40 ms), zero-padded to 1,024 samples, and see zeros beyond both ends.

    Returns:
        float32 (1 + len(samples) // hop, 513), power per frame and frequency bin.
    """
    return spectra(np.pad(samples, WINDOW // 2), hop)


def spectra(padded: Samples, hop: int = FRAME_HOP, window: int = WINDOW, size: int = N_FFT) -> Samples:
    """As `power_spectra`, of a stretch whose frames all lie within: the first begins with it.

    Args:
        padded: the samples that the frames see.
        hop: samples from a frame to the next.
        window: samples that a frame sees.
        size: of the transform, zeros behind the window.

    Returns:
        float32 (frames, 1 + size // 2).
    """
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    spectrum = np.fft.rfft(windows * _hann(window), size)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)


def pitch(power: Samples) -> tuple[Samples, Samples]:
    """Fundamental frequency and how periodic each frame is, from its power spectrum.

    The autocorrelation is the inverse transform of the power spectrum; dividing by the window's own makes a
    perfectly periodic frame reach 1 at its period (Boersma 1993, IFA Proceedings 17).

    Args:
        power: (frames, 513) from `power_spectra`.

    Returns:
        Pitch in Hz, and periodicity from 0 (noise) to 1 (a pure tone); float32 (frames,) each. The pitch of a
        frame without periodicity means nothing.
    """
    correlation = np.fft.irfft(power.astype(np.complex64))[:, : _LONG_LAG + 2]
    energy = np.maximum(correlation[:, :1], 1e-10)
    correlation = correlation / energy / _WINDOW_AUTOCORRELATION
    # A longer period fits as well as the true one: prefer the short lag by a small, steady slope.
    candidates = correlation[:, _SHORT_LAG : _LONG_LAG + 1] - _SLOPE
    inner = (candidates[:, 1:-1] >= candidates[:, :-2]) & (candidates[:, 1:-1] >= candidates[:, 2:])
    peaks = np.where(inner, candidates[:, 1:-1], np.float32(-1))
    best = peaks.argmax(axis=1) + 1 + _SHORT_LAG
    rows = np.arange(len(power))
    before, at, after = (correlation[rows, best + step] for step in (-1, 0, 1))
    curvature = before - 2 * at + after
    shift = np.where(curvature < -1e-9, 0.5 * (before - after) / np.minimum(curvature, -1e-9), 0.0)
    frequency = SAMPLE_RATE / (best + np.clip(shift, -0.5, 0.5))
    found = peaks.max(axis=1) > 0
    return frequency.astype(np.float32), np.where(found, np.clip(at, 0.0, 1.0), 0.0).astype(np.float32)


def level(power: Samples) -> Samples:
    """Level of each frame in dB below a full-scale sine, never under -100; float32 (frames,)."""
    full_scale = N_FFT / 4 * float((_hann(WINDOW) ** 2).sum())  # Parseval: what a sine of amplitude 1 puts into a frame
    return (10 * np.log10(np.maximum(power.sum(axis=1) / full_scale, 1e-10))).astype(np.float32)


def find_voice(samples: Samples) -> Voice:
    """Finds the frames of a recording, of any length, in which somebody's voice sounds.

    A frame is voice when it is loud enough against the rest of the recording, periodic in the range of voices, has
    harmonics, and its pitch is alive: a tone's stands still, a voice's never does. Silence, white, pink and brown
    noise, hum and beeps have (nearly) no such frames.
    """
    voiced = voiced_frames(framewise(samples, voice_cues))
    return Voice(voiced, float(voiced.sum()) * FRAME_HOP / SAMPLE_RATE)


def framewise(samples: Samples, what: Callable[[Samples], Samples]) -> Samples:
    """What `what` says of the frames centred on every `FRAME_HOP`-th sample, which see zeros beyond both ends.

    Args:
        samples: a recording of any length.
        what: says it of some frames that lie side by side, (frames, ...), from the samples that they see.
    """
    count = 1 + len(samples) // FRAME_HOP
    padded = np.pad(samples, WINDOW // 2)
    blocks = [(first, min(first + _BLOCK_FRAMES, count) - 1) for first in range(0, count, _BLOCK_FRAMES)]
    return np.concatenate([what(padded[first * FRAME_HOP : last * FRAME_HOP + WINDOW]) for first, last in blocks])


def voice_cues(padded: Samples, hop: int = FRAME_HOP) -> Samples:
    """What `voiced_frames` goes by, frame by frame.

    Args:
        padded: the samples that the frames see: `WINDOW` of them, and `hop` for each frame more.
        hop: samples from a frame to the next.

    Returns:
        float32 (frames, 4): level in dB, pitch in octaves above 1 Hz, periodicity, and 1 where there are harmonics.
    """
    power = _without_rumble(padded, hop)
    harmonic = power[:, _HUM:].sum(axis=1) > 1e-4 * power.sum(axis=1)
    frequency, periodicity = pitch(power * _FLATTEN)
    return np.stack([level(power), np.log2(frequency), periodicity, harmonic], axis=1, dtype=np.float32)


def voiced_frames(cues: Samples) -> NDArray[np.bool_]:
    """Which frames of recordings are voice, from `voice_cues`; (..., frames, 4) -> (..., frames)."""
    loudness, octaves, periodicity, harmonic = np.moveaxis(cues, -1, 0)
    loud, quiet = np.percentile(loudness, [95, 10], axis=-1, keepdims=True)
    threshold = np.maximum(np.maximum(loud - 30, np.minimum(quiet + 6, loud - 10)), QUIETEST_VOICE)
    movement = np.abs(np.diff(octaves, axis=-1, prepend=octaves[..., :1]))  # octaves a frame
    around = np.pad(np.minimum(movement, 0.1), [(0, 0)] * (movement.ndim - 1) + [(2, 2)])
    alive = np.lib.stride_tricks.sliding_window_view(around, 5, axis=-1).mean(axis=-1) > STILL_PITCH
    return (loudness > threshold) & (periodicity > PERIODIC) & (harmonic > 0) & alive


def _without_rumble(padded: Samples, hop: int) -> Samples:
    """Power spectra in which what sounds below any voice hasn't leaked upwards: taken of the samples' differences."""
    power = spectra(np.diff(padded, prepend=padded[:1]), hop) / _DIFFERENCE
    power[:, :_RUMBLE] = 0
    return power


def fit_clip(samples: Samples, voice: Voice) -> tuple[Samples, int]:
    """The one clip of a recording that is judged.

    A longer recording keeps the 3 s with the most voice, the voice in their middle where several are equal; a
    shorter one gets zeros on both sides.

    Returns:
        float32 (48,000,) and the sample of the recording at which the clip begins (negative where zeros do).
    """
    surplus = len(samples) - CLIP_SAMPLES
    if surplus <= 0:
        before = -surplus // 2
        return np.pad(samples, (before, -surplus - before)), -before
    voiced_until = np.concatenate([[0], np.cumsum(voice.voiced)])
    starts = np.arange(0, surplus + 1, FRAME_HOP)
    first = starts // FRAME_HOP
    amount = voiced_until[np.minimum(first + CLIP_FRAMES, len(voice.voiced))] - voiced_until[first]
    best = np.flatnonzero(amount == amount.max())
    run = best[: 1 + int(np.argmax(np.append(np.diff(best) > 1, True)))]  # the first of several equal stretches
    start = int(starts[run[len(run) // 2]])
    return np.ascontiguousarray(samples[start : start + CLIP_SAMPLES]), start
