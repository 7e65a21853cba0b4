"""Training only: the same words as another speaker, room, microphone or codec might have given them.

Each function takes float32 samples (mono, 16 kHz) and a NumPy generator and returns new float32 samples.
"""

import io
from collections.abc import Callable

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from utils.decoding import SAMPLE_RATE, Samples

Augmentation = Callable[[Samples, np.random.Generator], Samples]


def change_voice(samples: Samples, rng: np.random.Generator) -> Samples:
    """Plays 0.87 to 1.15 times as fast: pitch, formants and tempo move together, as from one speaker to another."""
    factor = np.exp(rng.uniform(np.log(0.87), np.log(1.15)))
    return soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE, quality="MQ").astype(np.float32)


def equalize(samples: Samples, rng: np.random.Generator) -> Samples:
    """A microphone's colour: a smooth random gain over frequency, up to about 8 dB either way."""
    spectrum = np.fft.rfft(samples)
    knots = np.linspace(0, 1, 7)
    gain_db = np.interp(np.linspace(0, 1, len(spectrum)) ** 0.5, knots, rng.normal(0, 4, len(knots)))
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(samples)).astype(np.float32)


def limit_band(samples: Samples, rng: np.random.Generator) -> Samples:
    """A telephone or a cheap microphone: nothing below 60 to 300 Hz and above 3.4 to 7.5 kHz."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    low, high = rng.uniform(60, 300), rng.uniform(3400, 7500)
    shape = 1 / (1 + (low / np.maximum(frequencies, 1)) ** 6) / (1 + (frequencies / high) ** 12)
    return np.fft.irfft(spectrum * shape, len(samples)).astype(np.float32)


def reverberate(samples: Samples, rng: np.random.Generator) -> Samples:
    """A room: a decaying random tail of 0.1 to 0.6 s behind the direct sound."""
    seconds = rng.uniform(0.1, 0.6)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.normal(0, 1, len(time)) * 10 ** (-3 * time / seconds)
    response *= rng.uniform(0.1, 0.6) / np.sqrt((response**2).sum())
    response[0] = 1.0
    size = 1 << (len(samples) + len(response) - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)
    return wet[: len(samples)].astype(np.float32)


def add_noise(samples: Samples, rng: np.random.Generator) -> Samples:
    """Noise between white and brown, 5 to 35 dB below the speech."""
    spectrum = np.fft.rfft(rng.normal(0, 1, len(samples)))
    slope = rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 20.0) ** slope, len(samples))
    wanted = _rms(samples) * 10 ** (-rng.uniform(5, 35) / 20)
    return (samples + noise * wanted / max(_rms(noise), 1e-9)).astype(np.float32)


def encode(samples: Samples, rng: np.random.Generator) -> Samples:
    """What a lossy codec leaves: MP3, Opus or Vorbis, there and back."""
    container, codec = (("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"), ("OGG", "VORBIS"))[rng.integers(3)]
    buffer = io.BytesIO()
    level = {"compression_level": float(rng.uniform(0.4, 0.95))}
    soundfile.write(buffer, np.clip(samples, -1, 1), SAMPLE_RATE, format=container, subtype=codec, **level)
    buffer.seek(0)
    decoded = soundfile.read(buffer, dtype="float32")[0][: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def change_gain(samples: Samples, rng: np.random.Generator) -> Samples:
    """Another distance or gain: -18 to +12 dB, clipped at full scale."""
    return np.clip(samples * np.float32(10 ** (rng.uniform(-18, 12) / 20)), -1, 1)


def shift_time(samples: Samples, rng: np.random.Generator) -> Samples:
    """Up to 0.4 s later or earlier; zeros come in, the same length goes out."""
    shift = int(rng.integers(-int(0.4 * SAMPLE_RATE), int(0.4 * SAMPLE_RATE) + 1))
    if shift >= 0:
        return np.pad(samples, (shift, 0))[: len(samples)]
    return np.pad(samples, (0, -shift))[-shift:]


def stretch(samples: Samples, rng: np.random.Generator) -> Samples:
    """Speaks 0.85 to 1.2 times as fast at the same pitch."""
    return _at_speed(samples, np.exp(rng.uniform(np.log(0.85), np.log(1.2))))


def change_pitch(samples: Samples, rng: np.random.Generator) -> Samples:
    """Up to two semitones higher or lower, at the same speed."""
    factor = 2 ** (rng.uniform(-2, 2) / 12)
    higher = soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE, quality="MQ").astype(np.float32)
    return _at_speed(higher, len(higher) / max(len(samples), 1))


def _at_speed(samples: Samples, speed: float) -> Samples:
    """Another tempo by a phase vocoder: frames of 64 ms are laid closer or wider, their phases kept consistent."""
    size, hop = 1024, 256
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(samples, size)
    starts = np.arange(0, len(padded) - size - hop, hop * speed).astype(np.intp)
    now, later = (
        np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[at] * window)
        for at in (starts, starts + hop)
    )
    turns = np.angle(later) - np.angle(now)  # how far each frequency gets in one hop
    phases = np.angle(now[0]) + np.concatenate([0 * turns[:1], np.cumsum(turns[:-1], axis=0)])
    frames = np.fft.irfft(np.abs(now) * np.exp(1j * phases), size) * window
    out = np.zeros(hop * (len(frames) - 1) + size)
    for number, frame in enumerate(frames):
        out[number * hop : number * hop + size] += frame
    margin, length = int(size / speed), round(len(samples) / speed)
    return (out[margin : margin + length] / 1.5).astype(np.float32)  # the squared windows add up to 1.5


Chain = tuple[tuple[float, Augmentation], ...]
CHAIN: Chain = (
    (0.9, change_voice),
    (0.4, reverberate),
    (0.6, equalize),
    (0.6, add_noise),
    (0.2, limit_band),
    (0.9, change_gain),
    (0.3, encode),
)
"""How often each happens, in the order in which sound travels from a mouth to a file."""


CHAINS: dict[str, Chain] = {"world": CHAIN, "studio": ((0.5, stretch), (0.5, change_pitch), (0.5, add_noise))}
"""What a random variant is made by: the whole way from a mouth to a file, or what student projects usually vary."""


def augment(samples: Samples, rng: np.random.Generator, chain: str = "world") -> Samples:
    """One random variant of `samples`, of nearly the same length, by one of `CHAINS`."""
    for probability, augmentation in CHAINS[chain]:
        if rng.random() < probability:
            samples = augmentation(samples, rng)
    return samples


def mask_and_warp(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Tempo, place and gaps of normalized features (frames, features), at no cost: for every batch anew.

    Stretches time 0.8 to 1.25 times around a random point, then blanks (sets to the mean, 0) up to two stretches of at
    most 20 frames and up to two bands of at most 10 neighbouring features (Park et al. 2019, SpecAugment).
    """
    frames, count = features.shape
    factor = np.exp(rng.uniform(np.log(0.8), np.log(1.25)))
    centre = rng.uniform(0.3, 0.7) * frames
    places = np.clip((np.arange(frames) - centre) / factor + centre + rng.uniform(-10, 10), 0, frames - 1)
    warped = features[np.rint(places).astype(np.intp)].copy()
    for _ in range(rng.integers(0, 3)):
        start, width = rng.integers(0, frames - 20), rng.integers(0, 21)
        warped[start : start + width] = 0
    for _ in range(rng.integers(0, 3)):
        start, width = rng.integers(0, count - 10), rng.integers(0, 11)
        warped[:, start : start + width] = 0
    return warped


def noise_or_mask(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Normalized features (frames, ...) as they are, with a little noise, or with a tenth of the frames blanked."""
    choice, changed = rng.integers(3), features.copy()
    if choice == 1:
        changed += rng.normal(0, 0.1, features.shape).astype(np.float32)
    elif choice == 2:
        width = len(features) // 10
        start = rng.integers(0, len(features) - width + 1)
        changed[start : start + width] = 0
    return changed


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
