"""A visitor teaches a voice, is heard with it, asks why, switches it off and deletes everything."""

import re

import pytest

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

    switch.uncheck()
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
