"""What networks are fed: each clip twice an epoch, without end, and the same again whenever it is asked for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from utils.dataset_loader import Clips
from utils.systems import SYSTEMS, Member

pytestmark = pytest.mark.slow  # brings Keras in
CLIPS, VARIANTS, BATCH = 23, 3, 8


def batches(**changes: Any) -> Any:
    """Of clips whose summary is their number and that of their variant."""
    from utils.batches import Batches

    summaries = [np.stack([np.arange(CLIPS), np.full(CLIPS, v)], axis=1).astype(np.float32) for v in range(VARIANTS)]
    frames = [np.zeros((CLIPS, 2, 2), np.float32)] * VARIANTS
    speakers = np.array([f"corpus corpus-{number % 4}" for number in range(CLIPS)])
    clips = Clips(frames, np.arange(CLIPS) % 6, np.ones(CLIPS, np.float32), speakers, np.zeros(CLIPS, np.int8))
    plan = replace(Member(lambda: None, hears=("summary",), batch=BATCH), **changes)
    return Batches(clips, summaries, StandardScaler(), SYSTEMS["statistics"], plan, seed=3)


def epoch_of(fed: Any, number: int) -> np.ndarray:
    """Clips and variants of one epoch; (rows, 2)."""
    return np.concatenate([fed[number * fed.per_epoch + batch][0] for batch in range(fed.per_epoch)])


def test_an_epoch_has_each_clip_as_it_is_and_as_a_variant() -> None:
    rows = epoch_of(batches(batch=2), 0)
    assert len(rows) == 2 * CLIPS
    assert sorted(rows[rows[:, 1] == 0, 0]) == list(range(CLIPS))
    assert sorted(rows[rows[:, 1] > 0, 0]) == list(range(CLIPS))


def test_where_no_variants_are_wanted_it_has_each_clip_twice_as_it_is() -> None:
    rows = epoch_of(batches(batch=2, varied=False), 0)
    assert not rows[:, 1].any()
    assert sorted(rows[:, 0]) == sorted([*range(CLIPS)] * 2)


def test_epochs_differ_and_come_again_as_they_were() -> None:
    fed = batches()
    first, second = epoch_of(fed, 0), epoch_of(fed, 1)
    assert not (first == second).all()
    assert (epoch_of(fed, 0) == first).all()
    assert (epoch_of(batches(), 1) == second).all()


def test_a_training_that_goes_on_has_the_epoch_after_the_last_one() -> None:
    at_once, resumed = batches(), batches()
    for epoch in (2, 3):  # as Keras tells it, whenever one begins
        resumed.begin(epoch)
    assert (epoch_of(resumed, 0) == epoch_of(at_once, 2)).all()
    assert (epoch_of(resumed, 1) == epoch_of(at_once, 3)).all()


def test_batches_have_no_end_and_are_whole() -> None:
    fed = batches()
    assert fed.num_batches is None
    assert fed.per_epoch == 2 * CLIPS // BATCH
    inputs, targets, weights = fed[1000 * fed.per_epoch + 1]
    assert (len(inputs), targets.shape, weights.shape) == (BATCH, (BATCH, 6), (BATCH,))
    assert (targets.argmax(axis=1) == inputs[:, 0] % 6).all()


def test_fewer_clips_than_a_batch_are_one_batch() -> None:
    fed = batches(batch=1000)
    assert fed.per_epoch == 1
    assert len(fed[0][0]) == 2 * CLIPS


def test_keras_goes_on_with_the_next_epoch_where_the_last_one_ended() -> None:
    import keras

    class Watched(keras.Model):  # type: ignore[misc]
        def train_step(self, data: Any) -> dict[str, Any]:
            seen.append(np.array(data[0]))
            return {"loss": 0.0}

    fed, seen = batches(), list[np.ndarray]()
    inputs = keras.layers.Input((2,))
    network = Watched(inputs, keras.layers.Dense(6)(inputs))
    network.compile(run_eagerly=True)
    network.fit(fed, epochs=3, steps_per_epoch=fed.per_epoch, verbose=0, shuffle=False)
    assert len(seen) == 3 * fed.per_epoch
    assert all((rows == fed[number][0]).all() for number, rows in enumerate(seen))
