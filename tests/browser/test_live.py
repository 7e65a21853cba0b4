"""Live mode in a real browser: what is heard moves while somebody speaks, and ends as it should."""

import re

import pytest

from tests.browser.conftest import expect
from tests.browser.test_recording import WATCH_TRACKS

pytestmark = pytest.mark.browser


@pytest.fixture
def go_live(visit):
    """A visitor in live mode; starts unless told otherwise."""

    def go_live(server, *, start=True):
        visitor = visit(server)
        visitor.context.add_init_script(WATCH_TRACKS)
        visitor.reload()
        visitor.page.get_by_text("Live", exact=True).click()
        if start:
            visitor.page.get_by_role("button", name="Start").click()
            expect(visitor.status).to_contain_text("Listening")
        return visitor

    return go_live


def test_a_voice_moves_the_page_and_nothing_is_kept(go_live, stand_in, axe):
    visitor = go_live(stand_in)
    page = visitor.page
    card = page.get_by_role("region", name=re.compile("Happy|Sad|Surprise|Angry|Neutral|Fear|Not sure|No speech"))
    expect(card).to_be_visible()
    expect(card.get_by_role("listitem")).to_have_count(6)
    shares = card.get_by_role("list")
    before = shares.inner_text()
    expect(shares).not_to_have_text(before, use_inner_text=True)  # it moves
    expect(card.get_by_role("img", name=re.compile("^The last minute: .*[a-z] [0-9]+ s"))).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Stop").click()
    expect(visitor.status).to_contain_text("Stopped. Nothing was kept.")
    expect(page.get_by_role("button", name="Start")).to_be_focused()
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    assert visitor.stored() == []
    page.get_by_text("3 seconds", exact=True).click()
    visitor.record()
    assert len(visitor.stored()) == 1


def test_it_goes_on_when_the_server_comes_back(go_live, own_server):
    visitor = go_live(own_server)
    own_server.stop()
    expect(visitor.status).to_contain_text("trying again")
    own_server.start()
    expect(visitor.status).to_contain_text("Listening", timeout=30_000)
    visitor.complaints.clear()  # the browser mentions each connection that it couldn't open


def test_out_of_sight_it_stops_listening(go_live, stand_in):
    visitor = go_live(stand_in)
    visitor.page.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', {get: () => true});
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    expect(visitor.status).to_contain_text("out of sight")
    assert visitor.page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
