"""One engine for every door: audio in, `Prediction` out."""

from dataclasses import dataclass
from typing import Literal

from utils.errors import NoSpeechError, TooShortError

Status = Literal["ok", "uncertain", "no_speech", "too_short"]


@dataclass(frozen=True)
class Prediction:
    """What was heard in one clip.

    `status` is "ok", "uncertain" (the probabilities don't single out one emotion well enough to name it),
    "too_short" (some voice, less than 0.3 s) or "no_speech" (silence, or sound without a voice).
    `emotion` is the most probable label ("ok" and "uncertain") or None; `confidence` its calibrated
    probability (0.0 without speech); `probabilities` maps every label, in model order, to its probability
    (empty without speech). `voiced_seconds` is how much voice was found in the whole clip; `heard` the start
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
            raise NoSpeechError(
                "No speech was heard in this audio: record closer to the microphone and try again."
            )
        if self.status == "too_short":
            raise TooShortError("There is too little speech in this audio: speak for at least a second.")
        return self
