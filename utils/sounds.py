"""Training only: sounds without a voice, made up, for the gate to learn what it must refuse.

Each function of `KINDS` takes a NumPy generator and returns 3 s of samples at any level; `make_sounds` sets the level.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import CLIP_SAMPLES
from utils.decoding import SAMPLE_RATE
from utils.features import FeatureSettings, extract_features

Sound = NDArray[np.float64]
EACH = 120  # sounds of a kind
_TIME = np.arange(CLIP_SAMPLES) / SAMPLE_RATE
_FREQUENCIES = np.fft.rfftfreq(CLIP_SAMPLES, 1 / SAMPLE_RATE)
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)  # semitones


def make_sounds(settings: FeatureSettings, *, seed: int, each: int = EACH) -> NDArray[np.float16]:
    """Features, float16, of random sounds of every kind, from very soft to very loud."""
    made = []
    for kind in KINDS:
        for number in range(each):
            made.append(extract_features(make_sound(kind, (seed, number)), settings).astype(np.float16))
    return np.stack(made)


def make_sound(kind: str, seed: tuple[int, ...]) -> NDArray[np.float32]:
    """Three seconds of one of `KINDS`; the same seed is the same sound; float32 (48,000,)."""
    rng = np.random.default_rng((list(KINDS).index(kind), *seed))
    sound = KINDS[kind](rng)
    peak = max(float(np.abs(sound).max()), 1e-9)
    level = 10 ** rng.uniform(-2.2, -0.05)
    return (sound * (level / peak if kind != "silence" else 1.0)).astype(np.float32)


def silence(rng: np.random.Generator) -> Sound:
    """Nothing, or a microphone's own noise."""
    return rng.normal(0, 10 ** rng.uniform(-7, -3.3), CLIP_SAMPLES) * (rng.random() < 0.8)


def coloured_noise(rng: np.random.Generator, slope: float | None = None) -> Sound:
    """Noise between white and brown, falling with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(rng.normal(0, 1, CLIP_SAMPLES))
    power = rng.uniform(0, 1.2) if slope is None else slope
    return np.fft.irfft(spectrum / np.maximum(_FREQUENCIES, 20) ** power, CLIP_SAMPLES)


def band_noise(rng: np.random.Generator) -> Sound:
    """Hissing around one frequency."""
    centre = rng.uniform(100, 5000)
    shape = np.exp(-0.5 * ((_FREQUENCIES - centre) / (centre * rng.uniform(0.05, 0.8))) ** 2)
    return np.fft.irfft(np.fft.rfft(rng.normal(0, 1, CLIP_SAMPLES)) * shape, CLIP_SAMPLES)


def pulsing_noise(rng: np.random.Generator) -> Sound:
    """Noise that swells as often as syllables come."""
    return _swell(coloured_noise(rng), rng.uniform(1, 8), rng)


def wind(rng: np.random.Generator) -> Sound:
    """Low noise in gusts."""
    gusts = np.interp(_TIME, np.linspace(0, 3, 12), np.exp(rng.normal(0, 0.8, 12)))
    return coloured_noise(rng, 1.0) * gusts


def rain(rng: np.random.Generator) -> Sound:
    """A hiss with drops."""
    return _even(coloured_noise(rng, rng.uniform(0, 0.3))) + 0.5 * _even(clicks(rng))


def tone(rng: np.random.Generator) -> Sound:
    """A steady sine."""
    return np.sin(2 * np.pi * np.exp(rng.uniform(np.log(50), np.log(4000))) * _TIME)


def beeps(rng: np.random.Generator) -> Sound:
    """A sine that goes on and off."""
    period = rng.uniform(0.1, 1)
    return tone(rng) * (_TIME % period < period * rng.uniform(0.2, 0.7))


def siren(rng: np.random.Generator) -> Sound:
    """A tone that rises and falls."""
    swing = rng.uniform(0.05, 0.5) * np.sin(2 * np.pi * rng.uniform(0.2, 4) * _TIME)
    phase = _phase(rng.uniform(400, 1200) * (1 + swing))
    harmonics = sum(np.sin(k * phase) / k**2 for k in range(1, int(rng.integers(2, 6))))
    return harmonics + rng.uniform(0, 0.2) * rng.normal(0, 1, CLIP_SAMPLES)


def chirps(rng: np.random.Generator) -> Sound:
    """Birds: short high tones that glide and trill."""
    sound = 10 ** rng.uniform(-4, -1) * rng.normal(0, 1, CLIP_SAMPLES)
    for start in rng.integers(0, CLIP_SAMPLES - 6000, int(rng.integers(2, 14))):
        time = np.arange(int(rng.integers(800, 6000))) / SAMPLE_RATE
        glide = rng.uniform(-0.3, 0.3) * time / time[-1] + 0.1 * np.sin(2 * np.pi * rng.uniform(5, 40) * time)
        song = np.sin(_phase(rng.uniform(1500, 5000) * (1 + glide))) * np.hanning(len(time))
        sound[start : start + len(time)] += song
    return sound


def melody(rng: np.random.Generator) -> Sound:
    """An instrument playing notes of a scale."""
    sound = np.zeros(CLIP_SAMPLES)
    length, base = int(SAMPLE_RATE * rng.uniform(0.12, 0.6)), rng.uniform(80, 500)
    harmonics, decay = int(rng.integers(1, 10)), rng.uniform(0, 6)
    for start in range(0, CLIP_SAMPLES, length):
        time = np.arange(min(length + int(rng.integers(0, length)), CLIP_SAMPLES - start)) / SAMPLE_RATE
        for _ in range(int(rng.integers(1, 3))):
            pitch = base * 2 ** (rng.choice(_SCALE) / 12)
            sound[start : start + len(time)] += _note(pitch, time, harmonics, decay, rng)
    return sound


def chord(rng: np.random.Generator) -> Sound:
    """Several notes held."""
    base = rng.uniform(60, 400)
    steps = rng.choice((0, 3, 4, 7, 10, 12, 16), int(rng.integers(2, 5)), replace=False)
    notes = [_note(base * 2 ** (s / 12), _TIME, int(rng.integers(1, 10)), float(rng.uniform(0, 1)), rng) for s in steps]
    return np.sum(notes, axis=0)


def drums(rng: np.random.Generator) -> Sound:
    """A beat of low thumps and noisy strokes."""
    sound = np.zeros(CLIP_SAMPLES)
    time = np.arange(4000) / SAMPLE_RATE
    step = int(SAMPLE_RATE * rng.uniform(0.12, 0.5))
    for start in range(int(rng.integers(0, step)), CLIP_SAMPLES - len(time), step):
        thump = np.sin(2 * np.pi * 60 * time * (1 + np.exp(-30 * time))) * np.exp(-15 * time)
        stroke = rng.normal(0, 0.5, len(time)) * np.exp(-time * rng.uniform(20, 80))
        sound[start : start + len(time)] += thump if rng.random() < 0.5 else stroke
    return sound


def music(rng: np.random.Generator) -> Sound:
    """Melody, chord and drums together."""
    return melody(rng) + 0.7 * chord(rng) + rng.uniform(0, 1) * drums(rng)


def clicks(rng: np.random.Generator) -> Sound:
    """A keyboard, a mouse, things put down."""
    sound = rng.normal(0, 10 ** rng.uniform(-4, -2), CLIP_SAMPLES)
    length = int(rng.integers(50, 900))
    time = np.arange(length) / SAMPLE_RATE
    for start in rng.integers(0, CLIP_SAMPLES - length, int(rng.integers(2, 30))):
        ring = rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(300, 5000) * time)
        stroke = (rng.normal(0, 0.5, length) + ring) * np.exp(-time * rng.uniform(60, 900))
        sound[start : start + length] += stroke * rng.uniform(0.3, 1)
    return sound


def hum(rng: np.random.Generator) -> Sound:
    """The mains, with overtones."""
    base = rng.choice((50, 60, 100, 120))
    overtones = [np.sin(2 * np.pi * base * k * _TIME + rng.uniform(0, 6)) * rng.uniform(0, 1) for k in range(1, 20)]
    return np.sum(overtones, axis=0) + rng.uniform(0, 1) * rng.normal(0, 1, CLIP_SAMPLES)


def engine(rng: np.random.Generator) -> Sound:
    """A motor whose speed wanders, and its noise."""
    wandering = 1 + rng.uniform(0, 0.01) * np.cumsum(rng.normal(0, 1, CLIP_SAMPLES)) / np.sqrt(CLIP_SAMPLES)
    speed = 1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * rng.uniform(0.05, 0.6) * _TIME + rng.uniform(0, 6))
    phase, fall = _phase(rng.uniform(25, 180) * speed * wandering), rng.uniform(0.3, 1.5)
    turns = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**fall for k in range(1, int(rng.integers(3, 25))))
    return _even(_swell(turns, rng.uniform(0.3, 6), rng)) + rng.uniform(0.1, 3) * _even(coloured_noise(rng))


def traffic(rng: np.random.Generator) -> Sound:
    """Noise of cars passing, some with their engines."""
    sound = _even(coloured_noise(rng, rng.uniform(0.5, 1.1)))
    for _ in range(int(rng.integers(1, 4))):
        passing = np.exp(-0.5 * ((_TIME - rng.uniform(0, 3)) / rng.uniform(0.2, 1)) ** 2)
        sound = sound * (1 + rng.uniform(0, 6) * passing)
    return sound + (rng.random() < 0.5) * rng.uniform(0.1, 1) * _even(engine(rng))


KINDS: dict[str, Callable[[np.random.Generator], Sound]] = {
    function.__name__.replace("_", " "): function
    for function in (
        *(silence, coloured_noise, band_noise, pulsing_noise, wind, rain),
        *(tone, beeps, siren, chirps, melody, chord, drums, music),
        *(clicks, hum, engine, traffic),
    )
}


def _note(pitch: float, time: Sound, harmonics: int, decay: float, rng: np.random.Generator) -> Sound:
    vibrato = rng.choice((0, 0, rng.uniform(0.002, 0.012)))
    phase = 2 * np.pi * pitch * (time + vibrato * np.sin(2 * np.pi * 5.5 * time) / (2 * np.pi * 5.5))
    envelope = np.exp(-decay * time) * np.minimum(1, time * rng.uniform(10, 200))
    overtones = [np.sin(k * phase + rng.uniform(0, 6)) / k ** rng.uniform(0.5, 2) for k in range(1, harmonics + 1)]
    return envelope * np.sum(overtones, axis=0)


def _swell(sound: Sound, rate: float, rng: np.random.Generator) -> Sound:
    return sound * (1 + rng.uniform(0.2, 1) * np.sin(2 * np.pi * rate * _TIME + rng.uniform(0, 6)))


def _phase(frequency: Sound) -> Sound:
    return 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE


def _even(sound: Sound) -> Sound:
    return sound / max(float(sound.std()), 1e-9)
