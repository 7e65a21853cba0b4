"""A hundred visitors: whatever one of them tries, nobody else's clip comes out."""

import io
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.http import http_date

from tests.fakes import FakePredictor, FakeTranscriber
from utils.decoding import encode_wav
from web.keys import make_key
from web_app import create_app

VISITORS = 100
HEX = "0123456789abcdef"


class Visitor:
    """A browser with one clip; `words` are in nobody else's clip."""

    def __init__(self, app, number, tone):
        self.browser, self.words = app.test_client(), f"words-of-{number:03}"
        wav = encode_wav(tone * (0.5 + number / 250))  # each sounds different
        sent = {"audio": (io.BytesIO(wav), f"{self.words}.wav"), "source": "upload"}
        self.clip = self.browser.post("/api/clips", data=sent).json
        self.audio = self.browser.get(self.clip["audio_url"], buffered=True)
        self.cookie = self.browser.get_cookie("voice").value


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    config = {"INSTANCE": tmp_path_factory.mktemp("instance"), "CLIPS_PER_MINUTE": 10**6}
    app = create_app(config, predictor=FakePredictor(), transcriber=FakeTranscriber())
    yield app
    app.extensions["voice"].close()


@pytest.fixture(scope="module")
def visitors(app, tone):
    return [Visitor(app, number, tone) for number in range(VISITORS)]


@pytest.fixture(scope="module")
def pairs(visitors):
    """Everybody, and somebody else."""
    others = visitors[1:] + visitors[:1]
    random.Random(0).shuffle(others)
    return [(one, other) for one, other in zip(visitors, others, strict=True) if one is not other]


def ask(app, path, *, cookie=None, headers=None, method="GET", query=None):
    """One request, exactly as written: no cookie jar, no tidied path."""
    headers = dict(headers or {})
    if cookie is not None:
        headers["Cookie"] = f"voice={cookie}"
    bare = app.test_client(use_cookies=False)
    return bare.open(path, method=method, headers=headers, query_string=query, buffered=True)


def assert_nothing_of(other, answer, tried):
    assert other.words.encode() not in answer.data, tried
    assert other.audio.data[44:200] not in answer.data, tried
    assert other.audio.headers["ETag"] != answer.headers.get("ETag"), tried


def test_everybody_has_their_own_clip_and_only_that(visitors):
    assert len({visitor.clip["id"] for visitor in visitors}) == len({v.cookie for v in visitors}) == VISITORS
    for visitor in visitors:
        assert visitor.browser.get("/api/clips?limit=100").json == {"clips": [visitor.clip], "next": None}
        for path in ("/", "/api/clips.csv", "/api/clips.json"):
            page = visitor.browser.get(path).text
            assert set(re.findall(r"words-of-\d{3}", page)) == {visitor.words}
            assert set(re.findall(r"[0-9a-f]{46}", page)) <= {visitor.clip["id"]}


def spellings(own, clip):
    """Addresses that somebody who knows another's id might try."""
    return [
        f"/api/clips/{clip}",
        f"/api/clips/{clip}/audio",
        f"/api/clips/{clip.upper()}",
        f"/api/clips/{clip}/",
        f"/api/clips//{clip}/audio",
        f"/api/clips/{clip}.wav",
        f"/api/clips/{clip}%00/audio",
        f"/api/clips/{clip}%0a",
        f"/api/clips/{own}/../{clip}/audio",
        f"/api/clips/{own};{clip}/audio",
        f"/api/clips/%2e%2e/clips/{clip}/audio",
        f"/api/../api/clips/{clip}/audio",
        f"/api/clips/{clip}/audio?visitor={clip}",
        f"/API/CLIPS/{clip}/audio",
        f"/instance/clips/{clip}.wav",
        f"/clips/{clip}.wav",
        f"/static/../instance/clips/{clip}.wav",
        f"/static/%2e%2e/instance/clips/{clip}.wav",
        f"/static//instance/clips/{clip}.wav",
        f"//api/clips/{clip}/audio",
        f"/\\api/clips/{clip}/audio",
    ]


def test_anothers_id_is_no_address_in_any_spelling(app, pairs):
    for one, other in pairs:
        for path in spellings(one.clip["id"], other.clip["id"]):
            answer = ask(app, path, cookie=one.cookie)
            assert answer.status_code in {308, 404}, path
            assert_nothing_of(other, answer, path)


@pytest.mark.slow
def test_nor_through_the_real_server(start, wav):
    """What a client writes reaches the app through waitress, which has its own way with paths."""
    server = start()
    cookies, clips = zip(
        *((sent[1]["Set-Cookie"], sent[2]) for sent in (server.send(wav) for _ in range(2))), strict=True
    )
    own = {"Cookie": cookies[0].split(";")[0]}
    assert server.call("GET", clips[0]["audio_url"], headers=own)[2] == wav
    for path in spellings(clips[0]["id"], clips[1]["id"]):
        for headers in (own, {}, own | {"Host": "evil.example"}):
            status, _, body = server.call("GET", path, headers=headers)
            assert status in {308, 400, 404}, path
            assert wav[44:200] not in body


def test_nothing_can_be_done_with_anothers_clip(app, pairs):
    for one, other in pairs:
        for method, path in (
            ("HEAD", "/api/clips/{}/audio"),
            ("DELETE", "/api/clips/{}"),
            ("POST", "/api/clips/{}/transcript"),
            ("DELETE", "/api/clips/{}/correction"),
            ("POST", "/clips/{}/correction"),
            ("POST", "/clips/{}/delete"),
            ("POST", "/clips/{}/transcript"),
        ):
            answer = ask(app, path.format(other.clip["id"]), cookie=one.cookie, method=method)
            assert answer.status_code == 404, path
            assert_nothing_of(other, answer, path)
        assert ask(app, f"/api/clips/{other.clip['id']}", cookie=other.cookie).json == other.clip


def test_no_query_finds_anothers_clip(app, pairs):
    for one, other in pairs[::4]:
        for query in (
            {"search": other.words},
            {"before": "f" * 46},
            {"before": other.clip["id"][:-1] + "f"},
            {"search": "%"},
            {"search": "' OR visitor != '"},
            {"emotion": "happy", "limit": 100},
            {"visitor": "%", "limit": 100},
        ):
            for path in ("/api/clips", "/", "/api/clips.csv", "/api/clips.json"):
                answer = ask(app, path, cookie=one.cookie, query=query)
                found = set(re.findall(r"words-of-\d{3}", answer.text)) - {query.get("search")}  # the page repeats it
                assert found <= {one.words}, (path, query)
                assert other.clip["id"] not in answer.text, (path, query)


def test_no_header_makes_one_another(app, pairs, visitors):
    for one, other in pairs:
        url, tag = other.clip["audio_url"], other.audio.headers["ETag"]
        for headers in (
            {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
            {"X-Original-URL": url, "X-Rewrite-URL": url},
            {"X-HTTP-Method-Override": "GET"},
            {"X-Visitor": other.clip["id"], "X-User": other.words},
            {"Range": "bytes=0-9"},
            {"Range": "bytes=0-", "If-Range": tag},
            {"If-None-Match": tag},
            {"If-None-Match": "*"},
            {"If-Modified-Since": http_date()},
            {"Referer": f"http://localhost{url}"},
            {"Cookie": f"voice={one.cookie}; visitor={other.words}; session={other.clip['id']}"},
        ):
            answer = ask(app, url, cookie=None if "Cookie" in headers else one.cookie, headers=headers)
            assert answer.status_code == 404, headers  # never 304 or 206: they tell that there is one
            assert_nothing_of(other, answer, headers)
        rewritten = {"X-Original-URL": url, "X-Rewrite-URL": url}
        assert ask(app, "/api/clips", cookie=one.cookie, headers=rewritten).json["clips"] == [one.clip]


def test_nothing_of_a_visitor_may_be_cached(app, visitors):
    for path in (
        "/",
        "/api/clips",
        "/api/clips.csv",
        "/api/clips.json",
        "/api/settings",
        "/api/consent",
        visitors[0].clip["audio_url"],
    ):
        headers = ask(app, path, cookie=visitors[0].cookie).headers
        assert headers["Cache-Control"] == "no-store"
        assert {"Cookie", "Authorization"} <= set(re.split(", *", headers["Vary"]))


# Cookies


def whose(app, visitors, cookie):
    """Whom a cookie stands for: the words of the clips it gets."""
    return set(re.findall(r"words-of-\d{3}", ask(app, "/api/clips", cookie=cookie).text))


def test_parts_of_two_cookies_are_no_cookie(app, pairs, visitors):
    for one, other in pairs:
        mine, theirs = (visitor.cookie.split(".") for visitor in (one, other))
        for number in range(3):
            mixed = [*mine[:number], theirs[number], *mine[number + 1 :]]
            if mixed != mine and mixed != theirs:
                assert whose(app, visitors, ".".join(mixed)) <= {one.words}, mixed  # times of one second are the same


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_edited_cookie_never_becomes_somebody_else(app, visitors, data):
    visitor = visitors[data.draw(st.integers(0, VISITORS - 1))]
    cookie = list(visitor.cookie)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(cookie) - 1))
        cookie[at : at + data.draw(st.integers(0, 2))] = data.draw(st.text("ABab01-_.=", max_size=3))
    assert whose(app, visitors, "".join(cookie)) <= {visitor.words}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_guess_near_an_id_finds_nothing(app, visitors, data):
    """Whoever knows an id but for a few digits: the own cookie, the right time, still no clip of others."""
    one, other = data.draw(st.permutations(range(VISITORS)))[:2]
    clip, guess = visitors[other].clip["id"], list(visitors[other].clip["id"])
    for _ in range(data.draw(st.integers(1, 5))):
        guess[data.draw(st.integers(0, 45))] = data.draw(st.sampled_from(HEX))
    answer = ask(app, f"/api/clips/{''.join(guess)}/audio", cookie=visitors[one].cookie)
    assert answer.status_code == 404
    assert_nothing_of(visitors[other], answer, clip)


def test_ids_share_nothing_but_the_time(visitors):
    tails = [visitor.clip["id"][14:] for visitor in visitors]
    for place in range(32):
        assert len({tail[place] for tail in tails}) > 8  # of 16 digits, in 100 draws


def test_a_key_opens_nobody_elses_clips(app, visitors):
    key = make_key(app.config["INSTANCE"], "robot")
    for visitor in visitors[:10]:
        headers = {"Authorization": f"Bearer {key}"}
        answer = ask(app, visitor.clip["audio_url"], cookie=visitor.cookie, headers=headers)
        assert answer.status_code == 404  # the key counts, not the cookie beside it
