"""What is usual for one voice: the mean summary of some of its clips, without any audio. Small JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from utils.errors import VoiceProfileError, marked

Kind = Literal["ordinary", "mixed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FLAGS = len(KINDS) + 1
MOST_CLIPS = 10_000
FORMAT = 1


@dataclass(frozen=True)
class VoiceProfile:
    """The usual of a voice.

    `kind` is "ordinary" if its clips were spoken in an ordinary voice (as when reading some sentences aloud), and
    "mixed" if they are of whatever moods there were; `clips` how many; `mean` what `Predictor.summary` says of one of
    them on average, float32 (`profile_size`,): it begins with `of_frames` and ends with what is `heard`, where that
    isn't all of it.
    """

    kind: Kind
    clips: int
    mean: NDArray[np.float32]

    @classmethod
    def of(cls, summaries: Sequence[NDArray[np.float32]] | NDArray[np.float32], kind: Kind) -> "VoiceProfile":
        """The profile of clips' summaries, as `Predictor.summary` gives them.

        Raises:
            VoiceProfileError: there are none.
        """
        if not len(summaries):
            raise VoiceProfileError("No speech was heard to learn this voice from: record some sentences first.")
        mean: NDArray[np.float32] = np.asarray(np.mean(summaries, axis=0), dtype=np.float32)
        return cls(kind, len(summaries), mean)

    def joined(self, summary: NDArray[np.float32]) -> "VoiceProfile":
        """This profile with one clip more."""
        mean = (self.mean * self.clips + summary) / (self.clips + 1)
        return VoiceProfile(self.kind, self.clips + 1, mean.astype(np.float32))

    def heard(self, size: int) -> NDArray[np.float32]:
        """The mean summary, by which networks hear and voices are told apart; float32 (size,)."""
        return self.mean[-size:]

    def of_frames(self, count: int) -> NDArray[np.float32]:
        """The mean of each feature of a frame, by which answers are explained; float32 (count,)."""
        return self.mean[:count]

    def vector(self, size: int) -> NDArray[np.float32]:
        """As networks take it: what is `heard`, and the flags of `flags`; float32 (size + 3,)."""
        return np.concatenate([self.heard(size), flags(self.kind, self.clips)])

    def to_json(self) -> str:
        """About 12 kB; `from_json` makes the same profile of it, to four digits."""
        mean = [float(f"{value:.4g}") for value in self.mean]
        return json.dumps({"format": FORMAT, "kind": self.kind, "clips": self.clips, "mean": mean})

    @classmethod
    def from_json(cls, text: str | bytes, size: int) -> "VoiceProfile":
        """Reads what `to_json` wrote, for a model with summaries of `size` numbers.

        Raises:
            VoiceProfileError: it is something else, was changed, or belongs to another kind of model.
        """
        try:
            content = json.loads(text)
            kind, clips, mean = content["kind"], content["clips"], np.array(content["mean"], dtype=np.float32)
            whole = content["format"] == FORMAT and kind in KINDS and type(clips) is int and 0 < clips <= MOST_CLIPS
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise VoiceProfileError(_DAMAGED) from error
        if not whole or mean.shape != (size,) or not np.isfinite(mean).all():
            raise VoiceProfileError(_DAMAGED)
        return cls(kind, clips, mean)


_DAMAGED = marked("This voice profile was changed or belongs to another model: teach the voice again.")


def flags(kind: Kind, clips: int) -> NDArray[np.float32]:
    """One for each of `KINDS`, and how certain the mean of so many clips is; float32 (3,)."""
    return np.array([*(kind == each for each in KINDS), clips / (clips + 3)], dtype=np.float32)
