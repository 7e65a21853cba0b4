"""The history: scrolled, searched, counted, taken home, deleted and taken back."""

import csv
import json
import re

import pytest

from tests.browser import sounds
from tests.browser.conftest import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def heard(visit, stand_in, tones):
    """A visitor with `count` clips."""

    def heard(count, words=()):
        visitor = visit(stand_in)
        for path, said in zip(tones(count), [*words, *[None] * count], strict=False):
            clip = visitor.send(path)
            if said:
                stand_in.google.words[:] = [said]
                visitor.context.request.post(f"{stand_in.url}/api/clips/{clip['id']}/transcript")
        visitor.reload()
        return visitor

    return heard


def deleting(clip):
    return clip.get_by_role("button", name=re.compile("^Delete"))


def test_older_clips_come_as_one_scrolls(heard):
    visitor = heard(45)
    expect(visitor.clips).to_have_count(20)
    for count in (40, 45):
        visitor.page.mouse.wheel(0, 20_000)
        expect(visitor.clips).to_have_count(count)
    expect(visitor.page.get_by_role("button", name="Show older clips")).to_be_hidden()
    names = visitor.page.locator("li.clip [data-source]").all_inner_texts()
    assert names == [f"tone {number}.wav" for number in reversed(range(45))]


def test_times_are_the_visitors_own(heard, visit, stand_in):
    visitor = heard(1)
    cookies = visitor.context.storage_state()
    texts = set()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        elsewhere = visit(stand_in, storage_state=cookies, timezone_id=zone)
        texts.add(elsewhere.clips.locator("time").inner_text())
    assert len(texts) == 2


def test_delete_can_be_taken_back(heard):
    visitor = heard(2)
    deleting(visitor.clips.first).click()
    expect(visitor.clips).to_have_count(1)
    expect(visitor.status).to_contain_text("Clip deleted")
    visitor.page.get_by_role("button", name="Undo").click()
    expect(visitor.clips).to_have_count(2)
    visitor.reload()
    expect(visitor.clips).to_have_count(2)


def test_a_deletion_goes_to_the_server_when_its_time_is_over(heard):
    visitor = heard(2)
    deleting(visitor.clips.first).click()
    assert len(visitor.stored()) == 2
    expect(visitor.page.get_by_role("button", name="Undo")).to_have_count(0, timeout=12_000)
    visitor.keeps(["tone 0.wav"])


def test_a_deletion_isnt_lost_when_the_page_is_left(heard):
    visitor = heard(2)
    deleting(visitor.clips.first).click()
    visitor.page.goto("about:blank")
    visitor.keeps(["tone 0.wav"])


def test_a_second_page_leaves_the_first_its_undo(heard):
    visitor = heard(2)
    deleting(visitor.clips.first).click()
    with visitor.context.expect_page() as opened:
        visitor.page.evaluate("open('/')")
    second = opened.value
    second.wait_for_selector("html[data-ready]", state="attached")
    clips = second.get_by_role("list", name="History").locator("li.clip")
    expect(clips).to_have_count(1)
    visitor.page.get_by_role("button", name="Undo").click()
    expect(clips).to_have_count(2, timeout=12_000)
    assert len(visitor.stored()) == 2


def test_delete_all_asks_first(heard):
    visitor = heard(3)
    ask = visitor.page.get_by_role("dialog", name="Delete all your clips?")
    visitor.page.get_by_role("button", name="Delete all").click()
    ask.get_by_role("button", name="Keep them").click()
    expect(visitor.clips).to_have_count(3)
    visitor.page.get_by_role("button", name="Delete all").click()
    ask.get_by_role("button", name="Delete all").click()
    expect(visitor.clips).to_have_count(0)
    expect(visitor.status).to_contain_text("All your clips are deleted")
    assert visitor.stored() == []


def test_search_and_filter(heard, tmp_path):
    visitor = heard(3, words=["the door is open", "a letter on the table", "the door again"])
    search = visitor.page.get_by_role("searchbox")
    search.fill("door")
    expect(visitor.clips).to_have_count(2)
    expect(visitor.status).to_contain_text("2 clips listed.")
    search.fill("nowhere")
    expect(visitor.page.get_by_text("No clip fits this search.")).to_be_visible()
    search.fill("")
    expect(visitor.clips).to_have_count(3)

    emotion = visitor.stored()[0]["emotion"]
    visitor.page.get_by_role("combobox", name="Emotion").select_option(emotion)
    expect(visitor.clips).to_have_count(1)
    expect(visitor.clips).to_contain_text(emotion.capitalize())

    visitor.send(sounds.tone(tmp_path / "low.wav", hertz=70))
    visitor.page.get_by_role("combobox", name="Emotion").select_option("uncertain")
    expect(visitor.clips).to_have_count(1)
    expect(visitor.clips).to_contain_text("Not sure")


def test_the_chart_counts_what_is_listed(heard):
    visitor = heard(7)
    columns = visitor.page.get_by_role("list", name="How these clips were heard").get_by_role("listitem")
    counts = {text.split("\n")[-1]: int(text.split("\n")[0]) for text in columns.all_inner_texts()}
    stored = [clip["emotion"].capitalize() for clip in visitor.stored()]
    assert {name: count for name, count in counts.items() if count} == {n: stored.count(n) for n in stored}
    deleting(visitor.clips.first).click()
    first = stored[0]
    expect(columns.filter(has_text=first)).to_contain_text(str(stored.count(first) - 1))


def test_a_clip_can_be_looked_at_closer(heard):
    visitor = heard(2)
    visitor.clips.last.get_by_role("button", name=re.compile("^Look closer")).click()
    expect(visitor.answer).to_be_visible()
    title = visitor.answer.get_by_role("heading")
    expect(title).to_be_focused()
    assert title.inner_text() in visitor.clips.last.inner_text()


def test_the_history_can_be_taken_home(heard):
    visitor = heard(2)
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="Download CSV").click()
    with open(download.value.path(), encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 3
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="Download JSON").click()
    with open(download.value.path(), encoding="utf-8") as file:
        assert len(json.load(file)["clips"]) == 2


def test_only_one_clip_plays_at_a_time(heard):
    visitor = heard(2)
    playing = "[...document.querySelectorAll('li.clip audio')].map((audio) => !audio.paused)"
    for turn in range(2):
        visitor.page.evaluate(f"document.querySelectorAll('li.clip audio')[{turn}].play()")
    assert visitor.page.evaluate(playing) == [False, True]


def test_a_history_that_cant_be_loaded_says_so(heard):
    visitor = heard(25)
    visitor.page.route("**/api/clips?*", lambda route: route.abort())
    visitor.page.mouse.wheel(0, 20_000)
    expect(visitor.page.locator("[data-history-note]")).to_contain_text("can't be reached")
    visitor.page.unroute("**/api/clips?*")
    visitor.page.get_by_role("button", name="Show older clips").click()
    expect(visitor.clips).to_have_count(25)
