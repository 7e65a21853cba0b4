"""Each language fits on the smallest phone, and the switch is remembered, on line and off."""

import os

import pytest

from tests.browser import sounds
from tests.browser.conftest import expect
from tests.browser.servers import ROOT
from utils.language import LANGUAGES, Language

pytestmark = pytest.mark.browser

SHOWN = """[...document.querySelectorAll('body *')]
    .filter((element) => element.checkVisibility() && !element.closest('.spoken, .brand__name'))"""
OVERFLOWING = f"""{SHOWN}
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .map((element) => element.outerHTML.slice(0, 120))"""
SQUEEZED = f"""{SHOWN}
    .filter((element) => element.matches('h1, h2, h3, label, button, .bar__name'))
    .filter(({{clientWidth, textContent}}) => clientWidth > 0 && clientWidth < 24 && textContent.trim().length > 3)
    .map((element) => element.outerHTML.slice(0, 120))"""


def fits(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(SQUEEZED) == []


def picture(page, name):
    """Kept nowhere but where VER_SCREENSHOTS=all asks for it."""
    if os.environ.get("VER_SCREENSHOTS") == "all":
        page.screenshot(path=ROOT / "docs" / "screenshots" / f"{name}.png", full_page=True)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_fits_on_a_small_phone(visit, stand_in, tmp_path, code):
    words = Language(code)
    visitor = visit(stand_in, viewport={"width": 320, "height": 640}, locale=code, reduced_motion="reduce")
    page = visitor.page
    assert page.evaluate("document.documentElement.lang") == code
    expect(page.get_by_role("heading", level=1)).to_have_text(words.say("How do you sound?"))
    fits(page)
    picture(page, f"{code}-idle")

    visitor.upload(sounds.tone(tmp_path / "sure.wav"))
    expect(visitor.answer).to_be_visible()
    share = visitor.answer.locator(".bar[data-most] .bar__share").inner_text()
    assert share in visitor.answer.locator("[data-sure]").inner_text()
    fits(page)
    picture(page, f"{code}-answer")

    (tmp_path / "notes.txt").write_text("no sound")
    unsure = sounds.tone(tmp_path / "unsure.wav", hertz=70, seconds=3)
    visitor.upload(unsure, sounds.tone(tmp_path / "silence.wav", loud=0), tmp_path / "notes.txt")
    expect(page.locator(".job[data-phase=failed]")).to_have_count(2)
    heard = words.say("{done} of {all} files heard.", done=words.number(1), all=words.number(3))
    expect(visitor.status).to_contain_text(heard)
    fits(page)
    picture(page, f"{code}-files")

    visitor.upload(sounds.tone(tmp_path / "long.wav", seconds=7))
    expect(page.locator("[data-timeline-found]")).to_be_visible()
    fits(page)
    picture(page, f"{code}-timeline")


def test_the_switch_is_remembered_and_followed_off_line(visit, own_server):
    visitor = visit(own_server, locale="en-GB")
    visitor.installed()
    page = visitor.page
    page.get_by_role("combobox", name="Language of this page").select_option("Polski")
    expect(page.get_by_role("heading", level=1)).to_have_text("Jak brzmisz?")
    assert page.url == f"{own_server.url}/"
    visitor.ready()
    visitor.reload()
    assert page.evaluate("document.documentElement.lang") == "pl"
    page.wait_for_function(
        """async () => (await caches.match('/offline', {ignoreVary: true})).headers.get('Content-Language') === 'pl'"""
    )
    own_server.stop()
    page.reload()
    expect(page.get_by_role("heading")).to_have_text("Serwer jest niedostępny")
    own_server.start()


def test_without_javascript_the_switch_has_a_button(visit, stand_in):
    visitor = visit(stand_in, locale="de-AT", java_script_enabled=False)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Wie klingst du?")
    page.get_by_role("combobox", name="Sprache dieser Seite").select_option("fr")
    page.get_by_role("button", name="Ändern").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Comment sonne votre voix ?")
    page.get_by_role("link", name="Ce que devient votre voix").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vie privée")
    page.get_by_role("combobox").select_option("bn")
    page.get_by_role("button", name="Changer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("গোপনীয়তা")
