"""What a network that learnt to tell thousands of voices apart makes of a clip: its encoding.

It is the first two of the three layers of Resemblyzer's voice encoder (generalized end-to-end loss, Wan et al. 2018,
ICASSP), the second of which knows how somebody speaks and not only who. `import_encoder.py` made encoder.onnx of its
weights; encoder.LICENSE.txt is their licence.
"""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

from utils.audio_preprocessing import CLIP_SAMPLES
from utils.decoding import Samples
from utils.errors import BundleError, marked

ENCODER = Path(__file__).with_name("encoder.onnx")
ENCODER_SHA256 = "be4dfd1676d9b8500af5de43ca992d32611eaffa0342c9a17591a247a51b0940"
UNITS = 256
ENCODING = 2 * UNITS
"""Numbers of a clip: the mean of each unit over the clip, then its deviation."""

WINDOW, HOP = 400, 160  # samples: 25 and 10 ms, as the encoder learnt them
_HANN: Samples = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
_LEAST_LEVEL = 10 ** (-30 / 20)  # of the root mean square: quieter clips were made as loud as this
_LOST = marked("The voice encoder, utils/encoder.onnx, is missing or was changed: restore it from the repository.")
_SILENCE = 1e-4  # of the loudest frame's power: before the first louder one, and behind the last, nothing is heard


def encode(clips: Samples) -> Samples:
    """The encodings of clips.

    Args:
        clips: 3 s each, float32 (clips, 48,000), as `fit_clip` gives them.

    Returns:
        float32 (clips, 512): mean and deviation of the units over the clip.

    Raises:
        BundleError: the encoder is missing or was changed.
    """
    encodings = np.empty((len(clips), ENCODING), dtype=np.float32)
    for number, clip in enumerate(clips):  # one by one: together they would be rounded together, and be no faster
        encodings[number] = encoder().run(None, {"power": _halves(_power(clip))})[0]
    return encodings


def _halves(power: Samples) -> Samples:
    """Both halves of a clip's spectra, a middle frame in both; (2, half, 201).

    They are heard side by side, in half the steps and little more than half the time. At most 1.5 s each, as the 1.6 s
    that the encoder learnt from.
    """
    half = (len(power) + 1) // 2
    return np.stack([power[:half], power[-half:]])


def _power(clip: Samples) -> Samples:
    """Power spectra as the encoder learnt them: (frames, 201), a quiet clip made louder first, without its ends."""
    level = np.sqrt(np.mean(np.square(clip))) + 1e-9
    padded = np.pad(clip * np.float32(max(1.0, _LEAST_LEVEL / level)), WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:CLIP_SAMPLES:HOP]
    spectrum = np.fft.rfft(windows * _HANN)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    energy = power.sum(axis=1)
    loud = np.flatnonzero(energy >= _SILENCE * energy.max())
    return power[loud[0] : loud[-1] + 1]


@cache
def encoder() -> onnxruntime.InferenceSession:
    """The network, read once.

    Raises:
        BundleError: it is missing or was changed.
    """
    try:
        content = ENCODER.read_bytes()
    except OSError as error:
        raise BundleError(_LOST) from error
    if hashlib.sha256(content).hexdigest() != ENCODER_SHA256:
        raise BundleError(_LOST)
    return open_network(content)


def open_network(onnx: bytes) -> onnxruntime.InferenceSession:
    """A network, to be run on one core.

    Raises:
        BundleError: this ONNX Runtime can't run it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a clip takes milliseconds: more threads would only wait
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(onnx, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors have no common base
        raise BundleError("The trained model can't be run by this ONNX Runtime: update onnxruntime.") from error
