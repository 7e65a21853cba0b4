"""The last 3 s of a sound that goes on: frames of PCM in, samples as the Predictor wants them out."""

import numpy as np
import soxr

from utils.audio_preprocessing import CLIP_SAMPLES
from utils.decoding import SAMPLE_RATE, Samples
from utils.errors import AudioError

RATES = range(8_000, 192_001)  # Hz
SAMPLE_BYTES = 2  # signed, little-endian


class LiveWindow:
    """Keeps what was said last, however long somebody speaks. For one thread.

    Args:
        rate: of the frames, in Hz.

    Attributes:
        rate: as given.

    Raises:
        AudioError: no microphone has such a rate.
    """

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        if rate not in RATES:
            raise AudioError(
                "The sample rate must be a whole number from {low} to {high} Hz.", low=RATES[0], high=RATES[-1]
            )
        self.rate = rate
        self._count = 0
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1) if rate != SAMPLE_RATE else None
        self._samples: Samples = np.empty(0, dtype=np.float32)

    @property
    def seconds(self) -> float:
        """How much sound came in, since the beginning."""
        return self._count / self.rate

    def seconds_of(self, frame: bytes) -> float:
        """How long `frame` sounds."""
        return len(frame) / SAMPLE_BYTES / self.rate

    def add(self, frame: bytes) -> None:
        """Take 16-bit PCM, mono, of any length; the next frame goes on where this one ends.

        Raises:
            AudioError: it holds no sample, or half of one; then nothing of it is taken.
        """
        if not frame or len(frame) % SAMPLE_BYTES:
            raise AudioError("A frame must hold whole samples of two bytes each: send 16-bit mono PCM.")
        samples = np.frombuffer(frame, dtype="<i2").astype(np.float32) / 2**15
        if self._resampler:
            samples = np.clip(self._resampler.resample_chunk(samples), -1.0, 1.0)  # resampling overshoots
        self._samples = np.concatenate([self._samples, samples])[-CLIP_SAMPLES:]
        self._count += len(frame) // SAMPLE_BYTES

    def samples(self) -> Samples:
        """The last 3 s, or all while there is less; as `load_audio` gives them."""
        return self._samples
