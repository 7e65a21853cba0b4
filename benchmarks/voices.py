"""Made-up voices for tests and benchmarks: glottal pulses with a living pitch, through the resonances of a mouth."""

import numpy as np
from numpy.typing import NDArray

from utils.decoding import SAMPLE_RATE, Samples

VOWELS = ((700, 1220, 2600), (300, 2300, 3000), (450, 800, 2400), (530, 1840, 2480), (350, 1000, 2300))  # Hz
_BANDWIDTH = 90.0  # Hz, of a resonance


def speak(
    seconds: float = 3.0,
    *,
    seed: int = 0,
    pitch: float = 120.0,
    liveliness: float = 0.3,
    tempo: float = 4.0,
    tract: float = 1.0,
    loudness: float = 0.3,
) -> Samples:
    """Somebody babbling vowels, with pauses.

    Args:
        seconds: how long.
        seed: of everything random; the same seed is the same sound.
        pitch: mean fundamental frequency in Hz.
        liveliness: how far the pitch moves, in octaves.
        tempo: syllables a second.
        tract: resonances relative to those of an average mouth; a child's are at 1.2.
        loudness: highest amplitude, 0 to 1.

    Returns:
        float32 (seconds * 16,000,).
    """
    rng = np.random.default_rng(seed)
    samples = np.zeros(round(seconds * SAMPLE_RATE))
    position = int(rng.uniform(0.02, 0.1) * len(samples))
    while position < len(samples):
        length = int(rng.uniform(0.7, 1.3) / tempo * SAMPLE_RATE)
        sound = _syllable(length, pitch * 2 ** rng.normal(0, liveliness / 2), liveliness, tract, rng)
        room = len(samples) - position
        samples[position : position + length] += sound[:room]
        position += int(0.9 * length) + int((rng.random() < 0.15) * rng.uniform(0.15, 0.4) * SAMPLE_RATE)
    return (samples * loudness / max(float(np.abs(samples).max()), 1e-9)).astype(np.float32)


def _syllable(
    length: int, pitch: float, liveliness: float, tract: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """One vowel that swells and fades, its pitch gliding, each period a little longer or shorter than the last."""
    pulses = 0.001 * rng.normal(0, 1, length)  # breath
    glide, time = rng.normal(0, liveliness), 0.0
    while time < length:
        pulses[int(time)] += 1 + 0.05 * rng.normal()
        frequency = pitch * 2 ** (glide * (time / length - 0.5)) * (1 + 0.008 * rng.normal())
        time += SAMPLE_RATE / max(frequency, 50.0)
    size = length + SAMPLE_RATE // 20  # room for the last pulse to ring
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    response = frequencies / (1 + (frequencies / 300) ** 2)  # glottis and lips: falling by 6 dB an octave
    response = response.astype(complex)
    for formant in np.array(VOWELS[rng.integers(len(VOWELS))]) * tract:
        response /= 1 - (frequencies / formant) ** 2 + 1j * frequencies * _BANDWIDTH / formant**2
    return np.fft.irfft(np.fft.rfft(pulses, size) * response, size)[:length] * np.hanning(length)
