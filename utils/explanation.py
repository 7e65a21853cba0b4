"""Why an answer is what it is: how much each moment weighed, and which sides of the voice spoke for it.

Both by asking the network again with something taken away: a tenth of the clip, or what is unusual about the pitch,
the loudness, ... of its sound.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import CLIP_FRAMES, CLIP_SAMPLES, FRAME_HOP, find_voice, fit_clip
from utils.decoding import SAMPLE_RATE, Samples
from utils.features import FeatureSettings, extract_features
from utils.prediction import Heard, Prediction
from utils.resynthesis import at_pitch, at_speed, through_filter
from utils.spectral import FREQUENCIES, mel_filters
from utils.voice_profile import VoiceProfile

Floats = NDArray[np.float32]
Feature = Literal["pitch", "loudness", "tempo", "brightness", "timbre"]
Direction = Literal["more", "less", "usual"]

PARTS = 10  # of what was judged
_FRAMEWISE = FeatureSettings()  # what sides of a voice are told by, whatever the network hears
LEAST_SHARE = 0.02  # of probability: what speaks for an answer less than that isn't named
_NOTABLE = 0.3  # deviations from the usual below which no direction is named
_TEMPI: dict[Direction, float] = {"more": 1 / 1.2, "less": 1.2, "usual": 1.0}  # to be nearer to the usual one
_FARTHEST = 0.5  # octaves: a voice that is farther from the usual pitch is brought only so much nearer
_DARK = 1000.0  # hertz: where the tilt of a spectrum is measured around
_LOUDEST = 12.0  # decibels: by which nothing is made more louder or softer
USUAL = Path(__file__).with_name("usual.json")
"""What benchmarks/usual_voice.py made of the training speakers' clips."""


@dataclass(frozen=True)
class Part:
    """A tenth of what was judged, in seconds from the beginning of the clip, and how much it weighed.

    `weight` is by how much the answer's probability falls without it; below 0: it spoke against the answer.
    """

    start: float
    end: float
    weight: float


@dataclass(frozen=True)
class Reason:
    """A side of the voice that spoke for the answer: by how much the probability falls if it were as usual."""

    feature: Feature
    direction: Direction
    share: float


@dataclass(frozen=True)
class Explanation:
    """Why a clip was judged so; `reasons` begin with the weightiest and may be none.

    `known_voice`: what is usual was taken from the speaker's profile, not from everybody.
    """

    emotion: str
    parts: tuple[Part, ...]
    reasons: tuple[Reason, ...]
    known_voice: bool


class Hearing(Protocol):
    """What is needed of a `utils.predictor.Predictor`."""

    labels: tuple[str, ...]
    settings: FeatureSettings

    def hear(self, features: Floats, voice: VoiceProfile | None = None) -> Heard: ...  # noqa: D102


def explain(
    predictor: Hearing, samples: Samples, prediction: Prediction, voice: VoiceProfile | None = None
) -> Explanation:
    """Why `predictor` says `prediction.emotion` to a clip with speech.

    Args:
        predictor: whose answer it was.
        samples: the clip, as `load_audio` gives it.
        prediction: the answer; its emotion is explained, whatever the predictor would say now.
        voice: what is usual for the voice, where the answer knew that.
    """
    emotion = prediction.emotion or predictor.labels[0]
    settings = predictor.settings
    clip, _ = fit_clip(samples, find_voice(samples))
    features = extract_features(clip, settings)
    of_frames = extract_features(clip, _FRAMEWISE)
    sides = SIDES if settings.kind in {"default", "encoding"} else ()
    count = CLIP_FRAMES if settings.encoded else len(features) if features.ndim > 1 else 0
    spans = tenths(prediction.heard, count) if count else []
    changed = [
        *(extract_features(as_usual(clip, of_frames, side, voice), settings) for side in sides),
        *(_without(features, clip, span, settings) for span in spans),
    ]
    heard = predictor.hear(np.stack([features, *changed]), voice)
    chances = heard.probabilities[:, predictor.labels.index(emotion)]
    falls = (chances[0] - chances[1:]).tolist()
    second = FRAME_HOP / SAMPLE_RATE
    begin = prediction.heard[0]
    parts = [
        Part(begin + first * second, min(begin + end * second, prediction.heard[1]), fall)
        for (first, end), fall in zip(spans, falls[len(sides) :], strict=True)
    ]
    reasons = [
        Reason(side, direction(of_frames, side, voice), fall)
        for side, fall in zip(sides, falls, strict=False)
        if fall >= LEAST_SHARE
    ]
    return Explanation(emotion, tuple(parts), tuple(sorted(reasons, key=lambda one: -one.share)), voice is not None)


def tenths(heard: tuple[float, float], frames: int) -> list[tuple[int, int]]:
    """First and end frame of each tenth of what was heard: what a short clip was padded with is in none."""
    used = min(frames, max(PARTS, round((heard[1] - heard[0]) * SAMPLE_RATE / FRAME_HOP)))
    edges = np.linspace(0, used, PARTS + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def _without(features: Floats, clip: Samples, span: tuple[int, int], settings: FeatureSettings) -> Floats:
    """Features of the clip with a span of frames silent; where there are frames, they are like the clip's quietest."""
    first, end = span
    if settings.encoded:
        silenced = clip.copy()
        silenced[first * FRAME_HOP : end * FRAME_HOP] = 0
        return extract_features(silenced, settings)
    changed = features.copy()
    changed[first:end] = features[features[..., 0].reshape(len(features), -1).mean(axis=1).argmin()]
    return changed


def as_usual(clip: Samples, features: Floats, side: Feature, voice: VoiceProfile | None) -> Samples:
    """The sound of a clip, were one side of the voice as usual.

    Args:
        clip: 3 s, float32 (48,000,).
        features: of its frames, (174, 120).
        side: which.
        voice: what is usual for it; None: what is for everybody.

    Returns:
        float32 (48,000,); what gets longer than 3 s is cut off.
    """
    mean, names = _usual(voice)[0], _FRAMEWISE.names()
    beyond = dict(zip(names, (mean - features.mean(axis=0)).tolist(), strict=True))
    if side == "tempo":
        changed = at_speed(clip, _TEMPI[direction(features, side, voice)])[:CLIP_SAMPLES]
        return np.pad(changed, (0, CLIP_SAMPLES - len(changed)))
    if side == "pitch":
        return at_pitch(clip, 2 ** float(np.clip(beyond["pitch"], -_FARTHEST, _FARTHEST)))
    bands, centres = np.array([beyond[f"mel {band}"] for band in range(_FRAMEWISE.mel_bands)]), _centres()
    if side == "loudness":
        gains = np.full(len(bands), bands.mean())
    elif side == "brightness":
        gains = beyond["tilt"] / 2 * np.sign(centres - _DARK)
        gains -= gains.mean()  # loudness is another side
    else:
        places = np.log(centres)
        gains = bands - np.polyval(np.polyfit(places, bands, 1), places)  # the line is loudness and brightness
    changed = through_filter(clip, centres, np.clip(gains, -_LOUDEST, _LOUDEST))
    return np.clip(changed, -1, 1)


def _centres() -> Floats:
    """Of the mel bands, in hertz."""
    filters = mel_filters(_FRAMEWISE.mel_bands)
    return np.asarray(FREQUENCIES @ filters / filters.sum(axis=0))


def direction(features: Floats, side: Feature, voice: VoiceProfile | None) -> Direction:
    """Whether the clip has more or less of a side than usual; of timbre there is no more and less."""
    leading = _LEADING.get(side)
    if leading is None:
        return "usual"
    column = _FRAMEWISE.names().index(leading)
    usual, deviation = _usual(voice)
    difference = (features[:, column].mean() - usual[column]) / deviation[column]
    if abs(difference) < _NOTABLE:
        return "usual"
    return "more" if difference > 0 else "less"


SIDES: tuple[Feature, ...] = ("pitch", "loudness", "tempo", "brightness", "timbre")
_LEADING = {"pitch": "pitch", "loudness": "mfcc 0", "tempo": "flux", "brightness": "tilt"}


def _usual(voice: VoiceProfile | None) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature's mean over a clip: of this voice where it is known, else of everybody."""
    mean, deviation = _everybody()
    return (voice.of_frames(_FRAMEWISE.count) if voice else mean), deviation


@cache
def _everybody() -> tuple[Floats, Floats]:
    content = json.loads(USUAL.read_text(encoding="utf-8"))
    return np.array(content["mean"], dtype=np.float32), np.array(content["deviation"], dtype=np.float32)
