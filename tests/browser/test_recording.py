"""Recording in a real browser, with every way it can go wrong."""

import re

import pytest

from benchmarks.chromium import MICROPHONE, hearing
from tests.browser.conftest import expect

pytestmark = pytest.mark.browser

WATCH_STATUS = """() => {
    window.said = [];
    const status = document.querySelector('[role=status]');
    new MutationObserver(() => window.said.push(status.innerText.trim())).observe(
        status, {childList: true, characterData: true, subtree: true});
}"""
WATCH_TRACKS = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.tracks = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
};
"""


def test_a_voice_from_recording_to_deletion(visit, server, google):
    google.words[:] = ["we waited at the station"]
    visitor = visit(server)
    page = visitor.page
    page.evaluate(WATCH_STATUS)
    visitor.record()

    said = page.evaluate("window.said.join(' | ')")
    for state in ("Asking for the microphone", "Recording", "Listening"):
        assert state in said
    title = visitor.answer.get_by_role("heading").inner_text()
    expect(visitor.status).to_contain_text(title)
    expect(visitor.answer.get_by_role("listitem")).to_have_count(6)
    expect(visitor.answer.get_by_role("img", name=re.compile("Waveform"))).to_be_visible()
    expect(visitor.answer).to_contain_text("we waited at the station")
    expect(visitor.clips).to_have_count(1)
    expect(visitor.clips).to_contain_text("we waited at the station")

    visitor.hears(visitor.clips.locator("audio"))

    visitor.reload()
    expect(visitor.clips).to_have_count(1)
    expect(visitor.clips).to_contain_text("we waited at the station")

    visitor.clips.get_by_role("button", name=re.compile("^Delete")).click()
    expect(visitor.clips).to_have_count(0)
    visitor.reload()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    visitor.keeps([])


def test_what_arrives_is_three_seconds_of_16_khz_wav(visit, stand_in):
    visitor = visit(stand_in)
    visitor.record()
    (clip,) = visitor.stored()
    assert clip["duration_seconds"] == pytest.approx(3.0, abs=0.01)
    assert clip["source"] == "recording"
    audio = visitor.context.request.get(stand_in.url + clip["audio_url"]).body()
    assert len(audio) == 96_044


def test_the_microphone_is_let_go_after_each_recording(visit, stand_in):
    visitor = visit(stand_in)
    visitor.context.add_init_script(WATCH_TRACKS)
    visitor.reload()
    visitor.record()
    visitor.record_button.click()
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.status).to_contain_text("Cancelled")
    assert visitor.page.evaluate("tracks.map((track) => track.readyState)") == ["ended", "ended"]
    assert len(visitor.stored()) == 1


def test_finish_sends_what_was_said_so_far(visit, stand_in):
    visitor = visit(stand_in)
    visitor.record_button.click()
    finish = visitor.page.get_by_role("button", name="Finish")
    expect(finish).to_be_visible()
    visitor.page.wait_for_timeout(1200)
    finish.click()
    expect(visitor.answer).to_be_visible()
    assert 0.5 < visitor.stored()[0]["duration_seconds"] < 2.8


def test_escape_cancels(visit, stand_in):
    visitor = visit(stand_in)
    visitor.record_button.click()
    expect(visitor.page.get_by_role("button", name="Finish")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(visitor.status).to_contain_text("Cancelled")
    expect(visitor.record_button).to_be_visible()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NotAllowedError", "may not use the microphone"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "close other programs"),
        ("UnknownError", "didn't work"),
    ],
)
def test_each_failure_of_the_microphone_has_its_sentence_and_a_way_on(visit, stand_in, name, sentence):
    visitor = visit(stand_in)
    visitor.page.evaluate(
        """(name) => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                navigator.mediaDevices.getUserMedia = ask;
                throw new DOMException('', name);
            };
        }""",
        name,
    )
    visitor.record_button.click()
    expect(visitor.status).to_contain_text(sentence)
    expect(visitor.page.get_by_role("button", name="Choose a file")).to_be_visible()
    visitor.page.get_by_role("button", name="Try again").click()
    expect(visitor.answer).to_be_visible()


def test_a_real_refusal_by_the_browser(launch, visit, stand_in):
    visitor = visit(stand_in, browser=launch(MICROPHONE[0], "--deny-permission-prompts"))
    visitor.record_button.click()
    expect(visitor.status).to_contain_text("may not use the microphone")


def test_a_machine_without_a_microphone(launch, visit, stand_in):
    visitor = visit(stand_in, browser=launch(MICROPHONE[1]))
    visitor.record_button.click()
    expect(visitor.status).to_contain_text(re.compile("No microphone was found|close other programs"))


def test_an_insecure_page_says_what_to_do_and_still_takes_files(launch, visit, stand_in, tones):
    browser = launch(*MICROPHONE, "--host-resolver-rules=MAP elsewhere.test 127.0.0.1")
    visitor = visit(stand_in, browser=browser, url=f"http://elsewhere.test:{stand_in.port}")
    visitor.record_button.click()
    expect(visitor.status).to_contain_text("https")
    visitor.upload(*tones(1))
    expect(visitor.answer).to_be_visible()


def test_silence_is_too_quiet_and_is_not_sent(launch, visit, stand_in, tmp_path):
    from tests.browser.sounds import tone

    silence = tone(tmp_path / "silence.wav", loud=0.0, seconds=4, rate=48_000)
    quiet = launch(*MICROPHONE, hearing(silence))
    visitor = visit(stand_in, browser=quiet)
    visitor.record_button.click()
    expect(visitor.status).to_contain_text("too quiet")
    assert visitor.stored() == []


def test_a_second_recording_replaces_the_answer_and_joins_the_history(visit, stand_in):
    visitor = visit(stand_in)
    visitor.record()
    first = visitor.answer.get_by_role("heading").inner_text()
    visitor.record()
    expect(visitor.clips).to_have_count(2)
    assert visitor.answer.get_by_role("heading").inner_text() != first


def test_two_visitors_never_see_each_others_clips(visit, stand_in):
    anna, ben = visit(stand_in), visit(stand_in)
    anna.record()
    clip = anna.stored()[0]
    ben.reload()
    expect(ben.page.get_by_text("Nothing here yet")).to_be_visible()
    assert ben.stored() == []
    assert ben.context.request.get(stand_in.url + clip["audio_url"]).status == 404
    assert ben.context.request.delete(f"{stand_in.url}/api/clips/{clip['id']}").status == 404
    anna.reload()
    expect(anna.clips).to_have_count(1)
