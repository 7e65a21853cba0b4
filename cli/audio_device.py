"""Microphone and loudspeaker, through PortAudio."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import soxr

from utils.decoding import SAMPLE_RATE
from utils.errors import VoiceError, marked

BLOCKS_A_SECOND = 20
QUIETEST = -60  # dB below full scale: the empty level bar


class AudioDeviceError(VoiceError):
    """There is no microphone or loudspeaker, or it can't be used now."""

    code = "no_audio_device"


NONE = {
    "input": marked("There is no microphone: connect one and start again, or try `file PATH`."),
    "output": marked("There is no loudspeaker: connect one and start again, or try `file PATH`."),
}
BUSY = {
    "input": marked(
        "The microphone can't be used now: close other programs that use it and allow it for this terminal."
    ),
    "output": marked(
        "The loudspeaker can't be used now: close other programs that use it and allow it for this terminal."
    ),
}


class AudioDevice:
    """The system's default microphone and loudspeaker; nothing is opened before it is used."""

    def record(self, seconds: float, report: Callable[[float, float], None]) -> np.ndarray:
        """Records samples (1-D float32, 16 kHz) at the device's own rate, and resamples them.

        Args:
            seconds: how long.
            report: called about BLOCKS_A_SECOND times a second with the level, 0 to 1, and the seconds left.

        Raises:
            AudioDeviceError: no PortAudio, no microphone, or it is in use or forbidden.
        """
        with _translated("input") as (sounddevice, rate):
            total, done, blocks = round(seconds * rate), 0, []
            with sounddevice.InputStream(samplerate=rate, channels=1, dtype="float32") as stream:
                while done < total:
                    block, _ = stream.read(min(rate // BLOCKS_A_SECOND, total - done))
                    blocks.append(block[:, 0].copy())
                    done += len(block)
                    report(_level(block), (total - done) / rate)
        samples: np.ndarray = soxr.resample(np.concatenate(blocks), rate, SAMPLE_RATE)
        return samples

    def play(self, samples: np.ndarray) -> None:
        """Plays samples (1-D float32, 16 kHz) to their end.

        Raises:
            AudioDeviceError: no PortAudio, no loudspeaker, or it is in use.
        """
        with _translated("output") as (sounddevice, rate):
            sounddevice.play(soxr.resample(samples, SAMPLE_RATE, rate), rate, blocking=True)


def _level(block: np.ndarray) -> float:
    decibels = 20 * np.log10(np.sqrt(np.mean(np.square(block))) + 1e-9)
    return float(np.clip(1 - decibels / QUIETEST, 0, 1))


@contextmanager
def _translated(kind: str) -> Iterator[tuple[Any, int]]:
    """The sounddevice module and the default device's sampling rate; its exceptions as sentences."""
    try:
        import sounddevice
    except ImportError as error:
        raise AudioDeviceError(
            "Using the microphone needs a package: run `pip install sounddevice`, or try `file PATH`."
        ) from error
    except OSError as error:
        raise AudioDeviceError(
            "Using the microphone needs the PortAudio library: install it (Debian and Ubuntu: "
            "apt install libportaudio2), or try `file PATH`."
        ) from error
    try:
        rate = int(sounddevice.query_devices(kind=kind)["default_samplerate"])
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioDeviceError(NONE[kind]) from error
    try:
        yield sounddevice, rate
    except sounddevice.PortAudioError as error:
        raise AudioDeviceError(BUSY[kind]) from error
