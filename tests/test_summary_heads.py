"""What is learnt from summaries beside the emotion, on made-up people who express some things strongly."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from utils.dataset_loader import Clips
from utils.systems import DEFAULT_SYSTEM, SYSTEMS

pytestmark = pytest.mark.slow
SYSTEM = replace(SYSTEMS[DEFAULT_SYSTEM], gate=False)
LOUDNESS, EFFORT = 0, 1  # the only numbers of a summary here that mean something
PER_PERSON = 12


def people(number: int, seed: int = 0) -> tuple[Clips, list[np.ndarray]]:
    """Clips of so many people, half strong, and their summaries: as they are, and with another gain.

    Whoever is strong is loud and makes an effort; only the latter survives the gain.
    """
    rng = np.random.default_rng(seed)
    count = number * PER_PERSON
    strong = np.tile([0, 1], count // 2).astype(np.int8)
    base = rng.normal(size=(count, 30)).astype(np.float32)
    base[:, LOUDNESS] += 4 * strong
    base[:, EFFORT] += 3 * strong
    other = base + 0
    other[:, LOUDNESS] = rng.normal(0, 8, count)
    speakers = np.repeat([f"corpus corpus-{person}" for person in range(number)], PER_PERSON)
    truth = rng.integers(1, 6, count)
    return Clips([], truth, np.ones(count, np.float32), speakers, strong), [base, other]


def fit(clips: Clips, variants: list[np.ndarray], **changes: Any) -> dict[str, Any]:
    from utils.summary_heads import fit_heads

    return fit_heads(replace(SYSTEM, **changes), clips, variants, StandardScaler(), 0)


def test_strangers_are_told_apart_whatever_the_gain_and_as_surely_as_it_says() -> None:
    clips, variants = people(20)
    strangers, unheard = people(40, seed=1)

    def right(taught: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        told = fit(clips, taught)["intensity"].predict(np.concatenate(unheard), verbose=0)[:, 0]
        return np.abs(told - 0.5), (told > 0.5) == np.tile(strangers.strong, 2)

    (sureness, hit), (_, without) = right(variants), right(variants[:1])
    other_gain = slice(len(strangers.strong), None)
    assert hit[other_gain].mean() > max(0.7, without[other_gain].mean() + 0.05)
    clear = sureness > 0.25
    assert clear.mean() > 0.3
    assert hit[clear].mean() == pytest.approx(0.5 + sureness[clear].mean(), abs=0.05)


def test_what_is_neutral_or_not_said_teaches_nothing() -> None:
    clips, variants = people(12)
    misleading = replace(
        clips,
        strong=np.concatenate([clips.strong, 1 - clips.strong, np.full(len(clips.strong), -1)]).astype(np.int8),
        truth=np.concatenate([clips.truth, 0 * clips.truth, clips.truth]),
        speakers=np.tile(clips.speakers, 3),
    )
    expected, found = fit(clips, variants), fit(misleading, [np.tile(variant, (3, 1)) for variant in variants])
    assert found["intensity"].predict(variants[0], verbose=0) == pytest.approx(
        expected["intensity"].predict(variants[0], verbose=0), abs=1e-3
    )


def test_without_enough_people_or_where_it_is_not_declared_it_is_not_told() -> None:
    assert fit(*people(9)) == {}
    assert fit(*people(12), intensity=False) == {}
    clips, variants = people(12)
    assert fit(replace(clips, strong=np.full(len(clips.strong), -1, dtype=np.int8)), variants) == {}
