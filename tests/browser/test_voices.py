"""A visitor teaches a voice, is heard with it, asks why, switches it off and deletes everything."""

import re

import pytest

from tests.browser import sounds
from tests.browser.conftest import expect

pytestmark = pytest.mark.browser


def test_teach_record_why_switch_off_and_delete(visit, own_server, axe, tmp_path):
    visitor = visit(own_server)
    page = visitor.page
    page.get_by_role("button", name="Teach it my voice").click()
    page.get_by_label("Whose voice is it?").fill("Annabel")
    for number in range(1, 6):
        expect(page.get_by_text(f"Sentence {number} of 5")).to_be_visible()
        page.get_by_role("button", name="Read it aloud").click()
        page.wait_for_timeout(1200)
        if number == 1:
            assert axe(page) == []
        page.get_by_role("button", name="Done reading").click()
    switch = page.get_by_role("switch", name="Annabel")
    expect(switch).to_be_checked()
    expect(page.get_by_text("heard with “Annabel” from now on, learnt from 5 clips").first).to_be_visible()
    assert list((tmp_path / "instance" / "clips").glob("*.wav")) == []

    visitor.record()
    expect(visitor.answer).to_contain_text("Heard with the voice “Annabel”. Sounds like “Annabel”.")
    page.get_by_role("button", name="Why this answer?").click()
    expect(visitor.answer).to_contain_text(re.compile("What spoke for|No side of the voice"))
    expect(visitor.answer.locator("[data-weights] rect")).to_have_count(10)
    assert axe(page) == []

    page.get_by_text("Live", exact=True).click()
    page.get_by_role("button", name="Start").click()
    expect(visitor.status).to_contain_text("Listening with the voice “Annabel”.")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("3 seconds", exact=True).click()

    long = sounds.tone(tmp_path / "talk.wav", seconds=8)
    visitor.upload(long)  # several people may speak in it
    card = page.get_by_role("region", name="talk.wav")
    expect(card.get_by_role("heading", name="Strongest moments")).to_be_visible(timeout=30_000)
    expect(card).not_to_contain_text("Annabel")
    card.get_by_role("button", name="Close").click()
    page.get_by_role("checkbox", name="only this voice speaks").check()
    visitor.upload(sounds.tone(tmp_path / "mine.wav", seconds=8))
    expect(page.get_by_role("region", name="mine.wav")).to_contain_text(
        "Heard with the voice “Annabel”.", timeout=30_000
    )

    switch.uncheck()
    expect(page.get_by_role("checkbox", name="only this voice speaks")).to_be_hidden()
    expect(page.get_by_text("heard without “Annabel”").first).to_be_visible()
    visitor.record_button.click()
    expect(visitor.answer).to_contain_text("Sounds like “Annabel”: switch that voice on to be heard with it.")
    expect(visitor.answer).not_to_contain_text("Heard with")
    expect(switch).not_to_be_checked()
    visitor.reload()
    expect(page.get_by_role("switch", name="Annabel")).not_to_be_checked()
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("switch", name="Annabel")).to_have_count(0)
    left = b"".join(path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file())
    assert b"Annabel" not in left
    assert not list((tmp_path / "instance" / "clips").glob("*.wav"))


def test_who_is_not_heard_surely_is_shown_the_way_to_teach_a_voice(visit, own_server, tmp_path):
    visitor = visit(own_server)
    way = visitor.answer.get_by_role("link", name="Teach it my voice")
    visitor.upload(sounds.tone(tmp_path / "high.wav", seconds=3))
    expect(visitor.answer.get_by_role("heading")).to_be_visible()
    expect(way).to_be_hidden()
    visitor.upload(sounds.tone(tmp_path / "low.wav", hertz=70, seconds=3))
    way.click()
    expect(visitor.page.get_by_role("button", name="Teach it my voice")).to_be_in_viewport()

    visitor.page.get_by_role("button", name="Learn from my clips").click()
    expect(visitor.page.get_by_role("switch", name="My clips")).to_be_checked()
    expect(way).to_be_hidden()  # it knows a voice already
