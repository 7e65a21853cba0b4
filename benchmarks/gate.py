"""What is refused: sounds without a voice, which should be, and clips of strangers, which shouldn't.

python benchmarks/gate.py --data data/ [--models models/]      writes docs/gate.md

Through the Predictor that serves. The sounds are made up, with seeds that no training uses: those kinds that the gate
was trained on, and others that it never heard. The clips are of the speakers whom the bundle never heard.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console

from benchmarks.protocols import unheard
from utils.audio_preprocessing import CLIP_SAMPLES
from utils.dataset_loader import Recording
from utils.decoding import SAMPLE_RATE, Samples, load_audio
from utils.errors import VoiceError
from utils.predictor import Predictor
from utils.sounds import KINDS, Sound, coloured_noise

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gate.md"
SEED = 730_000_000  # trainings use small ones
AIM = 0.95  # of the sounds of a kind
LEVELS = (-50, -30, -15, -1)  # dB, of the loudest sample
SOFTER = (0, 10, 20, 30)  # dB, that a clip is turned down
_HEAD = f"| kind | {' | '.join(f'{level} dB' for level in LEVELS)} | all | no voice found |\n" + "|---" * 7 + "|"
_TIME = np.arange(CLIP_SAMPLES) / SAMPLE_RATE
Kinds = Mapping[str, Callable[[np.random.Generator], Sound]]


# --- Kinds of sounds that the gate was not trained on


def speech_noise(rng: np.random.Generator) -> Sound:
    """Noise with the colour of speech that swells like syllables: as near to speech as noise comes."""
    spectrum, frequencies = np.fft.rfft(rng.normal(0, 1, CLIP_SAMPLES)), np.fft.rfftfreq(CLIP_SAMPLES, 1 / SAMPLE_RATE)
    coloured = np.fft.irfft(spectrum * frequencies / (1 + (frequencies / 500) ** 2), CLIP_SAMPLES)
    swells = np.interp(_TIME, np.arange(0, 3.2, 0.1), rng.exponential(1, 32))
    return coloured * swells


def applause(rng: np.random.Generator) -> Sound:
    """Hundreds of hands."""
    sound, time = np.zeros(CLIP_SAMPLES), np.arange(800) / SAMPLE_RATE
    for start in rng.integers(0, CLIP_SAMPLES - len(time), int(rng.integers(60, 900))):
        sound[start : start + len(time)] += rng.normal(0, rng.uniform(0.2, 1), len(time)) * np.exp(-300 * time)
    return sound


def footsteps(rng: np.random.Generator) -> Sound:
    """Dull thuds, two a second or so."""
    sound, time = 0.003 * rng.normal(0, 1, CLIP_SAMPLES), np.arange(3000) / SAMPLE_RATE
    for start in _beats(rng.uniform(0.3, 0.8), len(time), rng):
        thud = np.sin(2 * np.pi * rng.uniform(70, 160) * time) + rng.normal(0, 0.3, len(time))
        sound[start : start + len(time)] += thud * np.exp(-rng.uniform(25, 60) * time)
    return sound


def typing(rng: np.random.Generator) -> Sound:
    """Keys that go down and up again, in bursts of a typist."""
    sound, time = 0.002 * rng.normal(0, 1, CLIP_SAMPLES), np.arange(300) / SAMPLE_RATE
    for start in _beats(rng.uniform(0.09, 0.2), 3000, rng):
        for later, loud in ((0, 1.0), (int(rng.integers(900, 2000)), 0.5)):
            place = start + later
            sound[place : place + len(time)] += loud * rng.normal(0, 1, len(time)) * np.exp(-400 * time)
    return sound


def whistling(rng: np.random.Generator) -> Sound:
    """A pure tone that wanders, with some breath."""
    pitch = np.interp(_TIME, np.linspace(0, 3, 9), rng.uniform(700, 2500, 9))
    return np.sin(_phase(pitch * (1 + 0.01 * np.sin(2 * np.pi * 5 * _TIME)))) + 0.05 * rng.normal(0, 1, CLIP_SAMPLES)


def crickets(rng: np.random.Generator) -> Sound:
    """A high tone in fast pulses, in groups."""
    pulses = np.sin(2 * np.pi * rng.uniform(25, 60) * _TIME) > 0
    groups = np.sin(2 * np.pi * rng.uniform(0.8, 3) * _TIME) > rng.uniform(-0.5, 0.3)
    return np.sin(2 * np.pi * rng.uniform(2500, 6000) * _TIME) * pulses * groups + 0.01 * rng.normal(0, 1, CLIP_SAMPLES)


def bells(rng: np.random.Generator) -> Sound:
    """Struck metal: partials that are no harmonics, dying away."""
    sound = np.zeros(CLIP_SAMPLES)
    for start in rng.integers(0, CLIP_SAMPLES // 2, int(rng.integers(1, 5))):
        time = _TIME[: CLIP_SAMPLES - start]
        base = rng.uniform(200, 1200)
        for ratio in (0.5, 1, 1.2, 1.5, 2, 2.67, 3.01, 4.17):
            sound[start:] += rng.uniform(0.1, 1) * np.sin(2 * np.pi * base * ratio * time) * np.exp(-ratio * 2 * time)
    return sound


def telephone(rng: np.random.Generator) -> Sound:
    """Keys of a telephone: two tones at once."""
    sound, length = np.zeros(CLIP_SAMPLES), int(SAMPLE_RATE * rng.uniform(0.08, 0.2))
    for start in range(0, CLIP_SAMPLES - length, 2 * length):
        for tone in (rng.choice((697, 770, 852, 941)), rng.choice((1209, 1336, 1477, 1633))):
            sound[start : start + length] += np.sin(2 * np.pi * tone * _TIME[:length])
    return sound


def modem(rng: np.random.Generator) -> Sound:
    """Data as tones: every few milliseconds another frequency."""
    symbol = int(rng.integers(30, 400))
    tones = rng.choice((980, 1180, 1650, 1850), CLIP_SAMPLES // symbol + 1)
    return np.sin(_phase(np.repeat(tones, symbol)[:CLIP_SAMPLES]))


def bubbles(rng: np.random.Generator) -> Sound:
    """Water: short tones that rise while they fade."""
    sound = 0.01 * rng.normal(0, 1, CLIP_SAMPLES)
    for start in rng.integers(0, CLIP_SAMPLES - 2000, int(rng.integers(10, 120))):
        time = np.arange(int(rng.integers(400, 2000))) / SAMPLE_RATE
        rising = rng.uniform(300, 2000) * (1 + rng.uniform(1, 8) * time)
        sound[start : start + len(time)] += rng.uniform(0.1, 1) * np.sin(_phase(rising)) * np.exp(-60 * time)
    return sound


def barking(rng: np.random.Generator) -> Sound:
    """A dog: short harsh harmonic bursts through a mouth's resonance."""
    sound, time = 0.002 * rng.normal(0, 1, CLIP_SAMPLES), np.arange(3200) / SAMPLE_RATE
    for start in _beats(rng.uniform(0.3, 0.9), len(time), rng):
        pitch = rng.uniform(250, 600) * (1 + 0.4 * np.sin(np.pi * time / time[-1]))
        harmonics = sum(np.sin(k * _phase(pitch)) / (1 + (k - 2.5) ** 2) for k in range(1, 10))
        burst = (harmonics + rng.normal(0, 0.4, len(time))) * np.hanning(len(time))
        sound[start : start + len(time)] += burst
    return sound


def string_quartet(rng: np.random.Generator) -> Sound:
    """Bowed notes with vibrato that glide into each other: the music nearest to a voice."""
    sound = np.zeros(CLIP_SAMPLES)
    for base in rng.choice((98, 131, 147, 196, 220, 294, 392), 4, replace=False):
        steps = base * 2 ** (rng.choice((0, 2, 4, 5, 7, 9, 12), 7) / 12)
        pitch = np.interp(_TIME, np.linspace(0, 3, 7), steps) * (1 + 0.006 * np.sin(2 * np.pi * 6 * _TIME))
        bow = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * _TIME + rng.uniform(0, 6))
        sound += bow * sum(np.sin(k * _phase(pitch)) / k for k in range(1, 12))
    return sound


NOISES: Kinds = {
    "white noise": lambda rng: coloured_noise(rng, 0.0),
    "pink noise": lambda rng: coloured_noise(rng, 0.5),
    "brown noise": lambda rng: coloured_noise(rng, 1.0),
}
HEARD: Kinds = NOISES | KINDS
"""Kinds that the gate was trained on; the three noises are among its coloured noise."""
NEVER_HEARD: Kinds = {
    function.__name__.replace("_", " "): function
    for function in (
        *(speech_noise, applause, footsteps, typing, whistling, crickets),
        *(bells, telephone, modem, bubbles, barking, string_quartet),
    )
}


# --- What is refused


@dataclass(frozen=True)
class Refused:
    """How many sounds, how many of them were refused, and how many of these because no voice was found in them."""

    sounds: int
    refused: int
    voiceless: int

    @property
    def share(self) -> float:
        """Of 1."""
        return self.refused / self.sounds

    def __add__(self, other: "Refused") -> "Refused":
        return Refused(self.sounds + other.sounds, self.refused + other.refused, self.voiceless + other.voiceless)

    def __str__(self) -> str:
        return f"{self.share:.1%}"


NOTHING = Refused(0, 0, 0)


def refused(predictor: Predictor, clips: Iterable[Samples]) -> Refused:
    """What of `clips` gets no emotion: no voice is found, or the gate hears none."""
    found = NOTHING
    for clip in clips:
        examined = predictor.examine(clip)
        found += Refused(1, examined.prediction.emotion is None, examined.heard is None)
    return found


def made(kinds: Kinds, kind: str, level: float, each: int) -> Iterator[Samples]:
    """`each` sounds of a kind, the loudest sample at `level` dB; silence stays as soft as it is."""
    for number in range(each):
        rng = np.random.default_rng((SEED, *kind.encode(), number))
        sound = kinds[kind](rng)
        peak = 1.0 if kind == "silence" else 10 ** (level / 20) / max(float(np.abs(sound).max()), 1e-9)
        yield (sound * peak).astype(np.float32)


def softer(recordings: Iterable[Recording], decibels: float) -> Iterator[Samples]:
    """Recordings that are turned down, and rounded to 16 bits as they come."""
    for recording in recordings:
        turned_down = load_audio(recording.path) * 10 ** (-decibels / 20)
        yield (np.round(turned_down * 2**15) / 2**15).astype(np.float32)


def _beats(period: float, length: int, rng: np.random.Generator) -> Iterator[int]:
    """Samples at which something of `length` begins, about every `period` seconds."""
    start = int(rng.uniform(0, period) * SAMPLE_RATE)
    while start < CLIP_SAMPLES - length:
        yield start
        start += int(period * rng.uniform(0.7, 1.4) * SAMPLE_RATE)


def _phase(frequency: Sound) -> Sound:
    return 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE


# --- The page


def sounds_table(predictor: Predictor, kinds: Kinds, each: int) -> str:
    """A row for each kind, with the share refused at each level and in all; and which kinds are refused too rarely."""
    found = {kind: [refused(predictor, made(kinds, kind, level, each)) for level in LEVELS] for kind in kinds}
    everything = [sum(column, NOTHING) for column in zip(*found.values(), strict=True)]
    wholes = {kind: sum(row, NOTHING) for kind, row in found.items()}
    short = [f"{kind} ({whole})" for kind, whole in wholes.items() if whole.share < AIM]
    rows = [_row(kind, row) for kind, row in found.items()]
    told = f"Below {AIM:.0%}: {', '.join(short)}." if short else f"None is below {AIM:.0%}."
    return "\n".join([_HEAD, *rows, _row("**all**", everything), "", told])


def clips_table(predictor: Predictor, recordings: Sequence[Recording]) -> str:
    """A row for each corpus: the share refused as recorded, and turned down."""
    found = {}
    for corpus in sorted({recording.placed.corpus for recording in recordings}):
        own = [recording for recording in recordings if recording.placed.corpus == corpus]
        found[corpus] = [refused(predictor, softer(own, decibels)) for decibels in SOFTER]
    found["**all**"] = [sum(column, NOTHING) for column in zip(*found.values(), strict=True)]
    return "\n".join(f"| {name} | {row[0].sounds} | {' | '.join(map(str, row))} |" for name, row in found.items())


def _row(kind: str, found: Sequence[Refused]) -> str:
    whole = sum(found, NOTHING)
    voiceless = whole.voiceless / whole.sounds
    return f"| {kind} | {' | '.join(map(str, found))} | {whole} | {voiceless:.0%} |"


def page(predictor: Predictor, recordings: Sequence[Recording], each: int) -> str:
    """docs/gate.md."""
    turned_down = " | ".join("as recorded" if not one else f"{one} dB softer" for one in SOFTER)
    return f"""# What is refused as no speech

<!-- Written by benchmarks/gate.py: run it again instead of changing this. -->

{predictor.model}, through the Predictor that serves: a sound is refused where no or too little voice is found in it
(the last column says how many), or where the gate, which is a part of the network, hears none.

**The sounds are made up: real ones without speech were not at hand.** Each is 3 s long; {each} of each kind at each
level (of the loudest sample, 0 dB being full scale). No training uses their seeds. {AIM:.0%} are to be refused.

## Kinds that the gate was trained on

Other sounds of the kinds in `utils/sounds.py`.

{sounds_table(predictor, HEARD, each)}

## Kinds that it was not trained on

{sounds_table(predictor, NEVER_HEARD, each)}

## Clips of people whom it never heard

The recordings of the test speakers. At most 1% as recorded are to be refused.

| corpus | clips | {turned_down} |
|{"---|" * (len(SOFTER) + 2)}
{clips_table(predictor, recordings)}
"""


def main() -> int:
    """Measures, prints and writes the page; 1 where there is no model or no data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--each", type=int, default=50, help="sounds of a kind at each level (default: 50)")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write (default: docs/gate.md)")
    options = parser.parse_args()
    try:
        text = page(Predictor.load(options.models), unheard(options.models, options.data), options.each)
    except VoiceError as error:
        Console(stderr=True).print(str(error), markup=False)
        return 1
    options.page.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
