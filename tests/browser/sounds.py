"""Sounds for the fake microphone and for uploads."""

import os
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 48_000
SENTENCE = "I can't believe you drove all this way just to see us! Come in and sit down with me."
CORPORA = Path(os.environ.get("VER_CORPORA") or Path(__file__).resolve().parents[3] / "shared" / "corpora")


def voice(folder):
    """A WAV of somebody speaking for several seconds, from the best source that this machine has."""
    path = folder / "voice.wav"
    samples = _corpus_voice()
    if samples is None:
        samples = _espeak_voice(folder)
    if samples is None:
        samples = _made_voice()
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


def _corpus_voice():
    """Five people of RAVDESS speaking strongly, one after the other, without the silence around."""
    found = sorted((CORPORA / "ravdess_speech").glob("Actor_*/03-01-0[35]-02-0*-01-*.*"))[:5]
    if not found:
        return None
    parts = []
    for path in found:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        samples = soxr.resample(samples[:, 0], rate, RATE)
        loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
        parts.append(samples[loud[0] : loud[-1]] * 0.7 / np.abs(samples).max())
    return np.concatenate(parts)


def _espeak_voice(folder):
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        return None
    subprocess.run([espeak, "-w", folder / "espeak.wav", SENTENCE], check=True)
    samples, rate = soundfile.read(folder / "espeak.wav", dtype="float32")
    return soxr.resample(samples, rate, RATE) * 0.7


def _made_voice():
    """Harmonics of a wandering 150 Hz under two formants, in syllables: enough to pass for a voice."""
    time = np.arange(4 * RATE) / RATE
    pitch = 150 + 20 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros_like(time)
    for n in range(1, 25):
        formants = sum(np.exp(-(((n * 150 - centre) / 180) ** 2)) for centre in (600, 1200))
        sound += (0.05 / n + formants) * np.sin(n * phase)
    syllables = np.clip(np.sin(2 * np.pi * 3.5 * time), 0, None)
    return (0.6 * sound * syllables / np.abs(sound).max()).astype(np.float32)


def tone(path, hertz=220.0, seconds=2.0, loud=0.4, rate=16_000):
    """A tone as a sound file of the kind that the ending says."""
    time = np.arange(int(seconds * rate)) / rate
    soundfile.write(path, loud * np.sin(2 * np.pi * hertz * time), rate)
    return path


def claimed(path, seconds):
    """A WAV file of silence that takes no room on the disk."""
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(b"")
    with path.open("r+b") as file:
        file.truncate(44 + 8000 * seconds)
        for place, size in ((4, 36 + 8000 * seconds), (40, 8000 * seconds)):
            file.seek(place)
            file.write(size.to_bytes(4, "little"))
    return path


def converted(source, path):
    """The same sound, three seconds of it, in the format that the name says, by ffmpeg."""
    from imageio_ffmpeg import get_ffmpeg_exe

    ffmpeg = shutil.which("ffmpeg") or get_ffmpeg_exe()
    codec = {".wav": "pcm_s16le", ".webm": "libopus", ".m4a": "aac", ".mp3": "libmp3lame", ".ogg": "libvorbis"}[
        path.suffix
    ]
    command = [ffmpeg, "-loglevel", "error", "-y", "-i", source, "-t", "3", "-c:a", codec, path]
    subprocess.run(command, check=True)
    return path
