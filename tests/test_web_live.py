"""What is said in a live session: a conversation without a socket, the places for it, and the WebSocket under it."""

import itertools
import json
import socket
import threading
import time

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage

from tests.fakes import FakePredictor, prediction
from utils.errors import BundleError
from web import live
from web.gate import Gate, OverloadedError
from web.live import Conversation
from web.streams import StreamOver, Streams
from web.websocket import MAX_MESSAGE, Gone, NoSocketError, NoWebSocketError, Received, WebSocket

LOUD = (b"\x00\x40" + b"\x00\xc0") * 800  # 0.1 s at 16 kHz
QUIET = bytes(3200)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate():
    return Gate(1, 4, 0.1)


@pytest.fixture
def talk(predictor, gate, clock):
    return Conversation(predictor, gate, clock)


@pytest.fixture
def say(talk, clock):
    """Lets `seconds` of frames arrive as a microphone makes them; the updates that come of it."""

    def say(seconds, frame=LOUD):
        updates = []
        for _ in range(round(seconds * 10)):
            clock.now += 0.1
            assert talk.take(Received(frame)) is None
            updates += talk.updates()
        return updates

    return say


def config(rate):
    return Received(json.dumps({"type": "config", "sample_rate": rate}))


# --- The conversation


def test_updates_come_twice_a_second_and_say_what_the_model_says(say, predictor):
    predictor.answers.extend([prediction("sad", 0.61), prediction("angry", 0.4, "uncertain")])
    first, second, *rest = say(10)
    assert first == {
        "type": "update",
        "status": "ok",
        "emotion": "sad",
        "confidence": 0.61,
        "probabilities": prediction("sad", 0.61).probabilities,
        "voiced_seconds": 1.5,
        "seconds": 1.0,
    }
    assert (second["status"], second["emotion"]) == ("uncertain", "angry")
    assert [update["type"] for update in rest] == ["update"] * len(rest)
    times = [update["seconds"] for update in (first, second, *rest)]
    assert max(after - before for before, after in itertools.pairwise(times)) <= 0.5 + 1e-9
    assert len(times) >= 2 * 9


def test_the_model_hears_three_seconds_at_most(say, predictor):
    say(10)
    assert [len(audio) for audio in predictor.calls][:2] == [16_000, 19_200]
    assert {len(audio) for audio in predictor.calls[6:]} == {48_000}


def test_a_voice_that_is_switched_on_is_heard_with_and_named(gate, clock):
    given = []

    class Knowing(FakePredictor):
        def predict(self, audio, voice=None):
            given.append(voice)
            return super().predict(audio)

    profile = object()
    talk = Conversation(Knowing(), gate, clock, own=("Ann", profile))
    assert talk.ready()["voice"] == "Ann"
    for _ in range(20):
        clock.now += 0.1
        talk.take(Received(LOUD))
        talk.updates()
    assert set(given) == {profile}


def test_without_one_it_hears_as_anybodys(talk):
    assert talk.ready()["voice"] is None


def test_silence_is_no_speech_and_speech_ends_it(say):
    assert {update["status"] for update in say(4, QUIET)} == {"no_speech"}
    last = say(1)[-1]
    assert (last["status"], last["emotion"]) == ("ok", "happy")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Received(b""), "bad_audio"),
        (Received(b"odd"), "bad_audio"),
        (Received(None), "too_large"),
        (Received("hello"), "bad_message"),
        (Received("[]"), "bad_message"),
        (Received("[" * 30_000), "bad_message"),
        (Received("null"), "bad_message"),
        (Received('{"type": "config"}'), "bad_message"),
        (Received('{"type": "config", "sample_rate": "16000"}'), "bad_message"),
        (Received('{"type": "config", "sample_rate": 16000.5}'), "bad_message"),
        (Received('{"type": "config", "sample_rate": true}'), "bad_message"),
        (Received('{"type": "other", "sample_rate": 16000}'), "bad_message"),
        (config(16_000), "config_late"),
    ],
)
def test_a_bad_message_is_told_and_the_session_goes_on(talk, say, message, code):
    before = say(2)
    answer = talk.take(message)
    assert (answer["type"], answer["code"]) == ("error", code)
    assert answer["message"].endswith(".")
    assert say(1)[-1]["seconds"] == pytest.approx(before[-1]["seconds"] + 1, abs=0.5)


@pytest.mark.parametrize("rate", [7999, 192_001, 0, -1, 10**30])
def test_no_such_rate_leaves_the_old_one(talk, say, rate):
    assert talk.take(config(rate))["code"] == "bad_audio"
    assert talk.ready()["sample_rate"] == 16_000
    assert say(2)


def test_a_declared_rate_counts(talk, say, predictor):
    assert talk.take(config(8_000)) == talk.ready() | {"sample_rate": 8_000}
    assert talk.take(config(48_000))["sample_rate"] == 48_000  # not too late yet
    updates = say(3, LOUD * 3)
    assert updates[-1]["seconds"] == pytest.approx(3, abs=0.45)
    assert len(predictor.calls[-1]) == pytest.approx(16_000 * updates[-1]["seconds"], abs=800)


def test_a_busy_server_says_so_and_the_next_update_is_of_now(talk, say, gate, clock, predictor):
    say(2)
    calls = len(predictor.calls)
    with gate.enter():
        refused = say(2)
    assert {answer["type"] for answer in refused} == {"rate_limited"}
    assert 4 <= len(refused) <= 6, "as often as updates would have been due, not for each try"
    assert len(predictor.calls) == calls, "it waits for nobody"
    [update] = say(0.2)[:1]
    assert update["type"] == "update"
    assert update["seconds"] == pytest.approx(4.1, abs=0.15)


def test_a_slow_model_skips_instead_of_lagging(talk, say, clock, predictor):
    def slow(audio, quick=predictor.judge):
        clock.now += 2
        return quick(audio)

    predictor.judge = slow
    for round_ in range(1, 4):
        clock.now += 1
        for _ in range(10 if round_ == 1 else 30):  # what came while it was busy is read first
            talk.take(Received(LOUD))
        limited, update = talk.updates()
        assert limited | {"message": ""} == {"type": "rate_limited", "skipped": 5, "message": ""}
        assert update["seconds"] == pytest.approx(1 + 3 * (round_ - 1))
        assert talk.updates() == []


def test_sound_from_the_future_is_skipped(talk, clock):
    answers = [talk.take(Received(LOUD)) for _ in range(60)]
    assert answers[:50] == [None] * 50
    assert {answer["code"] for answer in answers[50:]} == {"too_fast"}
    clock.now += 2
    assert talk.take(Received(LOUD)) is None


def test_a_hundred_mistakes_are_enough(talk):
    for _ in range(live.MAX_MISTAKES):
        assert talk.take(Received(b"odd"))["type"] == "error"
    with pytest.raises(StreamOver) as over:
        talk.take(Received(b"odd"))
    assert (over.value.code, over.value.close) == ("too_many_mistakes", 1008)


def test_a_session_ends_when_nothing_comes_or_it_is_long(talk, say, clock):
    say(2)
    clock.now += live.IDLE_SECONDS - 1
    talk.updates()
    talk.take(Received("still here"))  # no sound
    clock.now += 1.5
    with pytest.raises(StreamOver, match="No sound"):
        talk.updates()
    talk.take(Received(LOUD))
    talk.updates()
    clock.now += live.LONGEST_SECONDS
    talk.take(Received(LOUD))
    with pytest.raises(StreamOver, match="10 minutes"):
        talk.updates()


# --- Places


def test_so_many_of_a_visitor_and_so_many_in_all():
    streams = Streams(2, 3)
    with streams.enter("anna"), streams.enter("anna"):
        with pytest.raises(StreamOver, match="other windows"), streams.enter("anna"):
            pass
        with streams.enter("ben"), pytest.raises(StreamOver, match="Too many people"), streams.enter("cleo"):
            pass
    with streams.enter("anna"), streams.enter("anna"), streams.enter("cleo"):
        pass


def test_a_live_session_never_waits_and_never_passes_a_clip_that_does():
    gate = Gate(1, 1, 5)
    with gate.enter_if_free(), pytest.raises(OverloadedError), gate.enter_if_free():
        pass
    order = []

    def clip():
        with gate.enter():
            order.append("clip")

    with gate.enter():
        waiting = threading.Thread(target=clip)
        waiting.start()
        while not gate._waiting:
            time.sleep(0.001)
        gate._running.release()  # the moment between two clips
        gate._running.acquire()
        with pytest.raises(OverloadedError), gate.enter_if_free():
            order.append("live")
    waiting.join(5)
    assert order == ["clip"]
    with gate.enter_if_free():
        pass


# --- The WebSocket


HANDSHAKE = {
    "HTTP_UPGRADE": "WebSocket",
    "HTTP_CONNECTION": "keep-alive, Upgrade",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
    "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Client:
    """The other end."""

    def __init__(self):
        self.mine, theirs = socket.socketpair()
        self.mine.settimeout(5)
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.mine.sendall(self.protocol.send(Request(host="h", target="/")))
        asked = theirs.recv(9999).decode()
        key = asked.partition("Sec-WebSocket-Key: ")[2][:24]
        self.server = WebSocket(HANDSHAKE | {"HTTP_SEC_WEBSOCKET_KEY": key, "voice.socket": theirs})
        self.theirs = theirs
        assert isinstance(self.hear(), AcceptConnection)

    def say(self, *events):
        for event in events:
            self.mine.sendall(self.protocol.send(event))

    def hear(self):
        while True:
            for event in self.protocol.events():
                return event
            self.protocol.receive_data(self.mine.recv(9999) or None)


@pytest.fixture
def client():
    client = Client()
    yield client
    client.mine.close()
    client.theirs.close()


def test_messages_arrive_whole_and_in_order(client):
    client.say(
        BytesMessage(b"ab", message_finished=False), BytesMessage(b"cd"), TextMessage("zażółć"), BytesMessage(b"")
    )
    assert [message.data for message in client.server.receive(1)] == [b"abcd", "zażółć", b""]
    assert client.server.receive(0.01) == []
    client.server.send({"type": "x"})
    assert client.hear().data == '{"type":"x"}'


def test_a_message_that_is_too_long_is_skipped_without_being_kept(client):
    def send():
        for _ in range(200):
            client.say(BytesMessage(bytes(MAX_MESSAGE), message_finished=False))
        client.say(BytesMessage(b"end"), BytesMessage(bytes(MAX_MESSAGE)))

    sender = threading.Thread(target=send)
    sender.start()
    found = []
    while len(found) < 2:
        found += client.server.receive(5)
        assert sum(map(len, client.server._parts)) <= MAX_MESSAGE
    sender.join()
    assert [message.data for message in found] == [None, bytes(MAX_MESSAGE)]


def test_a_ping_is_answered(client):
    client.say(Ping(b"?"))
    assert client.server.receive(1) == []
    assert client.hear() == Pong(b"?")


def test_a_goodbye_is_answered(client):
    client.say(CloseConnection(1000))
    with pytest.raises(Gone):
        client.server.receive(1)
    assert client.hear().code == 1000


def test_ours_is_too_and_takes_no_longer_than_it_may(client):
    began = time.monotonic()
    client.server.send({"last": "word"})
    closing = threading.Thread(target=client.server.close, args=[1001])
    closing.start()
    assert client.hear().data == '{"last":"word"}'
    assert client.hear().code == 1001
    closing.join(5)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "data", [b"\x81\x05hello", b"\xc1\x80\0\0\0\0", b"\x82\xff" + b"\xff" * 12, b"\x83\x80\0\0\0\0"]
)
def test_what_is_no_websocket_ends_it(client, data):
    client.mine.sendall(data)  # unmasked, reserved bits, an impossible length, an unknown kind
    with pytest.raises(Gone):
        client.server.receive(1)
    assert client.hear().code == 1002


def test_a_text_that_is_none_ends_it(client):
    client.mine.sendall(b"\x81\x82\0\0\0\0\xff\xff")
    with pytest.raises(Gone):
        client.server.receive(1)
    assert client.hear().code == 1007


def test_a_broken_connection_is_noticed(client):
    client.say(BytesMessage(b"half", message_finished=False))
    client.mine.close()
    with pytest.raises(Gone):
        client.server.receive(5)


def test_who_doesnt_read_is_gone(client, monkeypatch):
    monkeypatch.setattr("web.websocket.SEND_SECONDS", 0.05)
    with pytest.raises(Gone):
        for _ in range(1000):
            client.server.send({"x": "y" * 100_000})


@pytest.mark.parametrize(
    "change",
    [
        {"HTTP_UPGRADE": "h2c"},
        {"HTTP_CONNECTION": "close"},
        {"HTTP_SEC_WEBSOCKET_VERSION": "8"},
        {"HTTP_SEC_WEBSOCKET_KEY": ""},
        {"HTTP_SEC_WEBSOCKET_KEY": "short"},
        {"HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==\r\nX: y"},
    ],
)
def test_a_request_for_something_else_is_refused(change):
    with pytest.raises(NoWebSocketError):
        WebSocket(HANDSHAKE | change)


def test_a_server_without_sockets_says_so():
    with pytest.raises(NoSocketError, match="python web_app"):
        WebSocket(HANDSHAKE)


# --- The view, as far as it can be reached without a server


def ask(client, **headers):
    return client.get(
        "/api/stream", headers={name[5:].replace("_", "-"): value for name, value in HANDSHAKE.items()} | headers
    )


def test_without_a_socket_the_answer_is_of_http(client_of_the_app):
    answer = ask(client_of_the_app)
    assert (answer.status_code, answer.json["error"]["code"]) == (501, "no_streams")
    assert client_of_the_app.get("/api/stream").status_code == 400
    assert client_of_the_app.post("/api/stream").status_code in {400, 405}


@pytest.fixture
def client_of_the_app(app):
    return app.test_client()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "http://["])
def test_other_sites_are_refused(client_of_the_app, origin):
    answer = ask(client_of_the_app, Origin=origin)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden")


def test_our_own_page_and_configured_ones_are_not(make_app):
    page = make_app().test_client()
    assert ask(page, Origin="http://localhost").status_code == 501
    friend = make_app({"CORS_ORIGINS": ["https://friend.example"]}).test_client()
    assert ask(friend, Origin="https://friend.example").status_code == 501
    anyone = make_app({"CORS_ORIGINS": ["*"]}).test_client()
    anyone.get("/")  # and now it has a cookie
    assert ask(anyone, Origin="https://evil.example").status_code == 403


def test_hosts_keys_and_rates_count_here_too(make_app):
    client = make_app({"CLIPS_PER_MINUTE": 2, "ALLOWED_HOSTS": ["localhost"]}).test_client()
    assert ask(client, Host="evil.example").status_code == 400
    assert ask(client, Authorization="Bearer voice_x").status_code == 401
    assert [ask(client).status_code for _ in range(3)] == [501, 501, 429]


@pytest.mark.parametrize(
    ("failure", "code", "close"),
    [
        (BundleError("There is no model: train one."), "bad_model", 1013),
        (ZeroDivisionError("secret"), "internal", 1011),
    ],
)
def test_a_failure_in_the_middle_is_one_sentence_in_the_stream(make_app, failure, code, close):
    app = make_app(predictor=FakePredictor(failure))

    class Straight:
        """A socket through which sound always comes."""

        def send(self, message):
            """Arrives."""

        def receive(self, seconds):
            return [Received(LOUD)] * 10

    with app.test_request_context("/api/stream"):
        over = live._converse(Straight(), "anna")
    assert (over.code, over.close) == (code, close)
    assert "secret" not in str(over)
