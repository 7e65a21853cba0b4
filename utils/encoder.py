"""What two networks that learnt from thousands of voices make of a clip: its encoding.

One is the first two of the three layers of Resemblyzer's voice encoder (generalized end-to-end loss, Wan et al. 2018,
ICASSP), the second of which knows how somebody speaks and not only who. The other is the beginning of the smallest
Whisper's encoder (Radford et al. 2023, ICML), its convolutions and two of its four layers of attention, as smart-turn
taught it to hear whether somebody has finished speaking. `import_encoder.py` made encoder.onnx of their weights;
encoder.LICENSE.txt has their licences.
"""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

from utils.audio_preprocessing import CLIP_SAMPLES, spectra
from utils.decoding import Samples
from utils.errors import BundleError, marked

ENCODER = Path(__file__).with_name("encoder.onnx")
ENCODER_SHA256 = "c04e3b99c3509f06fb4567a512c265b4d3727a47af3168e164bef1592f168086"
UNITS = (256, 384)
"""Of the voice encoder, and of Whisper."""
ENCODING = 2 * sum(UNITS)
"""Numbers of a clip: the mean of each unit of the voice encoder over the clip, its deviation, and those of Whisper."""

WINDOW, HOP = 400, 160  # samples: 25 and 10 ms, as both learnt them
FRAMES = CLIP_SAMPLES // HOP
_LEAST_LEVEL = 10 ** (-30 / 20)  # of the root mean square: quieter clips were made as loud as this
_LOST = marked("The voice encoder, utils/encoder.onnx, is missing or was changed: restore it from the repository.")
_SILENCE = 1e-4  # of the loudest frame's power: before the first louder one, and behind the last, nothing is heard


def encode(clips: Samples) -> Samples:
    """The encodings of clips.

    Args:
        clips: 3 s each, float32 (clips, 48,000), as `fit_clip` gives them.

    Returns:
        float32 (clips, 1,280): mean and deviation of the units over the clip.

    Raises:
        BundleError: the encoder is missing or was changed.
    """
    encodings = np.empty((len(clips), ENCODING), dtype=np.float32)
    for number, clip in enumerate(clips):  # one by one: together they would be rounded together, and be no faster
        encodings[number] = encoder().run(None, {"power": _power(clip)})[0]
    return encodings


def _power(clip: Samples) -> Samples:
    """Power spectra as both learnt them: (frames, 201), a quiet clip made louder first, without its ends.

    The frames are even in number: the voice encoder hears two halves side by side, in half the steps, and Whisper two
    frames at a time.
    """
    level = np.sqrt(np.mean(np.square(clip))) + 1e-9
    padded = np.pad(clip * np.float32(max(1.0, _LEAST_LEVEL / level)), WINDOW // 2)
    power = spectra(padded, HOP, WINDOW, WINDOW)[:FRAMES]
    energy = power.sum(axis=1)
    loud = np.flatnonzero(energy >= _SILENCE * energy.max())
    count = (loud[-1] - loud[0] + 2) // 2 * 2
    first = min(loud[0], FRAMES - count)
    return power[first : first + count]


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
