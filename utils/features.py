"""THE feature function: 3 s of samples -> the features of a bundle's settings. Training and serving call this one."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import CLIP_FRAMES, CLIP_SAMPLES, FRAME_HOP, level, pitch, power_spectra
from utils.decoding import SAMPLE_RATE, Samples
from utils.encoder import ENCODING, encode
from utils.spectral import CHROMA, FREQUENCIES, chroma, contrast, dct, decibels, delta, mel_filters

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
IMAGE_ROWS = 128


@dataclass(frozen=True)
class FeatureSettings:
    """What `extract_features` computes; saved in the bundle and read from there when serving.

    `kind` is one of `KINDS`. The default has 120 features a frame: 40 MFCC, 48 log-mel bands, 7 spectral contrasts,
    12 chroma, and the 13 of `SCALARS`. `frames` are `1 + 48,000 // hop`. The kind "encoding" has none: it is what
    `utils.encoder` makes of the whole clip.

    Raises:
        ValueError: there is no such kind.
    """

    sample_rate: int = SAMPLE_RATE
    hop: int = FRAME_HOP
    frames: int = CLIP_FRAMES
    mel_bands: int = 48
    mfcc: int = 40
    contrast_bands: int = 6
    dynamic_range_db: float = 80.0
    kind: str = "default"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of features: there are {', '.join(KINDS)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one clip's features."""
        frames, timbre = self.frames, self.mfcc + CHROMA + self.contrast_bands + 1
        frame = timbre + self.mel_bands + len(SCALARS)
        return {
            "default": (frames, frame),
            "encoding": (ENCODING,),
            "functionals": (7 * frame,),
            "log-mel-deltas": (frames, 3 * self.mel_bands),
            "timbre": (frames, timbre),
            "timbre-aggregated": (4 * timbre,),
            "log-mel-image": (frames, self.mel_bands),
            "spectrogram-mfcc-image": (frames, IMAGE_ROWS, 2),
        }[self.kind]

    @property
    def count(self) -> int:
        """Features a frame; of an image, its channels; where there are no frames, all."""
        return self.shape[-1]

    @property
    def encoded(self) -> bool:
        """Whether they are a clip's encoding."""
        return self.kind == "encoding"

    def names(self) -> tuple[str, ...]:
        """Name of each feature of a default frame, in order."""
        return (
            *(f"mfcc {i}" for i in range(self.mfcc)),
            *(f"mel {i}" for i in range(self.mel_bands)),
            *(f"contrast {i}" for i in range(self.contrast_bands + 1)),
            *(f"chroma {i}" for i in range(CHROMA)),
            *SCALARS,
        )

    def as_dict(self) -> dict[str, float | str]:
        """For bundle.json; `FeatureSettings(**settings.as_dict())` is the same settings again."""
        return asdict(self)


def extract_features(clip: Samples, settings: FeatureSettings) -> NDArray[np.float32]:
    """Features of one clip; those of its frames from a single short-time Fourier transform.

    Args:
        clip: 3 s of samples, float32 (48,000,), as `fit_clip` gives them.
        settings: which features.

    Returns:
        float32 of `settings.shape`, (174, 120) with the default settings; always finite.

    Raises:
        ValueError: the clip is not 3 s long.
    """
    if clip.shape != (CLIP_SAMPLES,):
        raise ValueError(f"a clip has {CLIP_SAMPLES} samples, not {clip.shape}: fit it with fit_clip first")
    return np.asarray(KINDS[settings.kind](clip, settings), dtype=np.float32)


def frame_features(power: Samples, settings: FeatureSettings) -> Samples:
    """What a frame tells of itself, whatever is around it: shared by all clips that hold it.

    Args:
        power: (frames, 513) from `power_spectra`.
        settings: which features.

    Returns:
        float32 (frames, 75) with the default settings, for `clip_features`.
    """
    total = power.sum(axis=1) + 1e-7
    centroid = power @ FREQUENCIES / total
    spread = np.sqrt(np.maximum(power @ FREQUENCIES**2 / total - centroid**2, 0))
    rolloff = FREQUENCIES[(np.cumsum(power, axis=1) < 0.85 * total[:, None]).sum(axis=1).clip(max=len(FREQUENCIES) - 1)]
    flatness = np.exp(np.log(power + 1e-9).mean(axis=1)) / (power.mean(axis=1) + 1e-9)
    below, above = power[:, FREQUENCIES < 1000].sum(axis=1), power[:, FREQUENCIES >= 1000].sum(axis=1)
    tilt = np.clip(10 * np.log10((above + 1e-7) / (below + 1e-7)), -60, 60)
    frequency, periodicity = pitch(power)
    scalars = [level(power), np.log2(frequency / 150), periodicity, centroid, spread, rolloff, flatness, tilt]
    mel = 10 * np.log10(np.maximum(power @ mel_filters(settings.mel_bands), 1e-9))
    columns = [mel, contrast(power, settings.contrast_bands), chroma(power), np.stack(scalars, axis=1)]
    return np.concatenate(columns, axis=1, dtype=np.float32)


def clip_features(frames: Samples, crossings: Samples, settings: FeatureSettings) -> NDArray[np.float32]:
    """Features of clips from those of their frames: each clip's loudest moment decides what counts as silence.

    Args:
        frames: (..., 174, 75) from `frame_features`.
        crossings: (..., 174), share of samples at which the sign changes, in each hop around a frame's centre.
        settings: which features.

    Returns:
        float32 (..., 174, 120) with the default settings.
    """
    widths = (settings.mel_bands, settings.contrast_bands + 1, CHROMA)
    mel, contrasts, classes, scalars = np.split(frames, np.cumsum(widths), axis=-1)
    mel = np.maximum(mel, mel.max(axis=(-2, -1), keepdims=True) - settings.dynamic_range_db)
    columns = [
        mel @ dct(settings.mel_bands, settings.mfcc),
        mel,
        contrasts,
        classes,
        _scalars(scalars, mel, crossings, settings),
    ]
    return np.concatenate(columns, axis=-1, dtype=np.float32)


def _power(clip: Samples, settings: FeatureSettings) -> Samples:
    """Power spectra; (frames, 513)."""
    return power_spectra(clip, hop=settings.hop)[: settings.frames]


def _default(clip: Samples, settings: FeatureSettings) -> Samples:
    """Everything there is of each frame; (frames, 120)."""
    frames = frame_features(_power(clip, settings), settings)
    return clip_features(frames, zero_crossings(clip, settings), settings)


def _encoding(clip: Samples, _settings: FeatureSettings) -> Samples:
    """What the encoder makes of the whole clip; (1280,)."""
    return encode(clip[None])[0]


def _functionals(clip: Samples, settings: FeatureSettings) -> Samples:
    """Mean, deviation, percentiles and speed of change of each default feature; (7 x 120,)."""
    frames = _default(clip, settings)
    steps = np.diff(frames, axis=0)
    low, middle, high = np.percentile(frames, [10, 50, 90], axis=0)
    return np.concatenate(
        [frames.mean(0), frames.std(0), low, middle, high, steps.std(0), np.abs(steps).mean(0)], dtype=np.float32
    )


def _log_mel(clip: Samples, settings: FeatureSettings) -> Samples:
    """Mel bands in dB; (frames, bands), which is an image, too."""
    return _mel(_power(clip, settings), settings)


def _mel(power: Samples, settings: FeatureSettings) -> Samples:
    return decibels(power @ mel_filters(settings.mel_bands), settings.dynamic_range_db)


def _log_mel_deltas(clip: Samples, settings: FeatureSettings) -> Samples:
    """Mel bands in dB, how fast they change, and how fast that changes; (frames, 3 x bands)."""
    mel = _log_mel(clip, settings)
    return np.concatenate([mel, delta(mel), delta(delta(mel))], axis=1)


def _timbre(clip: Samples, settings: FeatureSettings) -> Samples:
    """MFCC, chroma and spectral contrast; (frames, 59)."""
    power = _power(clip, settings)
    mfcc = _mel(power, settings) @ dct(settings.mel_bands, settings.mfcc)
    return np.concatenate([mfcc, chroma(power), contrast(power, settings.contrast_bands)], axis=1)


def _timbre_aggregated(clip: Samples, settings: FeatureSettings) -> Samples:
    """Mean, deviation, tenth and nine tenths over the clip of MFCC, chroma and spectral contrast; (4 x 59,)."""
    frames = _timbre(clip, settings)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0), *np.percentile(frames, [10, 90], axis=0)])


def _spectrogram_mfcc_image(clip: Samples, settings: FeatureSettings) -> Samples:
    """Two pictures of 128 rows: the spectrum from 0 to 8 kHz in dB, and the MFCC stretched; (frames, 128, 2)."""
    power = _power(clip, settings)
    linear = power[:, :-1].reshape(len(power), IMAGE_ROWS, -1).mean(axis=2)
    mfcc = _mel(power, settings) @ dct(settings.mel_bands, settings.mfcc)
    stretched = mfcc[:, np.arange(IMAGE_ROWS) * settings.mfcc // IMAGE_ROWS]
    return np.stack([decibels(linear, settings.dynamic_range_db), stretched], axis=2)


KINDS: dict[str, Callable[[Samples, FeatureSettings], Samples]] = {
    "default": _default,
    "encoding": _encoding,
    "functionals": _functionals,
    "log-mel-deltas": _log_mel_deltas,
    "timbre": _timbre,
    "timbre-aggregated": _timbre_aggregated,
    "log-mel-image": _log_mel,
    "spectrogram-mfcc-image": _spectrogram_mfcc_image,
}
"""Which features there are: each function takes a clip and the settings."""


def _scalars(frames: Samples, mel: Samples, crossings: Samples, settings: FeatureSettings) -> Samples:
    """One column for each of `SCALARS`; (..., frames, 13)."""
    loudness, octaves, periodicity, centroid, spread, rolloff, flatness, tilt = np.moveaxis(frames, -1, 0)
    loudest = loudness.max(axis=-1, keepdims=True)
    voiced = np.clip((periodicity - 0.3) / 0.4, 0, 1) * (loudness > loudest - 40)
    both = np.minimum(voiced, np.roll(voiced, 1, axis=-1))
    jitter = np.minimum(np.abs(np.diff(octaves, prepend=octaves[..., :1])), 0.25) * both
    shimmer = np.minimum(np.abs(np.diff(loudness, prepend=loudness[..., :1])), 12) * both
    flux = np.maximum(np.diff(mel, axis=-2, prepend=mel[..., :1, :]), 0).mean(axis=-1)
    columns = [
        np.maximum(loudness, loudest - settings.dynamic_range_db),
        crossings,
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
        tilt,
    ]
    return np.stack(columns, axis=-1)


def zero_crossings(clip: Samples, settings: FeatureSettings) -> Samples:
    """Share of samples of a clip at which the sign changes, in each hop around a frame's centre.

    Returns:
        float32 (174,) with the default settings.
    """
    crossings = np.concatenate([[0], np.cumsum(np.diff(np.signbit(clip)))])
    centres = np.arange(settings.frames) * settings.hop
    first, last = np.maximum(centres - settings.hop, 0), np.minimum(centres + settings.hop, CLIP_SAMPLES - 1)
    return ((crossings[last] - crossings[first]) / (2 * settings.hop)).astype(np.float32)
