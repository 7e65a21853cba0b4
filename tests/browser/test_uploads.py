"""Files: chosen, dropped, many at once, refused, and sent to a server that is away."""

import re

import pytest

from tests.browser import sounds
from tests.browser.conftest import expect

pytestmark = pytest.mark.browser

DROP = """([name, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name, {type: 'audio/wav'}));
    const fire = (type) => document.querySelector('h1').dispatchEvent(
        new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: transfer}));
    fire('dragenter');
    window.curtain = !document.querySelector('[data-drop]').hidden;
    fire('dragover');
    fire('drop');
}"""


def jobs(visitor):
    return visitor.page.get_by_role("list", name="Files").locator("li.job")


def recordings(visitor):
    return visitor.page.get_by_role("list", name="Recordings").locator("li.recording")


@pytest.mark.parametrize("ending", [".wav", ".mp3", ".m4a", ".ogg", ".webm"])
def test_each_kind_of_file_gets_an_answer(visit, server, voice, tmp_path, ending):
    path = sounds.converted(voice, tmp_path / f"voice{ending}")
    visitor = visit(server)
    visitor.upload(path)
    expect(visitor.answer).to_be_visible()
    expect(visitor.clips).to_contain_text(path.name)
    assert visitor.stored()[0]["source"] == "upload"


def test_ten_files_at_once_each_get_a_result(visit, stand_in, tones):
    visitor = visit(stand_in)
    visitor.upload(*tones(10))
    expect(visitor.status).to_contain_text("10 of 10 files heard.")
    expect(jobs(visitor)).to_have_count(10)
    expect(visitor.clips).to_have_count(10)
    for job in jobs(visitor).all():
        expect(job).to_contain_text(re.compile(r"\d+\s?%"))
    assert len(visitor.stored()) == 10
    visitor.page.get_by_role("button", name="Clear this list").click()
    expect(jobs(visitor)).to_have_count(0)


def test_a_file_dropped_anywhere_is_heard(visit, stand_in, tones):
    visitor = visit(stand_in)
    (path,) = tones(1)
    visitor.page.evaluate(DROP, [path.name, list(path.read_bytes())])
    assert visitor.page.evaluate("window.curtain")
    expect(visitor.page.locator("[data-drop]")).to_be_hidden()
    expect(visitor.answer).to_be_visible()


def test_what_the_server_would_refuse_is_refused_before_it_is_sent(visit, stand_in, tmp_path, tones):
    visitor = visit(stand_in)
    text, empty, large, long = (tmp_path / name for name in ("notes.txt", "empty.wav", "large.wav", "long.wav"))
    text.write_text("no sound")
    empty.touch()
    with large.open("wb") as file:
        file.truncate(512 * 2**20 + 1)
    sounds.claimed(long, seconds=4 * 3600 + 60)
    visitor.upload(text, empty, large, long, *tones(1))
    for name, sentence in (
        ("notes.txt", "choose WAV, MP3"),
        ("empty.wav", "empty"),
    ):
        expect(jobs(visitor).filter(has_text=name)).to_contain_text(sentence)
    for name, sentence in (("large.wav", "more than the 512.0 MB"), ("long.wav", "more than the 240 minutes")):
        expect(recordings(visitor).filter(has_text=name)).to_contain_text(sentence)
    expect(visitor.status).to_contain_text("2 files couldn't be heard")
    expect(visitor.clips).to_have_count(1)
    assert sum(url.endswith(("/api/clips", "/api/recordings")) for url in visitor.requests) == 1


def test_what_is_no_sound_gets_the_servers_sentence(visit, stand_in, tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(bytes(range(256)) * 20)
    visitor = visit(stand_in)
    visitor.upload(path)
    expect(visitor.status).to_contain_text("can't be read as sound")
    assert visitor.stored() == []


def test_no_speech_and_uncertain_look_like_what_they_are(visit, stand_in, tmp_path):
    visitor = visit(stand_in)
    visitor.upload(sounds.tone(tmp_path / "silence.wav", loud=0.0))
    expect(visitor.answer.get_by_role("heading")).to_have_text("No speech heard")
    expect(visitor.answer.get_by_role("listitem")).to_have_count(0)
    expect(visitor.answer).to_contain_text("silence.wav")
    expect(visitor.status).to_contain_text("No speech was heard in this file")
    assert visitor.stored() == []

    visitor.upload(sounds.tone(tmp_path / "low.wav", hertz=70, seconds=3))
    expect(visitor.answer.get_by_role("heading")).to_have_text("Not sure: perhaps sad or neutral")
    expect(visitor.status).to_contain_text("Not sure: perhaps sad or neutral.")
    for shown in (visitor.answer, visitor.clips):
        expect(shown).to_have_attribute("data-emotion", "uncertain")
    expect(visitor.clips).not_to_contain_text("%")
    expect(visitor.answer).to_contain_text("low.wav · All 3.0 s were judged")
    expect(visitor.answer.get_by_role("listitem")).to_have_count(6)
    assert visitor.answer.locator("[data-heard]").get_attribute("d").startswith("M")


def test_a_clip_outlives_a_server_that_goes_away_and_the_page_itself(visit, own_server):
    visitor = visit(own_server)
    visitor.installed()
    own_server.stop()
    visitor.record_button.click()
    expect(visitor.status).to_contain_text("kept here")
    visitor.page.get_by_role("button", name="Send again").click()
    expect(visitor.status).to_contain_text("kept here")

    own_server.start()
    visitor.reload()
    expect(visitor.status).to_contain_text("send it again")
    expect(jobs(visitor)).to_contain_text("didn't reach the server")
    visitor.page.get_by_role("button", name=re.compile("^Send again")).click()
    expect(visitor.answer).to_be_visible()
    expect(visitor.clips).to_have_count(1)
    visitor.reload()
    expect(visitor.clips).to_have_count(1)
    expect(jobs(visitor)).to_have_count(0)


def test_a_clip_is_sent_again_on_the_same_page_once_the_server_is_back(visit, own_server):
    visitor = visit(own_server)
    visitor.installed()
    own_server.stop()
    visitor.record_button.click()
    again = visitor.page.get_by_role("button", name="Send again")
    expect(again).to_be_visible()
    own_server.start()
    again.click()
    expect(visitor.answer).to_be_visible()
    assert len(visitor.stored()) == 1


def test_an_unsent_clip_can_be_saved_as_a_file(visit, own_server):
    visitor = visit(own_server)
    visitor.installed()
    own_server.stop()
    visitor.record_button.click()
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="Save the clip").click()
    assert re.fullmatch(r"recording-[\d-]+\.wav", download.value.suggested_filename)


@pytest.mark.parametrize("status", [503, 429])
def test_a_busy_server_is_asked_again_by_itself(visit, stand_in, tones, status):
    visitor = visit(stand_in)
    times = []

    def busy_once(route):
        times.append(route.request.method)
        if route.request.method != "POST" or len(times) > 1:
            return route.continue_()
        body = '{"error": {"code": "overloaded", "message": "Busy: try again."}}'
        return route.fulfill(status=status, headers={"Retry-After": "1"}, body=body)

    visitor.page.route("**/api/clips", busy_once)
    visitor.upload(*tones(1))
    expect(visitor.status).to_contain_text("trying again in 1 s")
    expect(visitor.answer).to_be_visible()
    assert times == ["POST", "POST"]


def test_without_history_there_is_still_an_answer_and_a_replay(visit, tmp_path, google, voice):
    from tests.browser.servers import Server

    server = Server(tmp_path / "instance", google, "--no-history").start()
    try:
        visitor = visit(server)
        visitor.record()
        expect(visitor.page.get_by_role("list", name="History")).to_have_count(0)
        visitor.hears(visitor.answer.locator("audio"))
    finally:
        server.stop()
