"""A visitor says what a clip really was, and whether that may train the model."""

import pytest

from tests.browser.conftest import expect

pytestmark = pytest.mark.browser


def test_correct_reload_filter_undo_and_consent(visit, stand_in, tones, axe):
    visitor = visit(stand_in)
    visitor.upload(*tones(1))
    expect(visitor.answer).to_contain_text("Answered by stand-in 0")
    [clip] = visitor.stored()
    heard = clip["emotion"]

    visitor.page.get_by_label("It was").select_option("disgust")
    words = f"Heard {heard}, corrected to disgust."
    expect(visitor.answer).to_contain_text(words)
    expect(visitor.answer.get_by_role("heading")).to_have_text(heard.capitalize())
    expect(visitor.clips).to_contain_text(words)
    expect(visitor.clips.get_by_role("heading")).to_have_text("Disgust")
    visitor.page.get_by_role("switch", name="Let my corrected clips train").check()
    assert axe(visitor.page) == []

    visitor.reload()
    expect(visitor.clips).to_contain_text(words)
    expect(visitor.page.get_by_role("switch", name="Let my corrected clips train")).to_be_checked()
    visitor.page.get_by_role("combobox", name="Emotion").select_option(heard)
    expect(visitor.page.get_by_text("No clip fits this search.")).to_be_visible()
    visitor.page.get_by_role("combobox", name="Emotion").select_option("disgust")
    expect(visitor.clips).to_have_count(1)

    visitor.clips.get_by_role("button", name="Look closer").click()
    visitor.page.get_by_role("button", name="Take that back").click()
    expect(visitor.clips).not_to_contain_text("corrected")
    visitor.page.get_by_role("button", name="That’s right").click()
    expect(visitor.answer).to_contain_text(f"Confirmed: it was {heard}.")
    visitor.reload()
    assert [one["correction"] for one in visitor.stored()] == [heard]


def test_a_correction_without_the_server_is_taken_back_with_a_sentence(visit, stand_in, tones):
    visitor = visit(stand_in)
    visitor.upload(*tones(1))
    expect(visitor.answer).to_be_visible()
    visitor.context.set_offline(True)
    visitor.page.get_by_label("It was").select_option("fear")
    expect(visitor.status).to_contain_text("couldn't be saved: say it again when the server can be reached")
    expect(visitor.answer).not_to_contain_text("corrected")
    visitor.context.set_offline(False)
