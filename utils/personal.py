"""Answers for one visitor: with the voice that is switched on, and with what corrected clips taught."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from utils.decoding import Samples
from utils.errors import VoiceProfileError
from utils.personal_head import Head, fit_head
from utils.prediction import Examined, Heard, Prediction
from utils.profile_store import ProfileStore
from utils.voice_profile import VoiceProfile

_KEPT_HEADS = 256  # of visitors who asked last
_KEPT_VOICES = 256  # likewise


class Hearing(Protocol):
    """What is needed of a `utils.predictor.Predictor`."""

    model: str
    labels: tuple[str, ...]
    uncertain_below: float
    knows_voices: bool
    tells_voices: bool

    def examine(  # noqa: D102
        self, audio: Samples, voice: VoiceProfile | None = None, among: Mapping[str, VoiceProfile] | None = None
    ) -> Examined: ...
    def read_profile(self, text: str | bytes) -> VoiceProfile: ...  # noqa: D102
    def features(self, samples: Samples) -> NDArray[np.float32]: ...  # noqa: D102
    def hear(self, features: NDArray[np.float32], voice: VoiceProfile | None = None) -> Heard: ...  # noqa: D102


@dataclass(frozen=True)
class Personal:
    """A model, and what visitors taught it."""

    predictor: Hearing
    store: ProfileStore

    def predict(self, visitor: str, samples: Samples) -> Prediction:
        """As the model's own `predict`, for this visitor; the answer says what had a part in it.

        Raises:
            StoreError: what was taught can't be read now.
        """
        (name, voice), among = self.voice(visitor), self.voices(visitor)
        examined = self.predictor.examine(samples, voice, among)
        prediction, heard = examined.prediction, examined.heard
        head = self._head(visitor) if prediction.emotion else None
        if head and heard:
            changed = head.answer(prediction.probabilities, heard.embedding[0])
            prediction = _changed(prediction, changed, heard, self.predictor)
        return replace(prediction, voice=name)

    def voice(self, visitor: str) -> tuple[str | None, VoiceProfile | None]:
        """The voice that is switched on, and its name; neither where the model knows no voices, or not this one."""
        if not self.predictor.knows_voices:
            return None, None
        return readable(self.store.active(visitor), self.predictor.read_profile)

    def voices(self, visitor: str) -> dict[str, VoiceProfile]:
        """The visitor's voices by their names, switched on or not; none where the model doesn't tell them apart."""
        if not self.predictor.tells_voices:
            return {}
        found = (readable(kept, self.predictor.read_profile) for kept in self.store.contents(visitor).values())
        return {name: voice for name, voice in found if name and voice}

    def learn(self, visitor: str, clip_id: str, samples: Samples) -> None:
        """Keep what is to be learnt from a clip that the visitor corrected or confirmed.

        Raises:
            ClipNotFoundError: this visitor has no such clip.
            StoreError: it can't be written now.
        """
        _, voice = self.voice(visitor)
        heard = self.predictor.hear(self.predictor.features(samples)[None], voice)
        vector = np.concatenate([heard.embedding[0], heard.probabilities[0]])
        self.store.keep_example(visitor, clip_id, self.predictor.model, vector)

    def _head(self, visitor: str) -> Head | None:
        examples = self.store.examples(visitor, self.predictor.model)
        if len(examples) < 2:
            return None
        vectors = np.stack([vector for _, vector in examples])
        return _fitted(tuple(emotion for emotion, _ in examples), vectors.tobytes(), self.predictor.labels)


def readable(
    kept: tuple[str, str] | None, read_profile: Callable[[str], VoiceProfile]
) -> tuple[str | None, VoiceProfile | None]:
    """The name and the profile of a voice that is kept as name and JSON; neither where it was taught to another model.

    Without `kept` neither, too.
    """
    if kept is None:
        return None, None
    try:
        return kept[0], _read(read_profile, kept[1])
    except VoiceProfileError:
        return None, None


@lru_cache(maxsize=_KEPT_VOICES)
def _read(read_profile: Callable[[str], VoiceProfile], content: str) -> VoiceProfile:
    """What `read_profile` makes of it; the same content is read once."""
    return read_profile(content)


@lru_cache(maxsize=_KEPT_HEADS)
def _fitted(truth: tuple[str, ...], content: bytes, labels: tuple[str, ...]) -> Head | None:
    """`fit_head` of examples; not fitted anew as long as they stay the same."""
    vectors = np.frombuffer(content, dtype=np.float32).reshape(len(truth), -1)
    return fit_head(truth, vectors[:, : -len(labels)], vectors[:, -len(labels) :], labels)


def _changed(prediction: Prediction, probabilities: dict[str, float], heard: Heard, predictor: Hearing) -> Prediction:
    best = max(probabilities, key=probabilities.__getitem__)
    return replace(
        prediction,
        status="ok" if probabilities[best] >= predictor.uncertain_below else "uncertain",
        emotion=best,
        confidence=probabilities[best],
        probabilities=probabilities,
        personal=True,
        intensity=heard.strength(best),
    )
