"""A real Chromium, real servers, and visitors who look at the page as people do."""

import re
import time

import pytest

from benchmarks import chromium
from tests.browser import sounds
from tests.browser.servers import ROOT, FakeGoogle, Server

playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

EXPECTED = "Failed to load resource|Cross-Origin-Opener-Policy header has been ignored"
SETTLED = """() => Promise.allSettled(
    document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 5000).map((one) => one.finished)
)"""
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def playwright():
    with playwright_api.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def launch(playwright):
    """Starts Chromium with more switches; where there is none, the test is skipped."""
    browsers = []

    def launch(*switches):
        try:
            browsers.append(chromium.launch(playwright, *switches))
        except chromium.NoChromiumError as missing:
            pytest.skip(str(missing))
        return browsers[-1]

    yield launch
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="session")
def voice(tmp_path_factory):
    return sounds.voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="session")
def browser(launch, voice):
    """A Chromium whose microphone hears the voice."""
    return launch(*chromium.MICROPHONE, chromium.hearing(voice))


@pytest.fixture(scope="session")
def google():
    google = FakeGoogle()
    yield google
    google.shutdown()
    google.server_close()


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory, google):
    """A server with the model that a test can foresee."""
    server = Server(tmp_path_factory.mktemp("stand-in") / "instance", google).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory, google, stand_in):
    """A server with the model that ships; the stand-in where there is none."""
    if not (ROOT / "models" / "bundle.json").exists():
        yield stand_in
        return
    server = Server(tmp_path_factory.mktemp("server") / "instance", google, stand_in=False).start()
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path, google):
    """A server for one test, to stop and start."""
    server = Server(tmp_path / "instance", google).start()
    yield server
    server.stop()


class Visitor:
    """Somebody with a browser of their own on the page of `server`."""

    def __init__(self, browser, server, *, url=None, **options):
        self.server, self.url = server, url or server.url
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(15_000)
        self.requests, self.complaints = [], []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.scripted = options.get("java_script_enabled", True)
        self.page.goto(self.url)
        self.ready()

    def _hear(self, message):
        if message.type in ("error", "warning") and not re.search(EXPECTED, message.text):
            self.complaints.append(message.text)

    def ready(self):
        if self.scripted:
            self.page.wait_for_selector("html[data-ready]", state="attached")

    def installed(self):
        """Wait until the service worker looks after the page."""
        self.page.evaluate(
            """async () => {
                const { serviceWorker } = navigator;
                const claimed = new Promise((done) => serviceWorker.oncontrollerchange = done);
                await (serviceWorker.controller ?? claimed);
            }"""
        )

    def reload(self):
        self.page.reload()
        self.ready()

    @property
    def record_button(self):
        return self.page.get_by_role("button", name=re.compile("^Record"))

    @property
    def status(self):
        return self.page.get_by_role("status")

    @property
    def answer(self):
        return self.page.locator("article.answer")

    @property
    def clips(self):
        return self.page.get_by_role("list", name="History").locator("li.clip")

    def record(self):
        """Record, and wait for the answer."""
        self.record_button.click()
        expect(self.answer).to_be_visible()

    def upload(self, *paths):
        self.page.locator("input[type=file]").set_input_files(paths)

    def send(self, path):
        """Put a clip into this visitor's history without the page."""
        audio = {"name": path.name, "mimeType": "audio/wav", "buffer": path.read_bytes()}
        answer = self.context.request.post(f"{self.server.url}/api/clips", multipart={"audio": audio})
        assert answer.status == 201, answer.text()
        return answer.json()

    def hears(self, player):
        """Play an audio element, and wait until sound has passed."""
        player.evaluate(
            """async (audio) => {
                await audio.play();
                await new Promise((passed) => {
                    audio.ontimeupdate = () => audio.currentTime > 0.2 && passed();
                });
            }"""
        )

    def stored(self):
        """What the server keeps for this visitor."""
        return self.context.request.get(f"{self.server.url}/api/clips?limit=100").json()["clips"]

    def keeps(self, names):
        """Wait until the server keeps just the clips with these file names, newest first."""
        deadline = time.monotonic() + 10
        while [clip["filename"] for clip in self.stored()] != names and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [clip["filename"] for clip in self.stored()] == names


@pytest.fixture
def visit(browser):
    """Makes visitors, and afterwards holds against them what their browser complained about or asked elsewhere."""
    visitors = []

    def visit(server, browser=browser, **options):
        visitors.append(Visitor(browser, server, **options))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.context.close()
        assert visitor.complaints == []
        elsewhere = [url for url in visitor.requests if not url.startswith((visitor.url, "blob:"))]
        assert elsewhere == []


@pytest.fixture(scope="session")
def axe():
    """What axe-core finds wrong on a page, as text; skips where axe-core isn't installed."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run `npm ci`")
    source = AXE.read_text(encoding="utf-8")

    def axe(page):
        page.evaluate(source)
        page.evaluate(SETTLED)  # a colour on its way to another has the contrast of neither
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]

    return axe


@pytest.fixture
def tones(tmp_path):
    """Makes `count` WAV files that the stand-in hears an emotion in."""

    def tones(count):
        return [sounds.tone(tmp_path / f"tone {number}.wav", 200 + 20 * number) for number in range(count)]

    return tones
