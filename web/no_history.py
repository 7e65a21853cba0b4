"""The store of a server that keeps nothing (`--no-history`)."""

from datetime import timedelta
from typing import BinaryIO, NoReturn

import numpy as np

from utils.clip_store import Clip, Source, Transcript, new_clip
from utils.errors import ClipNotFoundError
from utils.prediction import Prediction


class NoHistory:
    """Answers like a ClipStore in which nothing ever stays."""

    def add(
        self,
        visitor: str,
        samples: np.ndarray,
        prediction: Prediction,
        *,
        source: Source,
        filename: str | None,
    ) -> Clip:
        """The clip to answer with; nothing is written."""
        return new_clip(samples, prediction, source, filename)

    def list(
        self,
        visitor: str,
        *,
        limit: int = 20,
        before: str | None = None,
        emotion: str | None = None,
        search: str | None = None,
    ) -> tuple[list[Clip], str | None]:
        """No clips."""
        return [], None

    def get(self, visitor: str, clip_id: str) -> Clip:
        """Never finds one."""
        _no_clip()

    def open_audio(self, visitor: str, clip_id: str) -> BinaryIO:
        """Never finds one."""
        _no_clip()

    def set_transcript(self, visitor: str, clip_id: str, transcript: Transcript) -> Clip:
        """Never finds one."""
        _no_clip()

    def set_correction(self, visitor: str, clip_id: str, emotion: str | None) -> Clip:
        """Never finds one."""
        _no_clip()

    def allows_training(self, visitor: str) -> bool:
        """There is nothing to train with."""
        return False

    def set_training(self, visitor: str, allowed: bool) -> None:
        """There is nothing to allow."""
        if allowed:
            _no_clip()

    def delete(self, visitor: str, clip_id: str) -> None:
        """Never finds one."""
        _no_clip()

    def delete_all(self, visitor: str) -> None:
        """Nothing to do."""

    def prune(self, older_than: timedelta) -> int:
        """Nothing to do."""
        return 0

    def sweep(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def _no_clip() -> NoReturn:
    raise ClipNotFoundError("This server keeps no clips: record or upload it again.")
