"""Corrections and consent in the store: what is kept, found, forgotten, and handed to training."""

import sqlite3
import threading
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tests.fakes import prediction
from utils import store_schema
from utils.clip_store import ClipStore
from utils.emotions import ALL_EMOTIONS
from utils.errors import ClipNotFoundError, UnknownEmotionError


@pytest.fixture
def store(tmp_path):
    store = ClipStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def add(store, tone):
    """Adds a clip of `visitor`, corrected if `correction` is given; returns it."""

    def add(visitor="ann", correction=None, **heard):
        clip = store.add(visitor, tone, prediction(**heard), source="upload", filename=None)
        return store.set_correction(visitor, clip.id, correction) if correction else clip

    return add


@pytest.mark.parametrize("emotion", ALL_EMOTIONS)
def test_a_correction_is_kept_beside_the_answer_and_can_be_taken_back(store, add, emotion):
    clip = add()
    corrected = store.set_correction("ann", clip.id, emotion)
    assert corrected == store.get("ann", clip.id) == store.list("ann")[0][0]
    assert (corrected.correction, corrected.emotion, corrected.probabilities) == (emotion, "happy", clip.probabilities)
    assert store.set_correction("ann", clip.id, None) == clip


@pytest.mark.parametrize("emotion", ["bored", "", "Happy", "uncertain", "happy ", "x" * 1000, "'; DROP TABLE clips"])
def test_what_is_no_emotion_is_refused_with_the_list(store, add, emotion):
    clip = add()
    with pytest.raises(UnknownEmotionError, match="neutral, calm, happy, sad, angry, fear, disgust, surprise"):
        store.set_correction("ann", clip.id, emotion)
    assert store.get("ann", clip.id) == clip


def test_nobody_corrects_anothers_clip(store, add):
    clip = add()
    for visitor, clip_id in (("bob", clip.id), ("ann", "0" * 46), ("", clip.id)):
        with pytest.raises(ClipNotFoundError):
            store.set_correction(visitor, clip_id, "sad")
    assert store.get("ann", clip.id) == clip


def test_clips_are_found_by_what_they_were(store, add):
    happy, fear = add(), add(correction="fear")
    confirmed, settled = add(correction="happy"), add(status="uncertain", correction="sad")
    unsure = add(status="uncertain")
    found = {emotion: store.list("ann", emotion=emotion)[0] for emotion in (*ALL_EMOTIONS, "uncertain")}
    assert found["happy"] == [confirmed, happy]
    assert (found["fear"], found["sad"], found["uncertain"]) == ([fear], [settled], [unsure])
    assert sum(map(len, found.values())) == 5


def test_a_deleted_clip_takes_its_correction_along(store, add, tmp_path):
    clip = add(correction="disgust")
    store.delete("ann", clip.id)
    assert b"disgust" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_corrections_at_once_leave_one_of_them(store, add, tmp_path):
    clip, other = add(), ClipStore(tmp_path)
    said = ["sad", "fear", "angry", "calm"] * 5
    stores = [store, other] * 10
    threads = [
        threading.Thread(target=one.set_correction, args=("ann", clip.id, emotion))
        for one, emotion in zip(stores, said, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("ann", clip.id) == other.get("ann", clip.id)
    assert store.get("ann", clip.id).correction in said
    other.close()


# Consent


def test_consent_is_off_until_given_and_can_be_withdrawn(store):
    assert store.allows_training("ann") is False
    for allowed in (True, True, False, False, True):
        store.set_training("ann", allowed)
        assert store.allows_training("ann") is allowed
        assert store.allows_training("bob") is False


def test_consent_outlives_the_store(store, tmp_path):
    store.set_training("ann", True)
    store.close()
    again = ClipStore(tmp_path)
    assert again.allows_training("ann")
    again.close()


def test_consent_given_by_many_at_once_is_one_consent(store, tmp_path):
    other = ClipStore(tmp_path)
    failures = []

    def give(mine):
        try:
            mine.set_training("ann", True)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=give, args=[mine]) for mine in [store, other] * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert (failures, store.allows_training("ann")) == ([], True)


def test_delete_all_withdraws_consent(store, add, tmp_path):
    add(), add("bob")
    for visitor in ("ann", "bob"):
        store.set_training(visitor, True)
    store.delete_all("ann")
    assert (store.allows_training("ann"), store.allows_training("bob")) == (False, True)


def test_pruning_forgets_consents_that_are_about_no_clip(store, add):
    for visitor in ("ann", "bob"):
        store.set_training(visitor, True)
    store.prune(timedelta(days=1))
    assert store.allows_training("ann"), "it is young: a clip may come"
    add("bob")
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE consents SET given_at = '2020-01-01 00:00:00'")
    store.prune(timedelta(days=1))
    assert (store.allows_training("ann"), store.allows_training("bob")) == (False, True)


# For training


def test_training_gets_the_corrected_clips_of_who_consents_and_no_others(store, add, tone):
    wanted = [add("ann", "fear"), add("ann", "happy"), add("cat", "calm")]
    add("ann"), add("bob", "sad")
    assert list(store.for_training()) == []
    for visitor in ("ann", "cat"):
        store.set_training(visitor, True)
    found = list(store.for_training())
    assert [(visitor, clip) for visitor, clip, _ in found] == list(zip(("ann", "ann", "cat"), wanted, strict=True))
    for _, _, samples in found:
        np.testing.assert_allclose(samples, tone, atol=1e-4)
    store.set_training("ann", False)
    assert [clip for _, clip, _ in store.for_training()] == wanted[2:]


def test_a_clip_that_goes_meanwhile_is_left_out(store, add):
    kept, gone = add(correction="sad"), add(correction="fear")
    store.set_training("ann", True)
    found = store.for_training()
    assert next(found)[1] == kept
    store.delete("ann", gone.id)
    assert list(found) == []


def test_reading_for_training_writes_nothing(store, add, tmp_path):
    add(correction="sad")
    store.set_training("ann", True)

    def content():
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files if not path.name.endswith("-shm")}  # SQLite's list of readers

    before = content()
    assert len(list(store.for_training())) == 1
    assert content() == before


# Migration


def test_an_older_history_is_upgraded_with_its_clips_and_back(store, add, tmp_path):
    clip = add(correction="sad")
    store.close()
    url = f"sqlite:///{tmp_path / 'history.sqlite3'}"
    migrate(url, "downgrade", "0001")
    with sqlite3.connect(tmp_path / "history.sqlite3") as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(clips)")}
    connection.close()
    assert not {"correction", "model"} & columns
    again = ClipStore(tmp_path)
    old = again.get("ann", clip.id)
    assert (old.correction, old.model, old.emotion) == (None, None, "happy")
    assert again.set_correction("ann", clip.id, "fear").correction == "fear"
    assert again.allows_training("ann") is False
    again.close()


def migrate(url, direction, revision):
    config = Config()
    config.set_main_option("script_location", str(store_schema.MIGRATIONS))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        getattr(command, direction)(config, revision)
    engine.dispose()
