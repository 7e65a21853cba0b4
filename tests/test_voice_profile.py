"""A voice's profile: what it keeps, what it refuses, and what the Predictor does with one."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import VoiceProfileError
from utils.voice_profile import KINDS, VoiceProfile, flags

SIZE = 1680
SUMMARIES = np.random.default_rng(0).normal(-20, 30, (7, SIZE)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_json_there_and_back_is_the_same_to_four_digits(kind: str) -> None:
    profile = VoiceProfile.of(SUMMARIES, kind)  # type: ignore[arg-type]
    text = profile.to_json()
    again = VoiceProfile.from_json(text, SIZE)
    assert (again.kind, again.clips) == (kind, 7)
    assert again.mean == pytest.approx(profile.mean, rel=1e-3, abs=1e-6)
    assert again.mean.dtype == np.float32
    assert len(text) < 25_000


def test_one_clip_after_the_other_is_all_of_them() -> None:
    profile = VoiceProfile.of(SUMMARIES[:1], "mixed")
    for summary in SUMMARIES[1:]:
        profile = profile.joined(summary)
    assert profile.clips == 7
    assert profile.mean == pytest.approx(SUMMARIES.mean(axis=0), rel=1e-4, abs=1e-3)


def test_the_vector_says_which_kind_and_how_certain() -> None:
    assert flags("ordinary", 3).tolist() == [1, 0, 0.5]
    assert flags("mixed", 9).tolist() == [0, 1, 0.75]
    vector = VoiceProfile.of(SUMMARIES, "mixed").vector(SIZE)
    assert vector.shape == (SIZE + 3,)
    assert vector.dtype == np.float32


def test_frames_come_first_and_what_is_heard_last() -> None:
    profile = VoiceProfile("mixed", 3, np.array([1, 2, 30, 40, 50], dtype=np.float32))
    assert profile.of_frames(2).tolist() == [1, 2]
    assert profile.heard(3).tolist() == [30, 40, 50]
    assert profile.vector(3).tolist() == [30, 40, 50, 0, 1, 0.5]


def test_nothing_heard_is_no_profile() -> None:
    with pytest.raises(VoiceProfileError, match="record some sentences"):
        VoiceProfile.of([], "ordinary")


def changed(**changes: object) -> str:
    return json.dumps({**json.loads(VoiceProfile.of(SUMMARIES, "mixed").to_json()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "7", "\x00", "[" * 100_000,
        changed(format=2), changed(kind="loud"), changed(kind=["mixed"]), changed(clips=0), changed(clips=True),
        changed(clips=10**9), changed(clips="7"), changed(mean=[1.0] * 5), changed(mean=[[1.0] * SIZE]),
        changed(mean="x"), changed(mean=[None] * SIZE),
        changed(mean=[1e400] * SIZE), changed(mean=[float("nan")] * SIZE),
    ],
)  # fmt: skip
def test_a_profile_that_was_edited_is_refused(text: str) -> None:
    with pytest.raises(VoiceProfileError, match="teach the voice again"):
        VoiceProfile.from_json(text, SIZE)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(VoiceProfileError):
        VoiceProfile.from_json(content, SIZE)
