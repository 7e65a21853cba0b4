"""Voices and examples in the database of the history: whose they are, which is active, and that they go."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import sqlalchemy as sa

from tests.fakes import prediction
from utils.clip_store import ClipStore
from utils.errors import ClipNotFoundError, ProfileNotFoundError, StoreError, VoiceProfileError
from utils.profile_store import MOST_PROFILES, NAME_LENGTH, ProfileStore
from utils.store_schema import PROFILES
from utils.voice_profile import VoiceProfile

NOBODY = "0" * 46


@pytest.fixture
def store(tmp_path, database_url):
    store = ProfileStore(tmp_path / "instance", database_url)
    yield store
    store.close()


@pytest.fixture
def clips(tmp_path, database_url):
    clips = ClipStore(tmp_path / "instance", database_url)
    yield clips
    clips.close()


def voice(value=1.0, clips=5, kind="ordinary"):
    return VoiceProfile(kind, clips, np.full(8, value, dtype=np.float32))


def test_a_new_voice_is_the_active_one_and_its_numbers_come_back(store):
    first = store.add("ann", " Ann\x00 ", voice(1.0))
    second = store.add("ann", "Ben", voice(2.0, kind="mixed"))
    assert first.name == "Ann"
    assert [(one.name, one.active, one.kind, one.clips) for one in store.voices("ann")] == [
        ("Ann", False, "ordinary", 5),
        ("Ben", True, "mixed", 5),
    ]
    assert store.get("ann", second.id) == second
    name, content = store.active("ann")
    assert name == "Ben"
    assert VoiceProfile.from_json(content, 8).mean.tolist() == [2.0] * 8
    assert store.content("ann", second.id) == content


def test_switching_one_on_switches_the_others_off(store):
    first, second = store.add("ann", "Ann", voice()), store.add("ann", "Ben", voice())
    store.add("eve", "Eve", voice())
    assert store.switch("ann", first.id, on=True).active
    assert not store.get("ann", second.id).active
    assert not store.switch("ann", first.id, on=False).active
    assert store.active("ann") is None
    assert store.active("eve")[0] == "Eve"


def test_teaching_a_name_again_replaces_it(store):
    old = store.add("ann", "Ann", voice(1.0))
    new = store.add("ann", "Ann", voice(2.0))
    assert [one.id for one in store.voices("ann")] == [new.id]
    with pytest.raises(ProfileNotFoundError):
        store.content("ann", old.id)


@pytest.mark.parametrize("name", ["", "  ", "\u202e", "x" * (NAME_LENGTH + 1)])
def test_a_name_that_is_none_is_refused(store, name):
    with pytest.raises(VoiceProfileError):
        store.add("ann", name, voice())
    assert store.voices("ann") == []


def test_there_is_an_end_and_nothing_is_lost_there(store):
    for number in range(MOST_PROFILES):
        store.add("ann", f"voice {number:02}", voice())
    with pytest.raises(VoiceProfileError):
        store.add("ann", "one more", voice())
    assert len(store.voices("ann")) == MOST_PROFILES
    assert store.active("ann")[0] == f"voice {MOST_PROFILES - 1:02}"
    store.add("ann", "voice 00", voice(3.0))  # in the place of one that is there


def test_nobody_reaches_anothers(store):
    theirs = store.add("ann", "Ann", voice())
    for attempt in (
        lambda: store.get("eve", theirs.id),
        lambda: store.content("eve", theirs.id),
        lambda: store.switch("eve", theirs.id, on=False),
        lambda: store.delete("eve", theirs.id),
        lambda: store.get("ann", NOBODY),
    ):
        with pytest.raises(ProfileNotFoundError):
            attempt()
    store.delete_all("eve")
    assert store.voices("eve") == []
    assert store.active("eve") is None
    assert store.get("ann", theirs.id).active


def test_what_is_deleted_is_gone_from_the_disk(tmp_path):
    store = ProfileStore(tmp_path / "instance")
    store.delete("ann", store.add("ann", "Annabel", voice(0.12345)).id)
    store.add("ann", "Benedict", voice(0.54321))
    store.delete_all("ann")
    left = b"".join(path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file())
    assert not [word for word in (b"Annabel", b"0.1234", b"Benedict", b"0.543") if word in left]
    store.close()


def test_voices_that_nobody_uses_go_and_used_ones_stay(store):
    store.add("ann", "Ann", voice())
    store.add("ben", "Ben", voice())
    with store._engine.begin() as connection:
        connection.execute(sa.update(PROFILES).values(used_at=datetime.now(timezone.utc) - timedelta(days=40)))
    store.active("ben")
    assert store.prune(timedelta(days=30)) == 1
    assert (store.voices("ann"), [one.name for one in store.voices("ben")]) == ([], ["Ben"])


def test_examples_belong_to_corrected_clips_and_go_with_them(store, clips, tone):
    ids = [clips.add("ann", tone, prediction(), source="upload", filename=None).id for _ in range(3)]
    for number, clip_id in enumerate(ids):
        store.keep_example("ann", clip_id, "model 1", np.full(4, number, dtype=np.float32))
    assert store.examples("ann", "model 1") == []  # not corrected yet
    for clip_id, emotion in zip(ids, ("sad", "happy", "angry"), strict=True):
        clips.set_correction("ann", clip_id, emotion)
    store.keep_example("ann", ids[0], "model 1", np.full(4, 7, dtype=np.float32))
    found = [(emotion, vector.tolist()) for emotion, vector in store.examples("ann", "model 1")]
    assert found == [("angry", [2.0] * 4), ("happy", [1.0] * 4), ("sad", [7.0] * 4)]
    assert (store.examples("ann", "model 2"), store.examples("eve", "model 1")) == ([], [])
    clips.set_correction("ann", ids[1], None)
    clips.delete("ann", ids[2])
    assert [emotion for emotion, _ in store.examples("ann", "model 1")] == ["sad"]
    with pytest.raises(ClipNotFoundError):
        store.keep_example("eve", ids[0], "model 1", np.zeros(4, dtype=np.float32))
    clips.delete_all("ann")
    assert store.examples("ann", "model 1") == []


def test_a_database_that_cant_be_used_is_one_sentence(tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "history.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        ProfileStore(tmp_path / "instance")
