"""Recordings outlive crashes, belong to one visitor, and are in one worker's hands at most."""

import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta

import numpy as np
import pytest

from tests.fakes import segment
from tests.real_server import ROOT
from utils import recording_queue
from utils.errors import (
    NoSpeechError,
    QueueFullError,
    RecordingNotFoundError,
    RecordingStateError,
    StoreError,
    UnreadableAudioError,
    VoiceError,
)
from utils.profile_store import ProfileStore
from utils.recording_store import RecordingStore
from utils.voice_profile import VoiceProfile


@pytest.fixture
def store(tmp_path, database_url):
    store = RecordingStore(tmp_path, database_url, most_waiting=3)
    yield store
    store.close()


@pytest.fixture
def add(store, wav):
    def add(visitor="ann", filename="talk.wav", into=store, **more):
        upload = into.files.incoming()
        try:
            upload.write(wav)
            return into.add(visitor, upload, filename=filename, **more)
        finally:
            into.files.discard(upload)

    return add


def files(folder):
    return sorted(path.name for path in (folder / "recordings").glob("[!.]*"))


def decode(store, held, wav, seconds=1.0, peaks=b"\1\2"):
    file = store.files.incoming()
    try:
        file.write(wav)
        held.decoded(file, seconds, peaks)
    finally:
        store.files.discard(file)


def test_a_recording_waits_runs_and_is_done(store, add, wav, tmp_path):
    new = add()
    assert (new.state, new.filename, new.duration_seconds, new.done_seconds) == ("waiting", "talk.wav", None, 0.0)
    assert files(tmp_path) == [f"{new.id}.upload"]
    held = store.queue.claim("one")
    assert (held.recording.id, held.source.read_bytes()) == (new.id, wav)
    for look in (store.audio_path, store.peaks, store.segments):
        with pytest.raises(RecordingStateError):
            look("ann", new.id)
    decode(store, held, wav)
    held.progress(0.5)
    running = store.get("ann", new.id)
    assert (running.state, running.duration_seconds, running.done_seconds) == ("running", 1.0, 0.5)
    assert store.audio_path("ann", new.id).read_bytes() == wav
    assert store.peaks("ann", new.id) == b"\1\2"
    heard = [segment(0.0, 1.0, 0), segment(1.0, 1.2, 7)]
    held.finish(heard)
    done = store.get("ann", new.id)
    assert (done.state, done.done_seconds, done.error) == ("done", 1.2, None)
    assert store.segments("ann", new.id) == heard
    assert files(tmp_path) == [f"{new.id}.wav"]


@pytest.fixture
def voices(tmp_path, database_url):
    voices = ProfileStore(tmp_path, database_url)
    yield voices
    voices.close()


ANN, BOB = (VoiceProfile.of([np.full(1680, level, np.float32)], "ordinary") for level in (1, 2))


def test_the_voice_that_was_chosen_is_the_one_it_is_heard_with(store, add, voices, tmp_path, database_url):
    """Whatever is switched on meanwhile, and after a restart."""
    new = add(voice_id=voices.add("ann", "Ann", ANN).id)
    voices.add("ann", "Bob", BOB)
    held = store.queue.claim("one")
    assert held.voice() == ("Ann", ANN.to_json())
    held.release()
    with closing(RecordingStore(tmp_path, database_url)) as again:
        held = again.queue.claim("two")
        assert held.voice() == ("Ann", ANN.to_json())
        held.finish([segment(0.0, 1.0, 0)], "Ann")
        assert again.get("ann", new.id).voice == "Ann"


def test_of_a_voice_that_was_deleted_meanwhile_nothing_is_left(store, add, voices):
    voice = voices.add("ann", "Ann", ANN)
    new = add(voice_id=voice.id)
    voices.delete("ann", voice.id)
    held = store.queue.claim("one")
    assert held.voice() is None
    held.finish([segment(0.0, 1.0, 0)])
    assert store.get("ann", new.id).voice is None


def test_a_recording_without_a_voice_is_heard_as_anybodys(store, add, voices):
    voices.add("ann", "Ann", ANN)
    add()
    assert store.queue.claim("one").voice() is None


def test_they_come_newest_first_in_pages(store, add):
    ids = [add().id for _ in range(3)][::-1]
    page, cursor = store.list("ann", limit=2)
    assert [one.id for one in page] == ids[:2]
    assert [one.id for one in store.list("ann", limit=2, before=cursor)[0]] == ids[2:]
    assert store.list("bob") == ([], None)


def test_nobody_reaches_anothers(store, add):
    recording = add("ann")
    for reach in (
        store.get, store.segments, store.peaks, store.audio_path, store.cancel, store.restart, store.delete
    ):  # fmt: skip
        with pytest.raises(RecordingNotFoundError):
            reach("bob", recording.id)
    store.delete_all("bob")
    assert store.get("ann", recording.id) == recording


def test_the_queue_has_an_end(store, add, tmp_path):
    for _ in range(3):
        store.expect_place()
        add()
    with pytest.raises(QueueFullError):
        store.expect_place()
    with pytest.raises(QueueFullError):
        add()
    assert len(files(tmp_path)) == len(store.list("ann")[0]) == 3
    store.queue.claim("one")
    add()


def test_each_is_claimed_once_the_oldest_first(tmp_path, wav, database_url):
    store = RecordingStore(tmp_path, database_url, most_waiting=100)
    ids = []
    for _ in range(20):
        upload = store.files.incoming()
        upload.write(wav)
        ids.append(store.add("ann", upload, filename=None).id)
    claimed = [store.queue.claim("first").recording.id]
    assert claimed == ids[:1]

    def take(name):
        while held := store.queue.claim(name):
            claimed.append(held.recording.id)

    threads = [threading.Thread(target=take, args=[f"w{n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == ids
    store.close()


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_what_is_cancelled_or_deleted_is_out_of_its_workers_hands(store, add, wav, tmp_path, end):
    recording = add()
    held = store.queue.claim("one")
    getattr(store, end)("ann", recording.id)
    reports = [
        lambda: held.progress(1.0),
        lambda: decode(store, held, wav),
        lambda: held.finish([]),
        lambda: held.fail(UnreadableAudioError("x")),
        held.release,
    ]
    for report in reports:
        with pytest.raises(RecordingNotFoundError):
            report()
    if end == "cancel":
        assert store.get("ann", recording.id).state == "cancelled"
        assert files(tmp_path) == [f"{recording.id}.upload"]
    else:
        assert files(tmp_path) == []


def test_an_old_worker_cant_disturb_a_new_one(store, add, wav):
    recording = add()
    old = store.queue.claim("old")
    store.cancel("ann", recording.id)
    store.restart("ann", recording.id)
    new = store.queue.claim("new")
    with pytest.raises(RecordingNotFoundError):
        old.progress(1.0)
    decode(store, new, wav)
    with pytest.raises(RecordingNotFoundError):
        decode(store, old, b"other")
    assert store.audio_path("ann", recording.id).read_bytes() == wav


def test_only_what_is_over_can_be_started_again(store, add):
    recording = add()
    with pytest.raises(RecordingStateError, match="waiting"):
        store.restart("ann", recording.id)
    store.queue.claim("one").finish([])
    for change in (store.restart, store.cancel):
        with pytest.raises(RecordingStateError, match="done"):
            change("ann", recording.id)


def test_a_failure_of_ours_can_be_tried_again_and_what_is_no_sound_is_not_kept(store, add, tmp_path):
    ours, theirs = add(), add()
    store.queue.claim("one").fail(StoreError("The disk is full."))
    assert store.get("ann", ours.id).error == "The disk is full."
    again = store.restart("ann", ours.id)
    assert (again.state, again.error) == ("waiting", None)
    store.cancel("ann", ours.id)
    store.queue.claim("one").fail(UnreadableAudioError("No sound."))
    assert files(tmp_path) == [f"{ours.id}.upload"]
    with pytest.raises(RecordingStateError, match="send the file again"):
        store.restart("ann", theirs.id)
    assert store.get("ann", theirs.id).error_code == "unreadable_audio"


@pytest.mark.parametrize("reason", [NoSpeechError("Silence."), VoiceError("Odd.")])
def test_whatever_the_reason_its_sentence_is_kept(store, add, reason):
    recording = add()
    store.queue.claim("one").fail(reason)
    found = store.get("ann", recording.id)
    assert (found.state, found.error_code, found.error) == ("failed", reason.code, str(reason))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_delete_takes_everything_from_the_disk(store, add, wav, tmp_path):
    gone, kept = add(filename="secret name.wav"), add("bob")
    decode(store, store.queue.claim("one"), wav, peaks=b"very special peaks")
    store.delete("ann", gone.id)
    assert files(tmp_path) == [f"{kept.id}.upload"]
    with pytest.raises(RecordingNotFoundError):
        store.delete("ann", gone.id)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("history*"))
    assert b"secret name" not in stored
    assert b"very special peaks" not in stored
    store.delete_all("bob")
    assert files(tmp_path) == []


def test_prune_takes_what_is_older_in_any_state(store, add, tmp_path):
    add(), add()
    store.queue.claim("one")
    assert store.prune(timedelta(days=1)) == 0
    assert store.prune(timedelta(0)) == 2
    assert files(tmp_path) == []


def test_a_file_that_cant_be_removed_keeps_its_row(store, add, monkeypatch):
    recording = add()

    def refuse(*_, **__):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(recording_queue.Path, "unlink", refuse)
        with pytest.raises(StoreError):
            store.delete("ann", recording.id)
    assert store.get("ann", recording.id) == recording
    store.delete("ann", recording.id)


def test_what_cant_be_stored_leaves_nothing(store, add, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(recording_queue.os, "fsync", full)
        with pytest.raises(StoreError, match="space"):
            add()
    assert store.list("ann") == ([], None)
    assert files(tmp_path) == []


def test_opening_tidies_what_a_crash_left(store, add, wav, tmp_path, database_url):
    running, lost = add(), add()
    held = store.queue.claim("dead")
    decode(store, held, wav)
    held.progress(0.7)
    (tmp_path / "recordings" / f"{lost.id}.upload").unlink()
    for stray in ("half.part", f"{'0' * 46}.wav", f"{'1' * 46}.upload", f"{running.id}.upload"):
        (tmp_path / "recordings" / stray).touch()
    store.close()
    store = RecordingStore(tmp_path, database_url)
    if database_url:  # the lost one's file may be with another machine
        assert {one.id for one in store.list("ann")[0]} == {running.id, lost.id}
        store.delete("ann", lost.id)
    [left] = store.list("ann")[0]
    assert (left.id, left.state, left.duration_seconds, left.done_seconds) == (running.id, "waiting", 1.0, 0.0)
    assert files(tmp_path) == [f"{running.id}.wav"]
    assert store.queue.claim("new").source.suffix == ".wav"
    store.close()


def test_opening_beside_another_process_spares_what_it_is_at(store, add, tmp_path, database_url):
    recording = add()
    held = store.queue.claim("alive")
    part = store.files.incoming()
    other = RecordingStore(tmp_path, database_url)
    assert other.get("ann", recording.id).state == "running"
    assert not other.queue.has_waiting()
    held.progress(0.2)
    store.files.discard(part)
    other.close()


def test_what_a_dead_worker_held_waits_again_after_a_while(store, add, monkeypatch):
    recording = add()
    store.queue.claim("dead")
    assert not store.queue.has_waiting()
    monkeypatch.setattr(recording_queue, "LOST_SECONDS", -1.0)
    assert store.queue.has_waiting()
    assert store.get("ann", recording.id).state == "waiting"


def test_kill_9_while_adding_leaves_whole_recordings_only(tmp_path, wav):
    script = (
        "import sys\nfrom pathlib import Path\nfrom utils.recording_store import RecordingStore\n"
        "store = RecordingStore(Path(sys.argv[1]), most_waiting=10**6)\n"
        "while True:\n"
        "    upload = store.files.incoming()\n    upload.write(bytes(100_000))\n"
        "    print(store.add('ann', upload, filename=None).id, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    acknowledged = [process.stdout.readline().strip() for _ in range(10)]
    process.kill()
    acknowledged += process.communicate()[0].split()
    store = RecordingStore(tmp_path)
    found = {one.id for one in store.list("ann", limit=1000)[0]}
    assert set(acknowledged) <= found
    assert {name.removesuffix(".upload") for name in files(tmp_path)} == found
    assert all((tmp_path / "recordings" / name).stat().st_size == 100_000 for name in files(tmp_path))
    store.close()
