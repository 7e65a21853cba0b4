"""How live the live mode is: first update, updates a second, delay over minutes, and what many sessions cost.

python benchmarks/live.py --seconds 300       the page in Chromium for 5 minutes, then 1, 8 and 32 sessions of a client
python benchmarks/live.py --json              the same as JSON

The delay of an update is the time from when its last sound was handed to the network until it arrived; the 0.1 s that a
frame collects come on top. Browser, clients and server share the machine. Nobody judges anything twice: a session that
finds the server busy skips an update, which is counted.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import websocket
from rich.console import Console
from rich.table import Table

from benchmarks.load import Way, server
from benchmarks.page import CannotMeasure, chromium, microphone
from benchmarks.voices import speak
from utils.decoding import SAMPLE_RATE, load_audio

ROOT = Path(__file__).resolve().parents[1]
CROWDS = (1, 8, 32)
FRAME_SECONDS = 0.1
END_SECONDS = 30  # of a long run, compared with as many of its beginning

# Runs in the page before anything else: notes when sound goes out and updates come in, in ms of one clock.
PROBE = """() => {
    const seen = (globalThis.seen = { sent: [], updates: [], limited: 0, rate: 0, started: null });
    addEventListener("click", () => (seen.started ??= performance.now()), true);
    const Plain = WebSocket;
    globalThis.WebSocket = class extends Plain {
        samples = 0;
        constructor(...rest) {
            super(...rest);
            this.addEventListener("message", ({ data }) => {
                const message = JSON.parse(data);
                if (message.type === "update") seen.updates.push([performance.now(), message.seconds]);
                if (message.type === "rate_limited") seen.limited += message.skipped;
            });
        }
        send(data) {
            if (typeof data === "string") seen.rate = JSON.parse(data).sample_rate;
            else seen.sent.push([performance.now(), (this.samples += data.length) / seen.rate]);
            super.send(data);
        }
    };
}"""


def main() -> int:
    """Measures what can be measured here; the exit code is 1 where the page can't be."""
    options = _parser().parse_args()
    progress, rows = Console(stderr=True), []
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            os.environ |= {"VOICE_STREAMS_EACH": "100", "VOICE_STREAMS": "100"}  # all sessions come from here
            process, port = stack.enter_context(server(Way("ours", 0, 10**6), options.models, str(folder)))
            progress.print(f"measuring the page for {options.seconds:g} s ...")
            rows.append(_page(port, process.pid, microphone(options.clip, folder), options.seconds))
            for count in CROWDS:
                progress.print(f"measuring {count} sessions ...")
                rows.append(_crowd(port, process.pid, count, options.crowd_seconds, options.clip))
    except CannotMeasure as reason:
        print(reason, file=sys.stderr)
        return 1
    summaries = [_summary(row) for row in rows]
    if options.json:
        print(json.dumps(summaries, indent=2))
    else:
        Console(width=130).print(_table(summaries))
    return 0


def _cpu_seconds(process: int) -> float:
    """CPU time of a process; not a number where the system doesn't say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _page(port: int, process: int, voice: Path, seconds: float) -> dict[str, Any]:
    with chromium(voice) as browser:
        page = browser.new_context().new_page()
        page.add_init_script(f"({PROBE})()")
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_selector("html[data-ready]", state="attached")
        page.get_by_text("Live", exact=True).click()
        page.evaluate("seen.started = null")
        before = _cpu_seconds(process), time.monotonic()
        page.get_by_role("button", name="Start").click()
        page.wait_for_timeout(1000 * seconds)
        cpu = (_cpu_seconds(process) - before[0]) / (time.monotonic() - before[1])
        seen = page.evaluate("seen")
    if not seen["updates"]:
        raise CannotMeasure("The page got no update: try another --clip.")
    sent, updates = np.array(seen["sent"]) / [1000, 1], np.array(seen["updates"]) / [1000, 1]
    figures = _figures(sent, updates, seen["started"] / 1000)
    return figures | {"way": "the page", "skipped": seen["limited"], "cpu": cpu}


def _crowd(port: int, process: int, count: int, seconds: float, clip: Path | None) -> dict[str, Any]:
    samples = load_audio(clip) if clip else speak(10)
    sound = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    clients = [_Client(port, sound, seconds) for _ in range(count)]
    before = _cpu_seconds(process), time.monotonic()
    for number, client in enumerate(clients):
        client.start()
        time.sleep(0.4 / count if number < count - 1 else 0)  # people don't begin in step
    for client in clients:
        client.join()
    cpu = (_cpu_seconds(process) - before[0]) / (time.monotonic() - before[1])
    parts = [client.figures() for client in clients]
    row = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    return row | {"way": f"{count} sessions", "skipped": sum(client.limited for client in clients), "cpu": cpu}


class _Client(Thread):
    """Sends a sound over and over, as fast as a microphone makes it; notes what comes back."""

    def __init__(self, port: int, sound: np.ndarray, seconds: float) -> None:
        super().__init__()
        self._address, self._sound, self._seconds = f"ws://127.0.0.1:{port}/api/stream", sound, seconds
        self._began, self.limited = 0.0, 0
        self._sent: list[tuple[float, float]] = []
        self._updates: list[tuple[float, float]] = []

    def run(self) -> None:
        self._began = time.monotonic()
        socket = websocket.create_connection(self._address, timeout=30)
        listener = Thread(target=self._listen, args=[socket])
        listener.start()
        step, at = round(FRAME_SECONDS * SAMPLE_RATE), 0
        begin = time.monotonic()
        while (now := time.monotonic()) < begin + self._seconds:
            socket.send_binary(np.take(self._sound, range(at, at + step), mode="wrap").tobytes())
            at += step
            self._sent.append((now, at / SAMPLE_RATE))
            time.sleep(max(0.0, begin + at / SAMPLE_RATE - time.monotonic()))
        socket.close()
        listener.join()

    def _listen(self, socket: websocket.WebSocket) -> None:
        while True:
            try:
                message = json.loads(socket.recv() or "{}")
            except (OSError, websocket.WebSocketException, ValueError):
                return
            if message.get("type") == "update":
                self._updates.append((time.monotonic(), message["seconds"]))
            elif message.get("type") == "rate_limited":
                self.limited += message["skipped"]
            elif not message:
                return

    def figures(self) -> dict[str, list[float]]:
        """See `_figures`."""
        return _figures(np.array(self._sent), np.array(self._updates), self._began)


def _figures(sent: np.ndarray, updates: np.ndarray, began: float) -> dict[str, list[float]]:
    """Figures of one session; `sent` and `updates` are rows of (time, seconds of sound), both rising."""
    if len(updates) < 2:
        return {"first": [], "rates": [0.0], "pauses": [], "delays": [], "growth": []}
    index = np.searchsorted(sent[:, 1], updates[:, 1] - 1e-3).clip(max=len(sent) - 1)
    delays = updates[:, 0] - sent[index, 0]
    last, first = updates[-1, 0], updates[0, 0]
    late, soon = updates[:, 0] > last - END_SECONDS, updates[:, 0] < first + END_SECONDS
    return {
        "first": [first - began],
        "rates": [(len(updates) - 1) / (last - first)],
        "pauses": np.diff(updates[:, 0]).tolist(),
        "delays": delays.tolist(),
        "growth": [float(np.median(delays[late]) - np.median(delays[soon]))],
    }


# --- Output


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    """The figures that are printed."""
    return {
        "way": row["way"],
        "first_s": max(row["first"], default=float("nan")),
        "updates_per_second": float(np.median(row["rates"])),
        "fewest_per_second": min(row["rates"]),
        "pause_p99_s": float(np.percentile(row["pauses"], 99)),
        "delay_p50_s": float(np.median(row["delays"])),
        "delay_p95_s": float(np.percentile(row["delays"], 95)),
        "growth_s": max(row["growth"], default=float("nan")),
        "skipped": row["skipped"],
        "cpu": row["cpu"],
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{os.cpu_count()} cores for everything, Python {sys.version.split()[0]}")
    names = (
        "way",
        "first",
        "updates/s",
        "fewest",
        "pause p99",
        "delay p50",
        "p95",
        "growth",
        "skipped",
        "server's cores",
    )
    for column in names:
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, first, rate, fewest, *times, skipped, cpu in (row.values() for row in rows):
        seconds = [f"{value:.3f} s" for value in times]
        table.add_row(way, f"{first:.2f} s", f"{rate:.2f}", f"{fewest:.2f}", *seconds, str(skipped), f"{cpu:.2f}")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--seconds", type=float, default=60, help="how long the page is measured (default: 60)")
    add("--crowd-seconds", type=float, default=20, help="how long each crowd is (default: 20)")
    add("--clip", type=Path, help="what is heard (default: a made-up voice)")
    add("--models", type=Path, default=ROOT / "models", help="the bundle (default: models/)")
    add("--json", action="store_true", help="JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
