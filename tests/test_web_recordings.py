"""Recordings through the API: queued, analysed in the background, shown, and gone when they should be."""

import io
import threading
import time
from datetime import timedelta

import numpy as np
import pytest

from tests.fakes import FakePredictor, segment
from tests.hostile import hostile_inputs
from tests.test_web_errors import assert_error
from tests.test_web_limits import field, file, multipart, unread
from utils.decoding import SAMPLE_RATE, encode_wav
from utils.recording_store import RecordingStore
from utils.voice_profile import VoiceProfile
from web.recordings import MOMENTS, MOMENTS_EACH, strongest

NOBODYS = "0" * 46


class SlowPredictor(FakePredictor):
    """Hears a second each time it is let."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Semaphore(0)

    def pause(self):
        assert self.gate.acquire(timeout=30)


class KnowingPredictor(FakePredictor):
    """Knows voices, and remembers which profile each timeline was heard with."""

    knows_voices = True

    def __init__(self):
        super().__init__()
        self.voices = []

    def learn_voice(self, recordings, kind):
        return VoiceProfile.of([np.ones(1680, np.float32) for _ in recordings], kind)

    def read_profile(self, text):
        return VoiceProfile.from_json(text, 1680)

    def timeline(self, audio, hop=1.0, *, progress=None, voice=None):
        self.voices.append(voice)
        return super().timeline(audio, hop, progress=progress)


@pytest.fixture
def talk(tone):
    """Ten seconds as a WAV file's bytes."""
    return encode_wav(np.tile(tone, 10))


@pytest.fixture
def record(client, talk):
    def record(data=talk, name="talk.wav", browser=client):
        return browser.post("/api/recordings", **multipart(file(data, name)))

    return record


@pytest.fixture
def slow(make_app):
    """An app with a model that waits to be let, the model, and a browser."""
    model = SlowPredictor()
    app = make_app(predictor=model)
    yield app, model, app.test_client()
    model.gate.release(10_000)


def until(client, recording, *states):
    """The recording once it is in one of these states."""
    deadline = time.monotonic() + 30
    while (found := client.get(f"/api/recordings/{recording['id']}").json)["state"] not in states:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "instance" / "recordings").glob("[!.]*"))


def test_a_recording_is_heard_with_ones_own_voice_only_where_that_is_asked_for(make_app, talk):
    """Several people may speak in it."""
    model = KnowingPredictor()
    client = make_app(predictor=model).test_client()
    client.post("/api/voices", data={"name": "Ann", "audio": [(io.BytesIO(talk), "a.wav")]})
    heard = []
    for fields in ((), (field("voice", b"active"),)):
        new = client.post("/api/recordings", **multipart(*fields, file(talk))).json
        assert new["voice"] is None
        heard.append(until(client, new, "done")["voice"])
    assert heard == [None, "Ann"]
    assert [voice and voice.clips for voice in model.voices] == [None, 1]


def test_without_an_active_voice_there_is_none_to_hear_with(make_app, talk):
    model = KnowingPredictor()
    client = make_app(predictor=model).test_client()
    new = client.post("/api/recordings", **multipart(field("voice", b"active"), file(talk))).json
    assert until(client, new, "done")["voice"] is None
    assert model.voices == [None]


def test_a_recording_is_analysed_and_shown(record, client, talk):
    answer = record()
    assert answer.status_code == 202
    new = answer.json
    assert answer.headers["Location"] == f"/api/recordings/{new['id']}"
    assert (new["filename"], new["state"], new["error"]) == ("talk.wav", "waiting", None)
    done = until(client, new, "done")
    assert done["duration_seconds"] == 10.0
    assert done["progress"] == {"done_seconds": 10.0, "of_seconds": 10.0}
    assert [(one["start"], one["emotion"], one["status"]) for one in done["regions"]][:2] == [
        (0.0, "neutral", "ok"),
        (1.0, "happy", "ok"),
    ]
    assert {one["status"] for one in done["regions"]} == {"ok", "uncertain", "no_speech"}
    assert 0.99 < sum(done["shares"].values()) < 1.01
    assert done["moments"]
    steps = client.get(f"/api/recordings/{new['id']}/segments").json["segments"]
    assert [step["start"] for step in steps] == [float(n) for n in range(10)]
    assert sum(steps[0]["probabilities"].values()) == pytest.approx(1, abs=0.001)
    drawn = client.get(f"/api/recordings/{new['id']}/peaks").json
    assert (drawn["per_second"], len(drawn["peaks"])) == (10, 100)
    assert max(drawn["peaks"]) in (76, 77)  # 0.3 of full scale
    listed = client.get("/api/recordings").json
    assert listed["next"] is None
    assert [one["id"] for one in listed["recordings"]] == [new["id"]]
    assert "regions" not in listed["recordings"][0]


def test_its_sound_comes_whole_and_by_range(record, client, talk):
    url = until(client, record().json, "done")["audio_url"]
    whole = client.get(url, buffered=True)
    assert (whole.status_code, whole.mimetype, whole.data) == (200, "audio/wav", talk)
    part = client.get(url, headers={"Range": "bytes=1000-1099"}, buffered=True)
    assert (part.status_code, part.data) == (206, talk[1000:1100])
    assert part.headers["Cache-Control"] == "no-store"


def test_it_can_be_heard_while_it_is_analysed(slow, record, talk):
    _, model, client = slow
    new = record(browser=client).json
    model.gate.release(3)
    deadline = time.monotonic() + 20
    while not (found := client.get(f"/api/recordings/{new['id']}").json)["audio_url"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (found["state"], found["regions"], found["progress"]["of_seconds"]) == ("running", None, 10.0)
    assert client.get(found["audio_url"], buffered=True).data == talk
    assert len(client.get(f"/api/recordings/{new['id']}/peaks").json["peaks"]) == 100
    for path in ("segments", "export?format=csv"):
        assert_error(client.get(f"/api/recordings/{new['id']}/{path}"), 409, "conflict")


def test_a_cancelled_one_can_be_started_again(slow, record):
    _, model, client = slow
    new = record(browser=client).json
    until(client, new, "running")
    answer = client.post(f"/api/recordings/{new['id']}/cancel")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert_error(client.post(f"/api/recordings/{new['id']}/cancel"), 409, "conflict")
    model.gate.release(10_000)
    assert client.post(f"/api/recordings/{new['id']}/start").status_code == 202
    until(client, new, "done")
    assert_error(client.post(f"/api/recordings/{new['id']}/start"), 409, "conflict")


def test_deleting_a_running_one_stops_it_and_leaves_nothing(slow, record, tmp_path):
    _, model, client = slow
    first, second = (record(browser=client).json for _ in range(2))
    until(client, first, "running")
    assert client.delete(f"/api/recordings/{first['id']}").status_code == 204
    model.gate.release(10_000)
    until(client, second, "done")
    for path in ("", "/audio", "/peaks", "/segments"):
        assert_error(client.get(f"/api/recordings/{first['id']}{path}"), 404, "not_found")
    assert kept(tmp_path) == [f"{second['id']}.wav"]


def test_it_can_be_taken_along_in_other_programs_forms(client, record):
    done = until(client, record().json, "done")
    for kind, begins in {"csv": b"start,end,", "json": b"{", "vtt": b"WEBVTT", "srt": b"1\n00:00:00,000 -->"}.items():
        answer = client.get(f"/api/recordings/{done['id']}/export?format={kind}")
        assert answer.status_code == 200
        assert answer.data.replace(b"\r", b"").startswith(begins), answer.data[:60]
        assert answer.headers["Content-Disposition"] == f"attachment; filename=talk.{kind}"
    assert client.get(f"/api/recordings/{done['id']}/export?format=csv").data.count(b"\n") == 11
    for query in ("", "?format=exe", "?format=../csv"):
        assert_error(client.get(f"/api/recordings/{done['id']}/export{query}"), 400, "bad_request")


@pytest.mark.parametrize("path", ["/api/clips", "/clips/delete"])
def test_delete_all_takes_recordings_too(client, record, tmp_path, path):
    until(client, record().json, "done")
    client.delete(path) if path == "/api/clips" else client.post(path)
    assert client.get("/api/recordings").json["recordings"] == []
    assert kept(tmp_path) == []


def test_prune_takes_recordings_too(app, client, record, tmp_path):
    until(client, record().json, "done")
    services = app.extensions["voice"]
    services.prune(timedelta(days=30))
    assert len(client.get("/api/recordings").json["recordings"]) == 1
    services.prune(timedelta(0))
    assert client.get("/api/recordings").json["recordings"] == []
    assert kept(tmp_path) == []


def test_the_export_has_recordings(client, record):
    done = until(client, record().json, "done")
    assert client.get("/api/clips.json").json == {"clips": [], "recordings": [done]}


def test_somebody_elses_is_not_found(app, client, record):
    mine = until(client, record().json, "done")
    stranger = app.test_client()
    stranger.get("/")
    calls = [
        ("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/start"),
        ("GET", "/segments"), ("GET", "/peaks"), ("GET", "/audio"), ("GET", "/export?format=csv"),
    ]  # fmt: skip
    for who in (stranger, app.test_client()):
        for method, path in calls:
            theirs = who.open(f"/api/recordings/{mine['id']}{path}", method=method)
            nobodys = who.open(f"/api/recordings/{NOBODYS}{path}", method=method)
            assert_error(theirs, 404, "not_found")
            assert theirs.data == nobodys.data
        assert who.get("/api/recordings").json["recordings"] == []
        who.delete("/api/clips")
    assert until(client, mine, "done") == mine


def test_a_full_queue_says_so_and_reads_nothing(make_app, record):
    model = SlowPredictor()
    client = make_app({"RECORDINGS_WAITING": 1}, predictor=model).test_client()
    until(client, record(browser=client).json, "running")
    assert record(browser=client).status_code == 202
    for _ in range(2):
        answer = record(browser=client)
        assert_error(answer, 503, "queue_full")
        assert answer.headers["Retry-After"] == "60"
    assert len(client.get("/api/recordings").json["recordings"]) == 2
    model.gate.release(1000)


@pytest.mark.slow
def test_what_is_hostile_is_refused_or_heard_and_nothing_stays_of_it(make_app, record, tmp_path):
    client = make_app({"CLIPS_PER_MINUTE": 10**6}).test_client()
    some = [one for n, one in enumerate(hostile_inputs()) if n % 4 == 0]  # test_hostile_decoding.py tries all
    for name, data in some:
        answer = record(data, f"{name}.wav", client)
        if answer.status_code == 202:  # it begins like sound
            found = until(client, answer.json, "done", "failed")
            assert found["state"] == "done" or found["error"]["code"] in {"unreadable_audio", "too_large"}, name
            assert client.delete(f"/api/recordings/{answer.json['id']}").status_code == 204
        else:
            assert_error(answer, *((413, "too_large") if answer.status_code == 413 else (415, "unreadable_audio")))
        assert kept(tmp_path) == [], name


def test_what_is_no_sound_is_refused_at_once(record, client, tmp_path):
    for data in (
        b"no sound",
        b"",
        b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(1000),
        b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n",
    ):
        assert_error(record(data), 415, "unreadable_audio")
    assert kept(tmp_path) == []


def test_what_breaks_later_fails_with_its_sentence_and_keeps_no_sound(client, record, tmp_path, monkeypatch):
    from utils import decoding

    monkeypatch.setattr(decoding, "MAX_TIMELINE_SECONDS", 5)
    failed = until(client, record().json, "failed")
    assert failed["error"]["code"] == "too_large"
    assert kept(tmp_path) == []
    assert_error(client.post(f"/api/recordings/{failed['id']}/start"), 409, "conflict")


def test_our_own_mistake_is_one_sentence_and_can_be_tried_again(make_app, record, tmp_path, caplog):
    class Broken(FakePredictor):
        def pause(self):
            raise ZeroDivisionError("secret detail")

    model = Broken()
    client = make_app(predictor=model).test_client()
    failed = until(client, record(browser=client).json, "failed")
    assert failed["error"]["code"] == "internal"
    assert "secret" not in failed["error"]["message"]
    Broken.pause = lambda self: None
    assert client.post(f"/api/recordings/{failed['id']}/start").status_code == 202
    until(client, failed, "done")


def test_a_full_disk_is_told_and_can_be_tried_again(client, record, monkeypatch):
    from web import jobs

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "write_playable", full)
        failed = until(client, record().json, "failed")
    assert failed["error"]["code"] == "storage_unavailable"
    assert client.post(f"/api/recordings/{failed['id']}/start").status_code == 202
    until(client, failed, "done")


def test_a_full_disk_while_it_arrives_is_503(client, record, monkeypatch, tmp_path):
    from utils import recording_queue

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording_queue.os, "fsync", full)
    assert_error(record(), 503, "storage_unavailable")
    assert kept(tmp_path) == []
    assert client.get("/api/recordings").json["recordings"] == []


@pytest.mark.parametrize("fields", [{}, {"audio": "text"}, {"other": (io.BytesIO(b"x"), "a.wav")}])
def test_without_a_file_there_is_nothing_to_do(client, tmp_path, fields):
    assert_error(client.post("/api/recordings", data=fields), 400, "no_file")
    assert kept(tmp_path) == []


def test_of_several_files_the_first_must_be_the_one(client, talk, tmp_path):
    other = (b'Content-Disposition: form-data; name="other"; filename="a.wav"', talk)
    assert_error(client.post("/api/recordings", **multipart(other, file(talk))), 400, "no_file")
    assert kept(tmp_path) == []


def test_a_body_that_is_too_large_is_not_read(make_app, client):
    client = make_app({"RECORDING_MEGABYTES": 1}).test_client()
    answer = client.post("/api/recordings", environ_overrides=unread(2**21, "multipart/form-data; boundary=B"))
    assert_error(answer, 413, "too_large")
    assert "1 MB" in answer.json["error"]["message"]


def test_it_takes_more_than_a_clip_may_have(client, record, talk):
    large = talk + bytes(26 * 2**20)
    until(client, record(large).json, "done")


def test_each_visitor_has_a_rate(make_app, record):
    client = make_app({"CLIPS_PER_MINUTE": 2}).test_client()
    client.get("/")
    assert [record(b"no sound", browser=client).status_code for _ in range(3)] == [415, 415, 429]


def test_a_server_without_history_keeps_none(make_app, record):
    client = make_app({"HISTORY": False}).test_client()
    assert_error(record(browser=client), 404, "not_found")
    assert client.get("/api/recordings").json == {"recordings": [], "next": None}
    assert_error(client.get(f"/api/recordings/{NOBODYS}"), 404, "not_found")


def test_without_a_model_nothing_is_taken_and_what_waits_goes_on_waiting(make_app, record, slow, tmp_path):
    app, _, client = slow
    waiting = record(browser=client).json
    until(client, waiting, "running")
    app.extensions["voice"].jobs.close()
    blind = make_app({"MODELS": tmp_path / "none"}, predictor=None).test_client()
    assert_error(record(browser=blind), 503, "bad_model")


def test_a_process_that_ends_hands_back_what_it_was_at(slow, record, make_app):
    app, model, client = slow
    new = record(browser=client).json
    until(client, new, "running")
    model.gate.release(1)
    threading.Timer(0.2, model.gate.release, [1]).start()
    services = app.extensions["voice"]
    services.jobs.close()
    with client.session_transaction() as session:
        name = session["visitor"]
    assert services.jobs.store.get(name, new["id"]).state == "waiting"
    other = make_app().test_client()
    other.set_cookie("voice", client.get_cookie("voice").value)
    until(other, new, "done")


def test_strange_pages_of_the_list_are_refused(client):
    for query in ("limit=0", "limit=x", "before=%00"):
        assert_error(client.get(f"/api/recordings?{query}"), 400, "bad_request")


def test_the_strongest_moments_are_sure_varied_and_in_order():
    steps = [segment(float(n), n + 1.0, n % 8) for n in range(80)]
    moments = strongest(steps)
    assert 0 < len(moments) <= MOMENTS
    assert [one.start for one in moments] == sorted(one.start for one in moments)
    names = [one.emotion for one in moments]
    assert "neutral" not in names
    assert None not in names
    assert all(one.status == "ok" for one in moments)
    assert max(names.count(name) for name in names) <= MOMENTS_EACH
    assert strongest([]) == []


def test_an_empty_wav_and_one_sample(record, client):
    assert_error(record(encode_wav(np.empty(0, np.float32))), 415, "unreadable_audio")
    one = until(client, record(encode_wav(np.ones(1, np.float32))).json, "done")
    assert one["duration_seconds"] == 1 / SAMPLE_RATE


def test_the_store_of_an_app_is_the_instances(app, tmp_path):
    other = RecordingStore(tmp_path / "instance")
    assert other.list("anybody") == ([], None)
    other.close()
