"""Features seen against the speaker's own voice: z-scored by other clips of the same person, whose labels nobody needs.

Statistics of few clips are shrunk towards the training speakers', so that one clip can't do harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.summary import summarize
from utils.voice_profile import FLAGS, VoiceProfile

PRIOR_CLIPS = 3.0  # how many clips the training speakers' statistics count as


@dataclass(frozen=True)
class Voices:
    """What the features of the training speakers are like: their mean, and their variance within one speaker."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def learn_voices(features: NDArray[np.float16], speakers: Sequence[str]) -> Voices:
    """Of training clips (clips, ..., features) and who speaks in each."""
    means, squares = _moments(features)
    names = np.array(speakers)
    within = [squares[names == name].mean(0) - means[names == name].mean(0) ** 2 for name in np.unique(names)]
    return Voices(means.mean(axis=0), np.maximum(np.mean(within, axis=0), 1e-6))


def against_voice(
    features: NDArray[np.float16], speakers: Sequence[str], voices: Voices, clips: Sequence[int | None], seed: int = 0
) -> NDArray[np.float16]:
    """Features minus the speaker's mean, by the speaker's deviation, from other clips of the same speaker.

    Args:
        features: (clips, ..., features).
        speakers: who speaks in each.
        voices: of the training speakers.
        clips: how many other clips are known, None for all; where there are several numbers, one of them for each
            clip at random, so that who trains on the result gets along with any.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    means, squares = _moments(features)
    names, result = np.array(speakers), np.empty_like(features)
    inner = (1,) * (features.ndim - 2)
    for clip, name in enumerate(names):
        others = np.setdiff1d(np.flatnonzero(names == name), [clip])
        count = clips[rng.integers(len(clips))]
        heard = others if count is None else rng.permutation(others)[:count]
        trust = len(heard) / (len(heard) + PRIOR_CLIPS)
        mean, variance = voices.mean, voices.variance
        if len(heard):
            own = means[heard].mean(axis=0)
            spread = np.maximum(squares[heard].mean(axis=0) - own**2, 0)
            mean, variance = trust * own + (1 - trust) * mean, trust * spread + (1 - trust) * variance
        deviation = np.sqrt(np.maximum(variance, 1e-6))
        result[clip] = np.clip((features[clip] - mean.reshape(*inner, -1)) / deviation.reshape(*inner, -1), -100, 100)
    return result


def voice_profiles(
    features: NDArray[np.float16], speakers: Sequence[str], clips: int | None, seed: int = 0
) -> NDArray[np.float32]:
    """For each clip the vector of a profile of other clips of its speaker, of whatever moods; float32 (clips, size).

    `clips` other clips are drawn at random, None for all.
    """
    rng = np.random.default_rng(seed)
    summaries, names = summarize(features), np.array(speakers)
    vectors = np.zeros((len(features), summaries.shape[1] + FLAGS), dtype=np.float32)
    for clip, name in enumerate(names):
        others = np.setdiff1d(np.flatnonzero(names == name), [clip])
        heard = others if clips is None else rng.permutation(others)[:clips]
        if len(heard):
            vectors[clip] = VoiceProfile.of(summaries[heard], "mixed").vector(summaries.shape[1])
    return vectors


def _moments(features: NDArray[np.float16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and mean square of each clip's features, over its frames if it has any; (clips, features) each."""
    frames = tuple(range(1, features.ndim - 1))
    clips = (clip.astype(np.float64)[None] for clip in features)
    moments = [(clip.mean(axis=frames)[0], (clip**2).mean(axis=frames)[0]) for clip in clips]
    return np.array([mean for mean, _ in moments]), np.array([square for _, square in moments])
