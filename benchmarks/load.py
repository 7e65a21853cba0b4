"""How the server stands a crowd, next to the way student projects serve their model.

python benchmarks/load.py             64 clients for 60 s each way, on two cores: a table
python benchmarks/load.py --json      the same as JSON
python benchmarks/load.py --processes 1 2    ours under gunicorn with so many processes, beside waitress

Every client is a visitor of its own, who sends a clip of 3 s, waits for the answer and sends the next at once. The
clients share the machine with the server. Within capacity there must be no 503, and no failure of any other kind
ever; 429 comes where a visitor sends more than the rate that is configured (60 a minute, unless that is raised as in
the first and third line), 503 where more wait than there are places.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.voices import speak
from utils.decoding import encode_wav

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
ANSWER_SECONDS = 60  # after which an answer counts as a failure


@dataclass(frozen=True)
class Way:
    """One way to serve, and the crowd before it."""

    name: str
    clients: int
    rate: int | None = None  # clips a minute for each visitor; None: the usual way, which knows no rate
    path: str = "/api/clips"
    processes: int = 0  # of gunicorn; 0: `python web_app.py`, which is one process with waitress


@dataclass
class Seen:
    """What the clients saw: how many answers of each status (0: none, or no HTTP), how long a good one took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0  # until the last answer


def main() -> int:
    """The exit code is 1 when ours failed in a way that it may not."""
    options = _parser().parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    many = 10**6
    ways = [
        Way("ours", options.clients, many),
        Way("ours, 60 a minute each", options.clients, 60),
        Way("ours, overrun", 4 * options.clients, many),
        Way("the usual way", options.clients, path="/predict"),
    ]
    if options.processes:
        ways = ways[:1] + [Way(f"ours, gunicorn {n}", options.clients, many, processes=n) for n in options.processes]
    progress, rows = Console(stderr=True), []
    for way in ways:
        progress.print(f"measuring {way.name} ...")
        rows.append(_measured(way, options))
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        Console(width=120).print(_table(rows, options.seconds))
    good = rows[0]["503"] == 0 and not any(row["failed"] for row, way in zip(rows, ways, strict=True) if way.rate)
    return 0 if good else 1


def _measured(way: Way, options: argparse.Namespace) -> dict[str, object]:
    """One row of the result."""
    with tempfile.TemporaryDirectory() as folder, server(way, options.models, folder) as (process, port):
        before = _cpu_seconds(process.pid)
        seen = asyncio.run(_crowd(port, way, options.seconds))
        spent, peak = _cpu_seconds(process.pid) - before, _peak_megabytes(process.pid)
    answers = sum(seen.statuses.values()) or 1
    good = seen.statuses[200] + seen.statuses[201]
    refused = {"503": seen.statuses[503] / answers, "429": seen.statuses[429] / answers}
    failed = 1 - good / answers - sum(refused.values())
    p50, p95, p99 = np.percentile(seen.seconds, [50, 95, 99]) if seen.seconds else [float("nan")] * 3
    times = {"p50": float(p50), "p95": float(p95), "p99": float(p99)}
    row = {"way": way.name, "clients": way.clients, "rate": good / seen.elapsed, **times, **refused}
    row["cpu_ms"] = 1000 * spent / good if good else float("nan")
    return row | {"failed": max(0.0, round(failed, 9)), "peak_mb": peak}


# --- Servers


@contextmanager
def server(way: Way, models: Path, folder: str) -> "Iterator[tuple[subprocess.Popen[str], int]]":
    """The way's server as a process, ready, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with Path(folder, "log").open("wb") as log:
        command, extra = _command(way, models, folder, port)
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment | extra, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        if way.processes:
            _wait(port, process)
        else:
            assert process.stdout  # noqa: S101 (for mypy)
            while "Listening" not in (line := process.stdout.readline()):
                if not line:
                    raise SystemExit(f"{way.name} can't be started: {Path(folder, 'log').read_text().strip()[-500:]}")
        yield process, port
    finally:
        process.terminate() if way.processes else process.kill()
        process.communicate()


def _command(way: Way, models: Path, folder: str, port: int) -> tuple[list[str], dict[str, str]]:
    """How the way's server is started, and what its environment says beside ours."""
    if not way.rate:
        return [sys.executable, "benchmarks/usual.py", str(models), str(port)], {}
    rate = {"VOICE_CLIPS_PER_MINUTE": str(way.rate), "VOICE_TRANSCRIBER": "off"}
    if way.processes:
        app = f"web_app:application({{'INSTANCE': {folder!r}, 'MODELS': {str(models)!r}}})"
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", app]
        return command, rate | {"WEB_CONCURRENCY": str(way.processes)}
    options = ["--port", str(port), "--instance", folder, "--models", str(models)]
    return [sys.executable, "web_app.py", *options], rate


def _wait(port: int, process: "subprocess.Popen[str]") -> None:
    """Until it can judge clips; gunicorn listens before it can."""
    while process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=60):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("gunicorn can't be started: is requirements-scale.txt installed?")


def _peak_megabytes(process: int) -> float | None:
    """The most memory that a process and its children held, each by itself; only Linux tells."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    own = int(status.partition("VmHWM:")[2].split()[0]) / 1000
    return own + sum(_peak_megabytes(child) or 0 for child in _children(process))


def _cpu_seconds(process: int) -> float:
    """What a process and its children have spent of the cores, however many others use them; only Linux tells."""
    try:
        spent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return float("nan")
    own = sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(_cpu_seconds, _children(process)))


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


# --- Clients, as light as can be: they share the cores with the server


async def _crowd(port: int, way: Way, seconds: float) -> Seen:
    """Let everybody send for so many seconds; answers that are late by then are waited for."""
    seen, clip = Seen(), encode_wav(speak(3))
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, way, clip, began + seconds, seen) for _ in range(way.clients)))
    seen.elapsed = time.perf_counter() - began
    return seen


async def _client(port: int, way: Way, clip: bytes, until: float, seen: Seen) -> None:
    cookie = ""
    while (began := time.perf_counter()) < until:
        try:
            status, cookie, wait = await asyncio.wait_for(_ask(port, way.path, clip, cookie), ANSWER_SECONDS)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            status, wait = 0, 0.1
        seen.statuses[status] += 1
        if status in {200, 201}:
            seen.seconds.append(time.perf_counter() - began)
        else:
            await asyncio.sleep(min(wait, max(0.0, until - time.perf_counter())))


async def _ask(port: int, path: str, clip: bytes, cookie: str) -> tuple[int, str, float]:
    """Send a clip: the status, the cookie from now on, and the seconds to wait where the server asks for that."""
    body = b'--B\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n' + clip + b"\r\n--B--\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n"
    head += f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + body)
        answer = await reader.read()
    finally:
        writer.close()
    fields = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in fields[1:])
    json.loads(answer.partition(b"\r\n\r\n")[2])  # half an answer is a failure
    new = headers.get("Set-Cookie", cookie).split(";")[0]
    return int(fields[0].split()[1]), new, float(headers.get("Retry-After", 0))


# --- Output


def _table(rows: list[dict[str, object]], seconds: float) -> Table:
    table = Table(title=f"{seconds:g} s each, {CORES} cores for server and clients, Python {sys.version.split()[0]}")
    for column in (
        "way",
        "clients",
        "clips/s",
        "p50",
        "p95",
        "p99",
        "503",
        "429",
        "failed",
        "CPU a clip",
        "peak memory",
    ):
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        times = (f"{row[name]:.2f} s" for name in ("p50", "p95", "p99"))
        shares = (f"{row[name]:.1%}" for name in ("503", "429", "failed"))
        memory = "only on Linux" if row["peak_mb"] is None else f"{row['peak_mb']:.0f} MB"
        spent = f"{row['cpu_ms']:.1f} ms"
        table.add_row(str(row["way"]), str(row["clients"]), f"{row['rate']:.1f}", *times, *shares, spent, memory)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--clients", type=int, default=64, help="how many send at once (default: 64)")
    add("--seconds", type=float, default=60, help="how long each way is measured (default: 60)")
    add("--processes", type=int, nargs="+", default=[], help="measure gunicorn with these numbers of processes instead")
    add("--models", type=Path, default=ROOT / "models", help="the bundle (default: models/)")
    add("--json", action="store_true", help="JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
