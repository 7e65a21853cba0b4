"""One engine for every door: audio in, `Prediction` out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from utils.audio_preprocessing import CLIP_SECONDS, MIN_VOICED_SECONDS, find_voice, fit_clip
from utils.decoding import SAMPLE_RATE, Samples, load_audio
from utils.errors import BundleError, NoSpeechError, TooShortError
from utils.features import extract_features
from utils.model_bundle import Bundle, load_bundle

Status = Literal["ok", "uncertain", "no_speech", "too_short"]


@dataclass(frozen=True)
class Prediction:
    """What was heard in one clip.

    `status` is "ok", "uncertain" (the probabilities don't single out one emotion well enough to name it),
    "too_short" (some voice, less than 0.3 s) or "no_speech" (silence, or sound without a voice).
    `emotion` is the most probable label ("ok" and "uncertain") or None; `confidence` its calibrated
    probability (0.0 without speech); `probabilities` maps every label, in model order, to its probability
    (empty without speech). `voiced_seconds` is how much voice was found in the whole recording; `heard` the start
    and end, in seconds, of the at most 3 s that were judged.
    """

    status: Status
    emotion: str | None
    confidence: float
    probabilities: dict[str, float]
    voiced_seconds: float
    heard: tuple[float, float]

    def require_speech(self) -> "Prediction":
        """This prediction, if there was speech to judge.

        Raises:
            NoSpeechError: silence, or sound without a voice.
            TooShortError: less than 0.3 s of voice.
        """
        if self.status == "no_speech":
            raise NoSpeechError("No speech was heard in this audio: speak closer to the microphone and try again.")
        if self.status == "too_short":
            raise TooShortError("There is too little speech in this audio: speak for at least a second.")
        return self


class Predictor:
    """A loaded bundle. Safe to use from several threads at once.

    Attributes:
        name: the system's name.
        version: changes with every training.
        labels: the emotions it knows, in model order.
        uncertain_below: the confidence under which it calls an answer uncertain.
    """

    def __init__(self, bundle: Bundle) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a clip takes about a millisecond: more threads would only wait
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.onnx, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own errors have no common base
            raise BundleError("The trained model can't be run by this ONNX Runtime: update onnxruntime.") from error
        expected = (bundle.settings.frames, bundle.settings.count)
        if tuple(self._session.get_inputs()[0].shape[1:]) != expected or bundle.settings.sample_rate != SAMPLE_RATE:
            raise BundleError(
                "The trained model and its settings don't fit together: make it again with python train.py."
            )
        self._settings = bundle.settings
        self.name = bundle.system
        self.version = bundle.version
        self.labels = bundle.labels
        self.uncertain_below = bundle.uncertain_below

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """The predictor of a bundle folder.

        Raises:
            BundleError: the bundle is missing, damaged or changed.
        """
        return cls(load_bundle(Path(folder)))

    def warm_up(self) -> None:
        """Does once what the first answer would have to wait for."""
        clip = np.zeros(CLIP_SECONDS * SAMPLE_RATE, dtype=np.float32)
        find_voice(clip)
        self.probabilities(extract_features(clip, self._settings)[None])

    def predict(self, audio: str | Path | bytes | Samples) -> Prediction:
        """Hears one recording.

        Args:
            audio: a file's name or content, or samples as `load_audio` gives them (float32, mono, 16 kHz, 1-D).

        Raises:
            AudioError: it can't be read as sound. Silence is no error but a status.
        """
        samples = audio if isinstance(audio, np.ndarray) else load_audio(audio)
        voice = find_voice(samples)
        clip, start = fit_clip(samples, voice)
        begin = max(start, 0) / SAMPLE_RATE
        heard = (begin, min(begin + CLIP_SECONDS, len(samples) / SAMPLE_RATE))
        if voice.seconds < MIN_VOICED_SECONDS:
            status: Status = "too_short" if voice.seconds >= MIN_VOICED_SECONDS / 3 else "no_speech"
            return Prediction(status, None, 0.0, {}, voice.seconds, heard)
        probabilities = self.probabilities(extract_features(clip, self._settings)[None])[0]
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return Prediction(
            status="ok" if confidence >= self.uncertain_below else "uncertain",
            emotion=self.labels[best],
            confidence=confidence,
            probabilities={label: float(p) for label, p in zip(self.labels, probabilities, strict=True)},
            voiced_seconds=voice.seconds,
            heard=heard,
        )

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities of many clips at once.

        Args:
            features: float32 (clips, 174, 120) from `extract_features`.

        Returns:
            float32 (clips, labels), rows summing to 1.
        """
        name = self._session.get_inputs()[0].name
        outputs: Sequence[NDArray[np.float32]] = self._session.run(None, {name: features})
        return outputs[0]
