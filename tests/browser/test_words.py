"""Transcripts on the page: by themselves, with consent, with each failure's own sentence."""

import re

import pytest

from tests.browser.conftest import expect

pytestmark = pytest.mark.browser


def test_the_emotion_doesnt_wait_for_the_words(visit, stand_in, tones):
    visitor = visit(stand_in)
    held = []
    visitor.page.route("**/transcript", lambda route: held.append(route))
    visitor.upload(*tones(1))
    expect(visitor.answer).to_be_visible()
    expect(visitor.answer).to_contain_text("Writing down what was said")
    stand_in.google.words[:] = ["come in and sit down"]
    held[0].continue_()
    expect(visitor.answer).to_contain_text("“come in and sit down”")
    expect(visitor.status).to_contain_text("come in and sit down")


def test_the_page_says_where_the_sound_goes(visit, stand_in):
    visitor = visit(stand_in)
    expect(visitor.page.get_by_text("Google hears each clip to write it down.")).to_be_visible()


def test_switched_off_nobody_hears_a_clip_and_the_choice_is_remembered(visit, stand_in, tones):
    visitor = visit(stand_in)
    switch = visitor.page.get_by_role("switch", name="Write down what is said")
    with visitor.page.expect_response("**/api/settings"):
        switch.uncheck()
    visitor.reload()
    expect(switch).not_to_be_checked()
    before = len(stand_in.google.requests)
    visitor.upload(*tones(1))
    expect(visitor.clips).to_have_count(1)
    clip = visitor.stored()[0]
    forced = visitor.context.request.post(f"{stand_in.url}/api/clips/{clip['id']}/transcript")
    assert forced.json()["status"] == "off"
    assert len(stand_in.google.requests) == before

    stand_in.google.words[:] = ["now you may listen"]
    switch.check()
    expect(visitor.answer).to_contain_text("now you may listen")


def test_the_language_is_chosen_by_name_and_reaches_the_engine(visit, stand_in, tones):
    visitor = visit(stand_in)
    with visitor.page.expect_response("**/api/settings"):
        visitor.page.locator("select[name=language]").select_option(label="Polish (Poland)")
    stand_in.google.words[:] = ["dzień dobry"]
    visitor.upload(*tones(1))
    expect(visitor.answer).to_contain_text("dzień dobry")
    assert "lang=pl-PL" in stand_in.google.requests[-1][0]


@pytest.mark.parametrize(
    ("words", "sentence"), [(None, "No words could be made out"), (403, "Google"), (500, "Google")]
)
def test_each_failure_has_a_quiet_sentence_and_the_emotion_stands(visit, stand_in, tones, words, sentence):
    visitor = visit(stand_in)
    stand_in.google.words[:] = [words]
    visitor.upload(*tones(1))
    expect(visitor.answer.locator("[data-words]")).to_contain_text(sentence)
    expect(visitor.answer.get_by_role("listitem")).to_have_count(6)
    expect(visitor.status).to_contain_text(re.compile(r"\d+\s?%"))

    expect(visitor.answer).to_contain_text("Google hears this clip to write it down.")
    stand_in.google.words[:] = ["this time it worked"]
    visitor.answer.get_by_role("button", name="Write it down").click()
    expect(visitor.answer).to_contain_text("this time it worked")


def test_words_that_look_like_markup_are_words(visit, stand_in, tones):
    visitor = visit(stand_in)
    stand_in.google.words[:] = ["<img src=x onerror=alert(1)> & </script>"]
    visitor.upload(*tones(1))
    expect(visitor.clips).to_contain_text("<img src=x onerror=alert(1)> & </script>")
    visitor.reload()
    expect(visitor.clips).to_contain_text("<img src=x onerror=alert(1)> & </script>")
