"""Which Chromium programs and tests look at the page with, and how it starts without asking anybody."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
)
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""One that is there, and may be used."""


class NoChromiumError(Exception):
    """There is none; the message says what to install."""


def launch(playwright: "Playwright", *switches: str) -> "Browser":
    """Debian's, or else Playwright's own, with more switches.

    Raises:
        NoChromiumError: there is neither.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found and not Path(playwright.chromium.executable_path).exists():
        raise NoChromiumError("There is no Chromium: install Debian's chromium, or run `playwright install chromium`.")
    return playwright.chromium.launch(executable_path=found, args=[*SWITCHES, *switches])


def hearing(voice: Path) -> str:
    """The switch with which its microphone hears a WAV file over and over."""
    return f"--use-file-for-fake-audio-capture={voice}"
