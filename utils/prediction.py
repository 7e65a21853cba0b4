"""What was heard in one clip, and what that goes by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from utils.emotions import PLAIN
from utils.errors import NoSpeechError, TooShortError
from utils.speakers import Who

Status = Literal["ok", "uncertain", "no_speech", "too_short"]


@dataclass(frozen=True)
class Prediction:
    """What was heard in one clip.

    `status` is "ok", "uncertain" (the probabilities don't single out one emotion well enough to name it),
    "too_short" (some voice, less than 0.3 s) or "no_speech" (silence, or sound without a voice).
    `emotion` is the most probable label ("ok" and "uncertain") or None; `confidence` its calibrated
    probability (0.0 without speech); `probabilities` maps every label, in model order, to its probability
    (empty without speech). `voiced_seconds` is how much voice was found in the whole recording; `heard` the start
    and end, in seconds, of the at most 3 s that were judged. `model` names the bundle that answered, as
    `Predictor.model` does; `voice` is the name of the profile that it was answered with (whoever knows that name says
    it), and `personal` whether what this person corrected before had a part in it. `who` says which of some voices
    spoke, where any were handed over to be compared with. `intensity` is as `Heard.strength` tells of `emotion`.
    """

    status: Status
    emotion: str | None
    confidence: float
    probabilities: dict[str, float]
    voiced_seconds: float
    heard: tuple[float, float]
    model: str | None = None
    voice: str | None = None
    personal: bool = False
    who: Who | None = None
    intensity: float | None = None

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


@dataclass(frozen=True)
class Heard:
    """What the network says to clips; float32 arrays.

    `probabilities` (clips, labels) are calibrated, rows summing to 1; `speech` (clips,) is the probability that there
    is a voice at all, 1 where the network doesn't judge that; `embedding` (clips, units) is the last hidden layer of
    those members that don't hear the voice: the same whether it is known or not; `summaries` (clips, size) are
    those of the clips, None where nothing goes by them; `intensity` (clips,) is the probability that the emotion was
    expressed strongly, None where the network doesn't judge that.
    """

    probabilities: NDArray[np.float32]
    speech: NDArray[np.float32]
    embedding: NDArray[np.float32]
    summaries: NDArray[np.float32] | None = None
    intensity: NDArray[np.float32] | None = None

    def strength(self, emotion: str | None) -> float | None:
        """The probability that `emotion` was expressed strongly in the first clip, if strongly is as common as not.

        None where the network doesn't judge that, and where there is no emotion that could be strong.
        """
        if self.intensity is None or emotion is None or emotion in PLAIN:
            return None
        return float(self.intensity[0])


@dataclass(frozen=True)
class Examined:
    """A prediction, and what it goes by.

    `features` are of the 3 s that were judged, float32 of the settings' shape; `heard` is what the network says to
    them. Both are None where there was too little voice to ask it.
    """

    prediction: Prediction
    features: NDArray[np.float32] | None = None
    heard: Heard | None = None
