"""Why an answer is what it is: how much each moment weighed, and which sides of the voice spoke for it.

Both by asking the network again with something taken away: a tenth of the clip, or what is unusual about the pitch.
What is as usual only in single features leaves the encoding as it was, so these weigh less than they may have.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import FRAME_HOP, find_voice, fit_clip
from utils.decoding import SAMPLE_RATE, Samples
from utils.features import SCALARS, FeatureSettings, frames, with_encodings
from utils.prediction import Heard, Prediction
from utils.voice_profile import VoiceProfile

Floats = NDArray[np.float32]
Feature = Literal["pitch", "loudness", "tempo", "brightness", "roughness", "timbre"]
Direction = Literal["more", "less", "usual"]

PARTS = 10  # of what was judged
LEAST_SHARE = 0.02  # of probability: what speaks for an answer less than that isn't named
_NOTABLE = 0.3  # deviations from the usual below which no direction is named
_STRETCH = 1.2  # how much slower or faster, to be nearer to the usual tempo
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

    def features(self, samples: Samples) -> NDArray[Any]: ...  # noqa: D102
    def hear(self, features: NDArray[Any], voice: VoiceProfile | None = None) -> Heard: ...  # noqa: D102


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
    features = frames(predictor.features(samples))
    framed = features.ndim == 2 and settings.kind in {"default", "encoded"}
    changed = [] if not framed else [usual_side(features, side, settings, voice) for side in SIDES]
    spans = tenths(prediction.heard, len(features)) if features.ndim > 1 else []
    variants = np.stack([features, *(without_frames(features, first, end) for first, end in spans), *changed])
    clip, _ = fit_clip(samples, find_voice(samples))
    clips = np.stack([clip, *(_without_samples(clip, first, end) for first, end in spans), *([clip] * len(changed))])
    heard = predictor.hear(with_encodings(variants, clips, settings), voice)
    chances = heard.probabilities[:, predictor.labels.index(emotion)]
    falls = (chances[0] - chances[1:]).tolist()
    second = FRAME_HOP / SAMPLE_RATE
    begin = prediction.heard[0]
    parts = [
        Part(begin + first * second, min(begin + end * second, prediction.heard[1]), fall)
        for (first, end), fall in zip(spans, falls, strict=False)
    ]
    reasons = [
        Reason(side, direction(features, side, settings, voice), fall)
        for side, fall in zip(SIDES if changed else (), falls[len(spans) :], strict=True)
        if fall >= LEAST_SHARE
    ]
    return Explanation(emotion, tuple(parts), tuple(sorted(reasons, key=lambda one: -one.share)), voice is not None)


def tenths(heard: tuple[float, float], frames: int) -> list[tuple[int, int]]:
    """First and end frame of each tenth of what was heard: what a short clip was padded with is in none."""
    used = min(frames, max(PARTS, round((heard[1] - heard[0]) * SAMPLE_RATE / FRAME_HOP)))
    edges = np.linspace(0, used, PARTS + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def without_frames(features: Floats, first: int, end: int) -> Floats:
    """Features (frames, ...) in which some frames sound like the quietest of the clip."""
    changed = features.copy()
    changed[first:end] = features[features[..., 0].reshape(len(features), -1).mean(axis=1).argmin()]
    return changed


def _without_samples(clip: Samples, first: int, end: int) -> Samples:
    """A clip that is silent from one frame to another."""
    changed = clip.copy()
    changed[first * FRAME_HOP : end * FRAME_HOP] = 0
    return changed


def usual_side(features: Floats, side: Feature, settings: FeatureSettings, voice: VoiceProfile | None) -> Floats:
    """Default features (174, 120) of the same clip, were one side of the voice as usual."""
    changed = features.copy()
    if side == "tempo":
        livelier = direction(features, side, settings, voice) == "more"
        return _stretched(features, _STRETCH if livelier else 1 / _STRETCH)
    columns = columns_of(side, settings)
    usual = _usual(settings, voice)[0]
    shift = usual[columns] - features[:, columns].mean(axis=0)
    mel = _mel(settings)
    if side == "loudness":
        changed[:, mel] += (usual[mel] - features[:, mel].mean(axis=0)).mean()
    elif side == "timbre":
        colour = usual[mel] - features[:, mel].mean(axis=0)
        changed[:, mel] += colour - colour.mean()
    changed[:, columns] += shift
    return changed


def direction(features: Floats, side: Feature, settings: FeatureSettings, voice: VoiceProfile | None) -> Direction:
    """Whether the clip has more or less of a side than usual; of timbre there is no more and less."""
    leading = _LEADING.get(side)
    if leading is None:
        return "usual"
    column = settings.names().index(leading)
    usual, deviation = _usual(settings, voice)
    difference = (features[:, column].mean() - usual[column]) / deviation[column]
    if abs(difference) < _NOTABLE:
        return "usual"
    return "more" if (difference > 0) == (side not in _REVERSED) else "less"


SIDES: tuple[Feature, ...] = ("pitch", "loudness", "tempo", "brightness", "roughness", "timbre")
_LEADING = {
    "pitch": "pitch",
    "loudness": "mfcc 0",
    "tempo": "flux",
    "brightness": "centroid",
    "roughness": "harmonics to noise",
}
_REVERSED = ("roughness",)  # the leading feature falls with it
_COLUMNS: dict[Feature, tuple[str, ...]] = {
    "pitch": ("pitch",),
    "loudness": ("mfcc 0", "energy"),
    "tempo": ("flux",),
    "brightness": ("zero crossings", "centroid", "bandwidth", "rolloff", "flatness", "tilt", "mfcc 1"),
    "roughness": ("periodicity", "jitter", "shimmer", "harmonics to noise"),
}


def columns_of(side: Feature, settings: FeatureSettings) -> list[int]:
    """Which of the default features tell of a side; the mel bands are shared by loudness and timbre."""
    names = settings.names()
    if side in _COLUMNS:
        return [names.index(name) for name in _COLUMNS[side]]
    taken = {name for some in _COLUMNS.values() for name in some} | set(SCALARS)
    return [i for i, name in enumerate(names) if name not in taken and not name.startswith("mel")]


def _mel(settings: FeatureSettings) -> slice:
    return slice(settings.mfcc, settings.mfcc + settings.mel_bands)


def _stretched(features: Floats, factor: float) -> Floats:
    """The same clip spoken so many times slower; what has no frame any more is left out, what lacks one is the last."""
    frames = np.minimum(np.arange(len(features)) / factor, len(features) - 1)
    before = np.floor(frames).astype(int)
    share = (frames - before).astype(np.float32)[:, None]
    after = np.minimum(before + 1, len(features) - 1)
    return np.asarray((1 - share) * features[before] + share * features[after], dtype=np.float32)


def _usual(settings: FeatureSettings, voice: VoiceProfile | None) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature's mean over a clip: of this voice where it is known, else of everybody."""
    mean, deviation = _everybody()
    return (voice.mean[: settings.count] if voice else mean), deviation


@cache
def _everybody() -> tuple[Floats, Floats]:
    content = json.loads(USUAL.read_text(encoding="utf-8"))
    return np.array(content["mean"], dtype=np.float32), np.array(content["deviation"], dtype=np.float32)
