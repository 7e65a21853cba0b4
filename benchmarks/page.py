"""How fast and how light the page is in a real Chromium, beside a Gradio page with the same model.

python benchmarks/page.py --gradio PYTHON      PYTHON has gradio; without, only our page is measured
python benchmarks/page.py --json               the same as JSON
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from playwright.sync_api import Browser, Page, Request, sync_playwright
from playwright.sync_api import Error as BrowserError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.chromium import MICROPHONE, NoChromiumError, hearing, launch
from benchmarks.voices import speak
from utils.decoding import encode_wav, load_audio
from utils.errors import VoiceError
from utils.predictor import Predictor

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 3  # of each recording
PATIENCE = 30  # seconds for anything to happen before we give up
ANSWER = "end of a recording to the emotion"
PACKAGES = "gradio numpy soundfile soxr onnxruntime imageio-ffmpeg"
GET_GRADIO = (
    "Gradio's page is not measured. To measure it: python -m venv gradio-venv && "
    f"gradio-venv/bin/pip install {PACKAGES}, then --gradio gradio-venv/bin/python"
)

# Runs in each page before anything else; `seen` holds promises of milliseconds. A recording ends when the recorder or
# the microphone is told to stop, whichever is first; a thing is on the screen when the frame with it has been drawn.
PROBE = """([usable, answer, patience]) => {
    const seen = (globalThis.seen = {});
    let ended = null;
    for (const { prototype } of [MediaStreamTrack, MediaRecorder]) {
        const stop = prototype.stop;
        prototype.stop = function () {
            ended ??= performance.now();
            return stop.call(this);
        };
    }
    const drawn = (done) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(null);
    });
    const once = (selector, due) => new Promise((done) => {
        const watcher = new MutationObserver(() => {
            if (!due() || !document.querySelector(selector)?.checkVisibility()) return;
            watcher.disconnect();
            drawn(done);
        });
        watcher.observe(document, { subtree: true, childList: true, attributes: true });
    });
    const late = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, patience, null))]);
    seen.usable = late(once(usable, () => true));
    seen.answer = late(once(answer, () => ended !== null).then((now) => now - ended));
}"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


class CannotMeasure(Exception):  # noqa: N818 (it is no error: it is a line of the result)
    """Something that the figures need isn't here; the message says what."""


@dataclass(frozen=True)
class Site:
    """A page to measure: its address, and how the probe knows its parts (CSS)."""

    name: str
    address: str
    usable: str  # there as soon as one can record
    answer: str  # there when an emotion is shown
    record: str
    finish: str | None = None  # what ends the recording; None: it ends by itself after SECONDS
    switch_off: tuple[str, dict[str, Any]] | None = None  # PUT there before the visit


def main() -> int:
    """Measures what can be measured here; the exit code is 1 where not even our own page can be."""
    options = _parser().parse_args()
    progress = Console(stderr=True)
    try:
        taken = measure(options, progress)
    except (CannotMeasure, VoiceError) as reason:
        print(reason, file=sys.stderr)
        return 1
    rows = _rows(taken)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        Console().print(_table(rows, list(taken)))
    return 0


# --- Measuring

Taken = dict[str, dict[str, list[float]]]


def measure(options: argparse.Namespace, progress: Console) -> Taken:
    """{site: {what: a figure of each visit}}; the sites take turns, so that both meet the same machine."""
    Predictor.load(options.models)  # says in a sentence what is wrong with it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sites = [stack.enter_context(_ours(options.models, folder / "instance"))]
        if _has_gradio(options.gradio):
            sites.append(stack.enter_context(_gradio(options.gradio, options.models)))
        else:
            progress.print(GET_GRADIO, soft_wrap=True, highlight=False)
        browser = stack.enter_context(chromium(microphone(options.clip, folder)))
        taken: Taken = {site.name: {} for site in sites}
        for turn in track(range(-1, options.recordings), "recordings", console=progress, transient=True):
            for site in sites:
                visited = _visit(browser, site)
                for what, figure in visited.items() if turn >= 0 else ():  # the first warms up
                    taken[site.name].setdefault(what, []).append(figure)
    return taken


def _visit(browser: Browser, site: Site) -> dict[str, float]:
    """Somebody new comes, looks, and records once."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(1000 * PATIENCE)
    try:
        if site.switch_off:
            context.request.put(site.address + site.switch_off[0], data=site.switch_off[1])
        page = context.new_page()
        page.add_init_script(f"({PROBE})({json.dumps([site.usable, site.answer, 1000 * PATIENCE])})")
        asked: list[str] = []
        loaded: list[Request] = []
        context.on("request", lambda request: asked.append(request.url))
        context.on("requestfinished", lambda request: loaded.append(request))
        page.goto(site.address, wait_until="load")
        usable = page.evaluate("seen.usable")
        page.wait_for_load_state("networkidle")
        fetched = [url for url in asked if not url.startswith(("data:", "blob:"))]
        weight, paint = sum(_size(request) for request in loaded), page.evaluate(FIRST_PAINT)
        return {
            ANSWER: _record(page, site),
            "first paint": paint,
            "ready to record": usable,
            "weight without audio": weight / 1000,
            "requests": len(fetched),
            "requests to other servers": sum(not url.startswith(site.address) for url in fetched),
        }
    except BrowserError as error:
        raise CannotMeasure(f"{site.name}: {error.message.splitlines()[0]}") from error
    finally:
        context.close()


def _record(page: Page, site: Site) -> float:
    """Milliseconds from the end of a recording until the emotion is on the screen."""
    page.locator(site.record).click()
    if site.finish:
        finish = page.locator(site.finish)
        finish.wait_for()
        page.wait_for_timeout(1000 * SECONDS)
        finish.click()
    taken = page.evaluate("seen.answer")
    if taken is None:
        said = " ".join(page.locator("[data-notice]").all_inner_texts())
        raise CannotMeasure(f"{site.name} showed no emotion. {said} Another --clip may help.")
    return float(taken)


def _size(request: Request) -> int:
    """Bytes of the answer as the browser uses them, unpacked; 0 where it has no body."""
    response = request.response()
    try:
        return len(response.body()) if response else 0
    except BrowserError:
        return 0


# --- The sites and the browser


@contextmanager
def _ours(models: Path, instance: Path) -> Iterator[Site]:
    command = [sys.executable, "web_app.py", "--port", "0", "--models", str(models), "--instance", str(instance)]
    with running(command, {"VOICE_CLIPS_PER_MINUTE": "1000"}) as address:
        answer = "article.answer:not([data-tone=silent])"
        no_words = ("/api/settings", {"transcribe": False, "language": "en-US"})  # no sound leaves this machine
        yield Site("ours", address, "html[data-ready]", answer, "[data-record]", switch_off=no_words)


@contextmanager
def _gradio(python: str, models: Path) -> Iterator[Site]:
    command = [python, str(Path(__file__).with_name("gradio_page.py")), "--models", str(models)]
    with running(command, {}) as address:
        answer = "[data-testid=label-output-value]"
        yield Site("Gradio", address, "button.record-button", answer, "button.record-button", "button.stop-button")


@contextmanager
def running(command: list[str], settings: dict[str, str]) -> Iterator[str]:
    """The address of a server that runs while this does; it says "Listening on" it when it is ready."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout or ():
            if found := re.search(r"Listening on (\S+)", line):
                yield found[1]
                return
        raise CannotMeasure(f"{' '.join(command)} didn't start: {process.communicate()[1].strip()}")
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def chromium(voice: Path) -> Iterator[Browser]:
    """A Chromium whose microphone hears `voice` over and over."""
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright, *MICROPHONE, hearing(voice))
        except NoChromiumError as missing:
            raise CannotMeasure(str(missing)) from missing
        yield browser
        browser.close()


def microphone(clip: Path | None, folder: Path) -> Path:
    """What the browser's microphone hears, as a WAV file in `folder`: the clip, or a made-up voice."""
    voice = folder / "voice.wav"
    voice.write_bytes(encode_wav(load_audio(clip) if clip else speak(2 * SECONDS)))
    return voice


def _has_gradio(python: str | None) -> bool:
    if not python or not shutil.which(python):
        return False
    return subprocess.run([python, "-c", "import gradio"], capture_output=True).returncode == 0


# --- Output

UNITS = {"weight without audio": "kB", "requests": "", "requests to other servers": ""}  # the others are milliseconds
GOALS = {ANSWER: "150 at most", "weight without audio": "below 150", "requests to other servers": "none"}


def _rows(taken: Taken) -> list[dict[str, Any]]:
    """A row for each figure: what, unit, goal, and for each site median, lowest, highest and number of visits."""
    rows = []
    for what in taken["ours"]:
        row: dict[str, Any] = {"what": what, "unit": UNITS.get(what, "ms"), "goal": GOALS.get(what, "")}
        for site, figures in taken.items():
            visits = figures[what]
            spread = {"lowest": min(visits), "median": float(np.median(visits)), "highest": max(visits)}
            row[site] = {name: round(value, 1) for name, value in spread.items()} | {"visits": len(visits)}
        rows.append(row)
    return rows


def _table(rows: list[dict[str, Any]], sites: list[str]) -> Table:
    visits = rows[0]["ours"]["visits"]
    table = Table(title=f"{visits} visits each, by turns, on {os.cpu_count()} cores: median (lowest to highest)")
    table.add_column("what")
    for site in sites:
        table.add_column(site, justify="right")
    table.add_column("unit")
    table.add_column("goal")
    for row in rows:
        cells = [_cell(row[site]) for site in sites]
        table.add_row(row["what"], *cells, row["unit"], row["goal"])
    return table


def _cell(figure: dict[str, float]) -> str:
    low, median, high = (f"{figure[name]:.0f}" for name in ("lowest", "median", "highest"))
    return median if low == high else f"{median} ({low} to {high})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--gradio", metavar="PYTHON", help="an interpreter that has gradio, to measure its page, too")
    add("--clip", type=Path, help="what the microphone hears, 3 s or more (default: a made-up voice)")
    add("--models", type=Path, default=ROOT / "models", help="the bundle (default: models/)")
    add("--recordings", type=int, default=10, help="visits to each page, a recording each (default: 10)")
    add("--json", action="store_true", help="JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
