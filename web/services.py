"""What the web door works with: the model, the transcriber, the store and the gates before them."""

from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from flask import current_app

from utils.clip_store import ClipStore
from utils.emotions import DEFAULT_LABELS
from utils.errors import BundleError
from utils.predictor import Prediction
from utils.transcription import Transcriber
from web.gate import Gate
from web.no_history import NoHistory


class Model(Protocol):
    """What the web door needs of a `utils.predictor.Predictor`."""

    name: str
    version: str
    labels: tuple[str, ...]

    def predict(self, audio: np.ndarray) -> Prediction:
        """What is heard in `audio` (samples as `load_audio` gives them)."""
        ...


@dataclass(frozen=True)
class Services:
    """The collaborators of one app."""

    predictor: Model | None
    problem: str | None  # why there is no predictor
    transcriber: Transcriber
    store: ClipStore | NoHistory
    hearing: Gate
    writing: Gate

    @property
    def model(self) -> Model:
        """The model.

        Raises:
            BundleError: there is none.
        """
        if self.predictor is None:
            raise BundleError(self.problem)
        return self.predictor

    @property
    def labels(self) -> tuple[str, ...]:
        """What the model can answer, in its order."""
        return self.predictor.labels if self.predictor else DEFAULT_LABELS

    @property
    def keeps_history(self) -> bool:
        """Whether clips are stored at all."""
        return not isinstance(self.store, NoHistory)


def services() -> Services:
    """The services of the app that answers the current request."""
    return cast(Services, current_app.extensions["voice"])
