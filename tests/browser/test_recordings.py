"""A long file becomes a timeline that can be watched, heard, moved in, left and come back to."""

import re

import pytest

from tests.browser import sounds
from tests.browser.conftest import expect

pytestmark = pytest.mark.browser

SECONDS = 70  # more than the close-up shows
DONE = 30_000  # ms that the analysis may take on a busy machine


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    return sounds.tone(tmp_path_factory.mktemp("talk") / "talk.wav", seconds=SECONDS)


def timeline(visitor):
    return visitor.page.get_by_role("region", name="talk.wav")


def rows(visitor):
    return visitor.page.get_by_role("list", name="Recordings").locator("li.recording")


def painted(timeline, strip):
    """The colours in a picture, each as often as it fills a pixel."""
    return timeline.locator(f"[data-strip={strip}] canvas").evaluate(
        """(canvas) => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
            copy.drawImage(canvas, 0, 0);
            const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
            const found = {};
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] === 255) {
                    const colour = data.slice(i, i + 3).join(",");
                    found[colour] = (found[colour] ?? 0) + 1;
                }
            return found;
        }"""
    )


def test_a_long_file_is_analysed_heard_and_moved_in(visit, stand_in, talk, axe):
    visitor = visit(stand_in)
    assert not any("timeline" in url or "/recordings" in url for url in visitor.requests), "they come when needed"
    visitor.upload(talk)
    card = timeline(visitor)
    expect(card).to_contain_text("Analysing")
    expect(card.get_by_role("button", name="Cancel")).to_be_visible()
    expect(card.get_by_role("heading", name="Strongest moments")).to_be_visible(timeout=DONE)
    expect(card.get_by_role("list", name="How much of each emotion").get_by_role("listitem")).to_have_count(6)
    expect(visitor.status).to_contain_text("talk.wav is analysed.")
    for strip in ("whole", "close"):
        assert sum(count > 50 for count in painted(card, strip).values()) >= 7, "six emotions and silence"
    assert axe(visitor.page) == []

    slider = card.get_by_role("slider", name="Place in the recording")
    slider.focus()
    for key, place in (
        ("ArrowRight", "0:05 of 1:10 · Sad · 65"),
        ("ArrowUp", "0:08 of 1:10 · Surprise"),
        ("ArrowUp", "0:12 of 1:10 · Angry"),
        ("ArrowDown", "0:08 of 1:10"),
        ("PageUp", "1:08 of 1:10"),
        ("ArrowLeft", "1:03 of 1:10 · No speech"),
        ("Home", "0:00 of 1:10 · Happy"),
    ):
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^{place}"))
    player = card.locator("audio")
    slider.press(" ")
    expect(player).to_have_js_property("paused", False)
    slider.press(" ")
    expect(player).to_have_js_property("paused", True)

    whole = card.locator("[data-strip=whole]")
    whole.click(position={"x": whole.bounding_box()["width"] / 2, "y": 20})
    expect(player).to_have_js_property("paused", False)
    assert 34 <= player.evaluate("(audio) => audio.currentTime") < 38
    card.get_by_role("list", name="Strongest moments").get_by_role("button").first.click()
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^0:0"))
    card.get_by_text("All parts with speech").click()
    expect(card.locator("details").get_by_role("button")).to_have_count(16)
    with visitor.page.expect_download() as download:
        card.get_by_role("link", name="WebVTT").click()
    assert download.value.suggested_filename == "talk.vtt"
    assert download.value.path().read_text().startswith("WEBVTT")


def test_one_comes_back_cancels_and_deletes(visit, own_server, talk):
    visitor = visit(own_server)
    visitor.upload(talk)
    expect(timeline(visitor)).to_contain_text("Analysing")
    visitor.page.goto("about:blank")  # the page is closed, its address is kept
    visitor.page.go_back()
    visitor.ready()
    expect(timeline(visitor)).to_contain_text(re.compile("Analysing|Strongest"))
    visitor.upload(talk)
    expect(rows(visitor)).to_have_count(2)
    rows(visitor).first.get_by_role("button", name="Cancel").click()
    expect(rows(visitor).first).to_contain_text("Cancelled")
    rows(visitor).first.get_by_role("button", name="Start again").click()
    expect(rows(visitor).first).to_contain_text("Analysed", timeout=DONE)

    visitor.page.goto(visitor.url)
    visitor.ready()
    expect(timeline(visitor)).to_have_count(0)
    rows(visitor).last.get_by_role("button", name="Open").click()
    expect(timeline(visitor).get_by_role("heading", name="talk.wav")).to_be_focused()
    rows(visitor).last.get_by_role("button", name="Delete").click()
    visitor.page.get_by_role("button", name="Keep it").click()
    expect(rows(visitor)).to_have_count(2)
    rows(visitor).last.get_by_role("button", name="Delete").click()
    visitor.page.get_by_role("button", name="Delete it").click()
    expect(rows(visitor)).to_have_count(1)
    expect(timeline(visitor)).to_have_count(0)
    left = visitor.context.request.get(f"{visitor.url}/api/recordings").json()["recordings"]
    assert [one["state"] for one in left] == ["done"]


def test_it_fits_a_small_phone_by_day_and_night(visit, stand_in, talk, axe):
    visitor = visit(stand_in, viewport={"width": 320, "height": 640})
    visitor.upload(talk)
    expect(timeline(visitor).get_by_role("heading", name="Strongest moments")).to_be_visible(timeout=DONE)
    pictures = []
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 320
        assert axe(visitor.page) == []
        pictures.append(painted(timeline(visitor), "close"))
    by_day, by_night = (max(picture, key=picture.get) for picture in pictures)
    assert by_day != by_night, "drawn anew in the colours of the night"


def test_what_was_not_sent_says_so_and_can_be_sent_again(visit, own_server, talk):
    visitor = visit(own_server)
    own_server.stop()
    visitor.upload(talk)
    expect(visitor.status).to_contain_text("choose the file again")
    own_server.start()
    visitor.upload(talk)
    expect(timeline(visitor)).to_contain_text("talk.wav")
    own_server.stop()
    visitor.upload(talk)
    expect(rows(visitor)).to_have_count(2)
    expect(rows(visitor).first).to_contain_text("send it again before you close this page")
    own_server.start()
    rows(visitor).get_by_role("button", name="Send again").click()
    expect(rows(visitor).filter(has=visitor.page.get_by_role("button", name="Open"))).to_have_count(2)
