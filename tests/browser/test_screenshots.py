"""Pictures of the page: VER_SCREENSHOTS=1 writes those that are kept to docs/screenshots/, =all some more."""

import io
import os

import numpy as np
import pytest
import soundfile

from tests.browser import sounds
from tests.browser.conftest import expect
from tests.browser.servers import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("VER_SCREENSHOTS" not in os.environ, reason="VER_SCREENSHOTS=1 takes the pictures"),
]
only_to_look_at = pytest.mark.skipif(
    os.environ.get("VER_SCREENSHOTS") != "all", reason="VER_SCREENSHOTS=all takes this picture, too"
)

Image = pytest.importorskip("PIL.Image")
FOLDER = ROOT / "docs" / "screenshots"
LARGEST = 200_000  # bytes
WIDEST = 1600  # pixels
WORDS = (
    "Somebody left the door open again last night.",
    "We waited at the station until the last train had gone.",
    "There is a letter for you on the kitchen table.",
    "I can't believe you drove all this way just to see us!",
)
NAMES = (
    "birthday call.wav",
    "voicemail.wav",
    "rehearsal.wav",
    "diary, Monday.wav",
    "diary, Tuesday.wav",
    "interview.wav",
    "story.wav",
    "lecture.wav",
    "reading.wav",
    "phone.wav",
    "grandma.wav",
    "last take.wav",
)
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture
def files(voice, tmp_path):
    """Makes `count` files of the voice, each a little later in it."""

    def files(count):
        samples, rate = soundfile.read(voice)
        for number, name in enumerate(NAMES[:count]):
            begin = number * rate // 3 % (len(samples) // 2)
            soundfile.write(tmp_path / name, samples[begin : begin + 5 * rate], rate)
        return [tmp_path / name for name in NAMES[:count]]

    return files


@pytest.fixture
def take(own_server, visit, files, google):
    """Takes a picture called `name` of a visitor who has heard and recorded a few clips."""

    def take(name, *, clips=7, record=True, upload=None, until=None, full=False, **options):
        visitor = visit(own_server, **{"viewport": {"width": 1366, "height": 900}} | options)
        for path, words in zip(files(clips), WORDS * 4, strict=False):
            clip = visitor.send(path)
            google.words[:] = [words]
            visitor.context.request.post(f"{own_server.url}/api/clips/{clip['id']}/transcript")
        visitor.reload()
        google.words[:] = [WORDS[-1]]
        if record:
            visitor.record()
            expect(visitor.answer).to_contain_text(WORDS[-1])
        if upload:
            visitor.upload(*upload)
        if until:
            until(visitor)
        visitor.page.wait_for_timeout(1200)  # the bars have grown
        picture(visitor.page, name, full)

    return take


def picture(page, name, full=False):
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    image = Image.open(io.BytesIO(page.screenshot(full_page=full))).convert("RGB")
    image.thumbnail((WIDEST, 4 * WIDEST))
    palette = image.quantize(256, Image.Quantize.FASTOCTREE, kmeans=4)
    image.quantize(palette=palette).save(path, optimize=True)
    assert path.stat().st_size < LARGEST


def recording(visitor):
    visitor.record_button.click()
    expect(visitor.page.get_by_role("button", name="Finish")).to_be_visible()


def is_uncertain(visitor):
    expect(visitor.answer).to_have_attribute("data-emotion", "uncertain")


def refused(visitor):
    visitor.page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') } }"
    )
    visitor.record_button.click()
    expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()


def test_idle(take):
    take("idle", clips=0, record=False)


def test_recording(take):
    take("recording", clips=0, record=False, until=recording)


def test_answer(take):
    take("answer")


def test_dark(take):
    take("dark", color_scheme="dark")


def test_history(take):
    take("history", clips=11, record=False, full=True, viewport={"width": 1366, "height": 900})


def test_uncertain(take, tmp_path):
    take("uncertain", record=False, upload=[sounds.tone(tmp_path / "low.wav", hertz=70, seconds=3)], until=is_uncertain)


def test_no_speech(take, tmp_path):
    take("no-speech", record=False, upload=[sounds.tone(tmp_path / "silence.wav", loud=0)])


def test_error(take):
    take("error", record=False, until=refused)


def test_timeline(take, voice, tmp_path):
    samples, rate = soundfile.read(voice)
    soundfile.write(tmp_path / "interview.wav", np.tile(samples, 6), rate)

    def analysed(visitor):
        region = visitor.page.get_by_role("region", name="interview.wav")
        expect(region.get_by_role("heading", name="Strongest moments")).to_be_visible(timeout=60_000)

    take("timeline", clips=3, record=False, upload=[tmp_path / "interview.wav"], until=analysed)


@only_to_look_at
def test_files(take, files, tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    take("files", record=False, upload=[*files(5), tmp_path / "notes.txt"], full=True)


def test_phone(take):
    take("phone", **PHONE)


@only_to_look_at
def test_phone_in_the_dark(take):
    take("phone-dark", color_scheme="dark", record=False, **PHONE)


@only_to_look_at
def test_narrowest(take):
    take("narrowest", viewport={"width": 320, "height": 640}, full=True)


@only_to_look_at
def test_widest(take):
    take("widest", viewport={"width": 3840, "height": 2160})
