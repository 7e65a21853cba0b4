"""The page works for everyone: by keyboard, by ear, on a phone, in the dark, without JavaScript, off line."""

import re

import pytest

from tests.browser import sounds
from tests.browser.conftest import expect
from tests.browser.servers import ROOT

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000
FOCUS = """() => {
    const focus = document.activeElement;
    return focus.getAttribute('aria-label') ?? focus.innerText ?? '';
}"""

REFUSE = """() => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };
}"""
SMALL_TARGETS = """[...document.querySelectorAll('button, a, select, summary, input[type=checkbox]')]
    .filter((target) => target.checkVisibility())
    .filter(({offsetWidth, offsetHeight}) => Math.min(offsetWidth, offsetHeight) < 24)
    .map((target) => target.outerHTML)"""


def press_until(page, name, key="Tab"):
    """Move the focus with the keyboard to what is called so; it must be visible on the way."""
    for _ in range(60):
        if re.match(name, page.evaluate(FOCUS).strip()):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"nobody sees the focus on {name}"
            return
        page.keyboard.press(key)
    raise AssertionError(f"{name} can't be reached by {key}")


def test_by_keyboard_alone(visit, stand_in):
    visitor = visit(stand_in)
    page = visitor.page
    press_until(page, "Record")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Finish")).to_be_focused()
    press_until(page, "Cancel")
    page.keyboard.press("Space")
    expect(visitor.record_button).to_be_focused()
    page.keyboard.press("Space")
    expect(visitor.answer).to_be_visible()
    expect(visitor.record_button).to_be_focused()

    press_until(page, "Look closer")
    page.keyboard.press("Enter")
    expect(visitor.answer.get_by_role("heading")).to_be_focused()
    press_until(page, "Delete: ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(visitor.clips.get_by_role("button", name=re.compile("^Look closer"))).to_be_focused()

    press_until(page, "Delete all")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep them")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    press_until(page, "Delete all")
    page.keyboard.press("Enter")
    press_until(page, "Delete all")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="History")).to_be_focused()
    assert visitor.stored() == []


def test_there_is_one_live_region(visit, stand_in):
    visitor = visit(stand_in)
    assert visitor.page.locator("[role=status], [role=alert], [role=log], [aria-live]").count() == 1


STATES = (
    "idle",
    "recording",
    "refused",
    "answer",
    "uncertain",
    "no speech",
    "files",
    "deleted",
    "asked",
    "empty search",
)


def bring_about(visitor, state, tmp_path):
    """Bring the page into the state."""
    page = visitor.page
    tone = sounds.tone(tmp_path / "tone.wav", hertz=300)
    if state == "recording":
        visitor.record_button.click()
        expect(page.get_by_role("button", name="Finish")).to_be_visible()
    elif state == "refused":
        page.evaluate(REFUSE)
        visitor.record_button.click()
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
    elif state in ("uncertain", "no speech"):
        kind = {"hertz": 70} if state == "uncertain" else {"loud": 0}
        visitor.upload(sounds.tone(tmp_path / "sound.wav", **kind))
        expect(visitor.answer).to_be_visible()
    elif state == "files":
        (tmp_path / "notes.txt").write_text("no sound")
        visitor.upload(tone, tmp_path / "notes.txt", sounds.tone(tmp_path / "other.wav"))
        expect(visitor.status).to_contain_text("couldn't be heard")
    elif state != "idle":
        visitor.upload(tone)
        expect(visitor.clips).to_contain_text("hello there")
        if state == "deleted":
            visitor.clips.get_by_role("button", name=re.compile("^Delete")).click()
            expect(page.get_by_role("button", name="Undo")).to_be_visible()
        elif state == "asked":
            page.get_by_role("button", name="Delete all").click()
            expect(page.get_by_role("dialog")).to_be_visible()
        elif state == "empty search":
            page.get_by_role("searchbox").fill("nothing like it")
            expect(page.get_by_text("No clip fits this search.")).to_be_visible()


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(visit, stand_in, axe, tmp_path, state):
    visitor = visit(stand_in, reduced_motion="reduce")
    bring_about(visitor, state, tmp_path)
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        assert axe(visitor.page) == []


def test_axe_finds_nothing_on_the_other_pages(visit, stand_in, axe):
    visitor = visit(stand_in, reduced_motion="reduce")  # else colours are in between for a while
    for path in ("/offline", "/privacy", "/api/docs"):
        visitor.page.goto(stand_in.url + path)
        for scheme in ("light", "dark"):
            visitor.page.emulate_media(color_scheme=scheme)
            assert axe(visitor.page) == []


@pytest.mark.parametrize("state", STATES)
def test_a_phone_never_scrolls_sideways(visit, stand_in, tmp_path, state):
    visitor = visit(stand_in, viewport={"width": 320, "height": 568}, has_touch=True)
    bring_about(visitor, state, tmp_path)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") == 320
    assert visitor.page.evaluate(SMALL_TARGETS) == []


def test_the_answer_is_seen_on_a_phone(visit, stand_in):
    visitor = visit(stand_in, viewport={"width": 360, "height": 640}, has_touch=True)
    visitor.record_button.tap()
    heading = visitor.answer.get_by_role("heading")
    expect(heading).to_be_in_viewport(ratio=1)
    expect(visitor.record_button).to_be_in_viewport(ratio=1)
    expect(visitor.answer.get_by_role("listitem").last).to_be_in_viewport(ratio=1)
    expect(visitor.page.get_by_text("or drop them")).to_be_hidden()


def test_large_text_and_a_4k_screen_fit(visit, stand_in, tmp_path):
    for options in ({"viewport": {"width": 3840, "height": 2160}}, {"viewport": {"width": 640, "height": 400}}):
        visitor = visit(stand_in, **options)
        bring_about(visitor, "answer", tmp_path)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == options["viewport"]["width"]


def test_reduced_motion_is_respected(visit, stand_in):
    visitor = visit(stand_in, reduced_motion="reduce")
    visitor.record()
    assert visitor.page.evaluate("document.getAnimations().length") == 0


def test_the_theme_is_chosen_remembered_and_never_flashes(visit, stand_in):
    visitor = visit(stand_in, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visitor.page.evaluate(ground)
    visitor.page.get_by_role("combobox", name="Colours").select_option("dark")
    dark = visitor.page.evaluate(ground)
    assert dark != light
    visitor.page.route("**/script.js", lambda route: route.abort())
    visitor.page.reload()
    assert visitor.page.evaluate(ground) == dark


def test_without_javascript(visit, stand_in, tmp_path):
    visitor = visit(stand_in, java_script_enabled=False)
    page = visitor.page
    expect(visitor.record_button).to_have_count(0)
    for hook in ("prompt", "spread", "drop", "queue-box", "more", "delete-all", "theme-choice", "live"):
        expect(page.locator(f"[data-{hook}]")).to_be_hidden()

    visitor.upload(sounds.tone(tmp_path / "first.wav"))
    page.get_by_role("button", name="Hear it").click()
    expect(visitor.answer.get_by_role("listitem")).to_have_count(6)
    expect(visitor.clips).to_contain_text("first.wav")
    stand_in.google.words[:] = ["without any script"]
    page.get_by_role("button", name="Write it down").click()
    expect(visitor.clips).to_contain_text("without any script")

    page.get_by_role("switch", name="Write down").uncheck()
    page.get_by_role("region", name="In words").get_by_role("button", name="Save").click()
    expect(page.get_by_role("switch", name="Write down")).not_to_be_checked()
    page.get_by_role("searchbox").fill("script")
    page.get_by_role("button", name="Search").click()
    expect(visitor.clips).to_have_count(1)
    visitor.clips.get_by_role("button", name="Delete").click()
    expect(visitor.clips).to_have_count(0)

    visitor.upload(sounds.tone(tmp_path / "silence.wav", loud=0))
    page.get_by_role("button", name="Hear it").click()
    expect(visitor.status).to_contain_text("No speech was heard")


def test_without_javascript_older_clips_are_a_link_away(visit, stand_in, tones):
    visitor = visit(stand_in, java_script_enabled=False)
    for path in tones(21):
        visitor.send(path)
    visitor.page.reload()
    expect(visitor.clips).to_have_count(20)
    visitor.page.get_by_role("link", name="Show older clips").click()
    expect(visitor.clips).to_have_count(1)
    visitor.page.get_by_text("Delete all…").click()
    visitor.page.get_by_role("button", name="Yes, delete all clips").click()
    assert visitor.stored() == []


def test_the_page_is_light_and_nothing_comes_from_elsewhere(browser, stand_in):
    context = browser.new_context()
    weights = {}

    def weigh(response):
        if response.ok and not response.url.endswith("/audio"):
            weights[response.url] = max(weights.get(response.url, 0), len(response.body()))

    context.on("response", weigh)
    page = context.new_page()
    page.goto(stand_in.url, wait_until="networkidle")
    context.close()
    assert all(url.startswith(stand_in.url) for url in weights)
    static = ROOT / "static"
    assert weights[f"{stand_in.url}/static/style.css"] == (static / "style.css").stat().st_size
    unseen = sum((static / name).stat().st_size for name in ("icons/icon-192.png", "manifest.json"))
    weight = sum(weights.values()) + unseen
    assert weight < MOST_BYTES, sorted(weights.items(), key=lambda item: -item[1])


def test_off_line_the_page_says_so_and_no_clip_was_cached(visit, own_server):
    visitor = visit(own_server)
    visitor.installed()
    visitor.record()
    visitor.reload()
    expect(visitor.clips).to_have_count(1)
    cached = visitor.page.evaluate(
        """async () => {
            const paths = [];
            for (const name of await caches.keys())
                for (const request of await (await caches.open(name)).keys()) paths.push(new URL(request.url).pathname);
            return paths;
        }"""
    )
    assert cached and all(path == "/offline" or path.startswith("/static/") for path in cached)
    own_server.stop()
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading")).to_have_text("The server can't be reached")
    own_server.start()
    visitor.page.get_by_role("link", name="Try again").click()
    expect(visitor.clips).to_have_count(1)


def test_it_can_be_installed(visit, stand_in):
    visitor = visit(stand_in)
    visitor.installed()
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Page.enable")
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []
