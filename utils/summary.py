"""What is told of a whole clip at once: what dense networks, voice profiles and the gate for voices go by."""

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import CLIP_FRAMES, FRAME_HOP
from utils.decoding import SAMPLE_RATE
from utils.features import FeatureSettings

RHYTHM_BANDS = (0.3, 1.5, 3.0, 5.0, 8.0, 14.0, 28.0)  # Hz; syllables come at 3 to 8
LEVELS = ("mean", "tenth", "median", "nine tenths", "mean where loud")  # move with a feature's offset and its scale
SPREADS = ("deviation", "deviation where loud", "change")  # move with its scale alone
_LOUDNESS = 0  # the first MFCC follows the level
_BLOCK = 256  # clips at a time


def _rhythm_transform() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windowed Fourier transform (frames, cosines then sines) and which frequencies a band averages."""
    frequencies = np.arange(RHYTHM_BANDS[0], RHYTHM_BANDS[-1], 0.25)
    angles = 2 * np.pi * np.arange(CLIP_FRAMES)[:, None] * FRAME_HOP / SAMPLE_RATE * frequencies
    transform = np.hanning(CLIP_FRAMES)[:, None] * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    members = np.digitize(frequencies, RHYTHM_BANDS)[:, None] == np.arange(1, len(RHYTHM_BANDS))
    return transform.astype(np.float32), (members / members.sum(axis=0)).astype(np.float32)


_TRANSFORM, _BANDS = _rhythm_transform()


def statistics_size(count: int) -> int:
    """How many statistics there are of so many features a frame: 1,680 of 120."""
    return count * (len(LEVELS) + len(SPREADS) + len(RHYTHM_BANDS) - 1)


def summary_size(settings: FeatureSettings) -> int:
    """Numbers in the summary of a clip: 1,680 with the default features; of an encoding just these."""
    return settings.count if settings.encoded else statistics_size(settings.count)


def profile_size(settings: FeatureSettings) -> int:
    """Numbers in a voice's profile: a summary; before an encoding, the mean of each default feature."""
    return summary_size(settings) + (FeatureSettings().count if settings.encoded else 0)


def summarize(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Statistics of each feature over its clip: levels, spreads and rhythm. An encoding is its own summary.

    The rhythm is the modulation spectrum: the log of how strongly a feature swings in each of `RHYTHM_BANDS`.

    Args:
        features: of clips, (clips, 174, count) or encodings (clips, count), of any float type.

    Returns:
        float32 (clips, 14 x count): the blocks of `LEVELS`, of `SPREADS`, and the rhythm feature by feature; or the
        encodings.
    """
    if features.ndim == 2:
        return np.asarray(features, dtype=np.float32)
    blocks = [_statistics(features[first : first + _BLOCK]) for first in range(0, len(features), _BLOCK)]
    nothing = np.empty((0, statistics_size(features.shape[-1])), dtype=np.float32)
    return np.concatenate(blocks) if blocks else nothing


def _statistics(framewise: NDArray[np.floating]) -> NDArray[np.float32]:
    values = np.asarray(framewise, dtype=np.float32)
    places = [int(share * CLIP_FRAMES) for share in (0.1, 0.5, 0.9)]
    tenth, median, nine_tenths = np.moveaxis(np.partition(values, places, axis=1)[:, places], 1, 0)
    loudness = values[:, :, _LOUDNESS]
    spread = 0.3 * loudness.std(axis=1, keepdims=True) + 1e-3
    loud = 1 / (1 + np.exp(np.clip((median[:, None, _LOUDNESS] - loudness) / spread, -30, 30)))
    loud = (loud / loud.sum(axis=1, keepdims=True))[:, None]
    loud_mean = (loud @ values)[:, 0]
    loud_square = (loud @ np.square(values))[:, 0]
    mean = values.mean(axis=1)
    swings = np.swapaxes(values - mean[:, None], 1, 2) @ _TRANSFORM
    cosines, sines = np.split(swings, 2, axis=2)
    rhythm = np.log(np.sqrt(cosines**2 + sines**2 + 1e-6) @ _BANDS + 1e-2)
    return np.concatenate(
        [
            *(mean, tenth, median, nine_tenths, loud_mean),
            *(
                values.std(axis=1),
                np.sqrt(np.maximum(loud_square - loud_mean**2, 1e-4)),
                np.diff(values, axis=1).std(1),
            ),
            rhythm.reshape(len(values), -1),
        ],
        axis=1,
        dtype=np.float32,
    )


def summary_scale(
    mean: NDArray[np.floating], deviation: NDArray[np.floating], size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Offset and scale (size,) of a summary, from those (count,) of its features.

    With them, the mean block of a summary is in the units of normalized features, and so is an encoding; rhythm is as
    it is.
    """
    if size == len(mean):
        return mean.astype(np.float32), deviation.astype(np.float32)
    left = len(mean) * (len(RHYTHM_BANDS) - 1)
    offset = np.concatenate([np.tile(mean, len(LEVELS)), np.zeros(len(mean) * len(SPREADS) + left)])
    scale = np.concatenate([np.tile(deviation, len(LEVELS) + len(SPREADS)), np.ones(left)])
    return offset.astype(np.float32), scale.astype(np.float32)
