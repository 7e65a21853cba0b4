"""What the web door works with: the model, the transcriber, the store and the gates before them."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, cast

import numpy as np
from flask import current_app

from utils.clip_store import ClipStore
from utils.emotions import DEFAULT_LABELS
from utils.errors import BundleError
from utils.features import FeatureSettings
from utils.prediction import Examined, Heard, Prediction
from utils.profile_store import ProfileStore
from utils.transcription import Transcriber
from utils.voice_profile import Kind, VoiceProfile
from web.gate import Gate
from web.jobs import Jobs, Listener
from web.no_history import NoHistory
from web.streams import Streams


class Model(Listener, Protocol):
    """What the web door needs of a `utils.predictor.Predictor`."""

    name: str
    version: str
    model: str
    labels: tuple[str, ...]
    settings: FeatureSettings
    uncertain_below: float
    tells_voices: bool

    def predict(
        self, audio: np.ndarray, voice: VoiceProfile | None = None, among: Mapping[str, VoiceProfile] | None = None
    ) -> Prediction:
        """What is heard in `audio` (samples as `load_audio` gives them)."""
        ...

    def examine(
        self, audio: np.ndarray, voice: VoiceProfile | None = None, among: Mapping[str, VoiceProfile] | None = None
    ) -> Examined:
        """The same, with what the answer goes by."""
        ...

    def learn_voice(self, recordings: Iterable[bytes | np.ndarray], kind: Kind) -> VoiceProfile:
        """The profile of the one voice that speaks in all of them."""
        ...

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Of the 3 s that are judged, for `hear`."""
        ...

    def hear(self, features: np.ndarray, voice: VoiceProfile | None = None) -> Heard:
        """What the network says to many clips at once."""
        ...


@dataclass(frozen=True)
class Services:
    """The collaborators of one app."""

    predictor: Model | None
    problem: BundleError | None  # why there is no predictor
    transcriber: Transcriber
    store: ClipStore | NoHistory
    hearing: Gate
    writing: Gate
    streams: Streams
    jobs: Jobs | None = None  # None where nothing is kept
    profiles: ProfileStore | None = None  # likewise

    @property
    def model(self) -> Model:
        """The model.

        Raises:
            BundleError: there is none.
        """
        if self.predictor is None:
            raise copy(self.problem) if self.problem else BundleError()
        return self.predictor

    @property
    def labels(self) -> tuple[str, ...]:
        """What the model can answer, in its order."""
        return self.predictor.labels if self.predictor else DEFAULT_LABELS

    @property
    def keeps_history(self) -> bool:
        """Whether clips are stored at all."""
        return not isinstance(self.store, NoHistory)

    def delete_all(self, visitor: str) -> None:
        """Remove all that is kept of a visitor's voice."""
        self.store.delete_all(visitor)
        if self.jobs:
            self.jobs.store.delete_all(visitor)
        if self.profiles:
            self.profiles.delete_all(visitor)

    def prune(self, older_than: timedelta) -> None:
        """Remove what is older; go on with recordings that a dead process left lying."""
        self.store.prune(older_than)
        if self.jobs:
            self.jobs.store.prune(older_than)
            self.jobs.wake()
        if self.profiles:
            self.profiles.prune(older_than)

    def close(self) -> None:
        """Stop working, and let the disk go."""
        if self.jobs:
            self.jobs.close()
            self.jobs.store.close()
        if self.profiles:
            self.profiles.close()
        self.store.close()


def services() -> Services:
    """The services of the app that answers the current request."""
    return cast(Services, current_app.extensions["voice"])
