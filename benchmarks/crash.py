"""Kills the server under load, again and again, and looks whether a clip was lost that it had acknowledged.

python benchmarks/crash.py               200 rounds, about 15 minutes
python benchmarks/crash.py --rounds 10

Some visitors upload and delete as fast as they can; at a random moment the server gets `kill -9`, in some rounds
while it starts. After each round a new server must show every visitor exactly the clips whose upload was
acknowledged and whose deletion wasn't, each with audio that plays, and the folder must hold nothing else. What was
under way at the kill may be there or not, but whole.
"""

import argparse
import http.client
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import soundfile
from rich.console import Console
from rich.progress import track

from benchmarks.voices import speak
from tests.real_server import Server, launch
from utils.decoding import encode_wav

VISITORS = 4
DURING_START = 5  # every so many rounds there is one more kill, while the server starts
MANY = 300  # clips, after which a visitor deletes all
VOICE = encode_wav(speak(0.5))


@dataclass
class Visitor:
    """One cookie, and what the server owes it."""

    cookie: str = ""
    owed: set[str] = field(default_factory=set)  # uploads acknowledged, deletions not begun
    doubtful: set[str] = field(default_factory=set)  # deletions begun and never acknowledged
    unanswered: int = 0  # uploads begun and never acknowledged: at most so many clips may be new to us
    uploads: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request this visitor's."""
        return {"Cookie": self.cookie}


def main() -> int:
    """Ends with an AssertionError when anything was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="how often the server is killed (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    progress = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        rounds = track(range(options.rounds), "rounds", console=progress, transient=True)
        Console().print(crash(Path(folder), rounds, random.Random(options.seed)))  # noqa: S311 (no secret)
    return 0


def crash(folder: Path, rounds: Iterable[int], chance: random.Random) -> str:
    """Kill a server whose instance is in `folder` once for each of `rounds`; one line about how that went.

    Raises:
        AssertionError: something that was acknowledged is lost, or something is there that nobody sent.
    """
    visitors = [Visitor() for _ in range(VISITORS)]
    kills = 0
    for number in rounds:
        if number % DURING_START == 0:
            with _killed(folder):
                time.sleep(chance.uniform(0.3, 2.0))
            kills += 1
        with _killed(folder) as process:
            server = Server(process, folder / "log")
            check(folder / "instance", server, visitors)
            use(server, visitors, chance.uniform(0.02, 1.0), chance)
        kills += 1
    with _killed(folder) as process:
        check(folder / "instance", Server(process, folder / "log"), visitors)
    assert "Traceback" not in (folder / "log").read_text()
    uploads, kept = sum(v.uploads for v in visitors), sum(len(v.owed) for v in visitors)
    return f"{kills} kills, {uploads} clips acknowledged, none lost, nothing else found; {kept} kept in the end"


@contextmanager
def _killed(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A server that is starting, and gets `kill -9` when the block is left."""
    process = launch(folder / "instance", folder / "log", VOICE_CLIPS_PER_MINUTE="1000000")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def use(server: Server, visitors: list[Visitor], seconds: float, chance: random.Random) -> None:
    """Let everybody upload and delete, kill the server after so many seconds, and wait for everybody's end."""
    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(_visit, server, visitor, random.Random(chance.random())) for visitor in visitors]  # noqa: S311
        time.sleep(seconds)
        server.process.kill()
    for end in ends:
        end.result()


def _visit(server: Server, visitor: Visitor, chance: random.Random) -> None:
    """Upload and delete until the server is gone."""
    while True:
        try:
            status, _, clip = server.send(VOICE, visitor.headers)
        except (OSError, http.client.HTTPException, ValueError):
            visitor.unanswered += 1
            return
        assert status == 201, clip
        visitor.owed.add(clip["id"])
        visitor.uploads += 1
        if chance.random() < 0.25:
            doomed = chance.choice(sorted(visitor.owed))
            visitor.owed.remove(doomed)
            visitor.doubtful.add(doomed)
            try:
                status, _, _ = server.call("DELETE", f"/api/clips/{doomed}", headers=visitor.headers)
            except (OSError, http.client.HTTPException):
                return
            assert status == 204
            visitor.doubtful.remove(doomed)


def check(instance: Path, server: Server, visitors: list[Visitor]) -> None:
    """Compare what everybody is shown with what they are owed, and the folder with both."""
    for visitor in visitors:
        if not visitor.cookie:
            visitor.cookie = server.call("GET", "/")[1]["Set-Cookie"].split(";")[0]
        shown = {
            clip["id"] for clip in json.loads(server.call("GET", "/api/clips.json", None, visitor.headers)[2])["clips"]
        }
        assert visitor.owed <= shown, f"lost: {visitor.owed - shown}"
        unknown = shown - visitor.owed - visitor.doubtful
        assert len(unknown) <= visitor.unanswered, f"nobody sent: {unknown}"
        visitor.owed, visitor.doubtful, visitor.unanswered = shown, set(), 0
    names = {path.name for path in (instance / "clips").iterdir()} - {".lock"}
    assert names == {f"{clip}.wav" for visitor in visitors for clip in visitor.owed}
    for name in names:
        assert soundfile.info(instance / "clips" / name).frames == 8000
    for visitor in visitors:
        for clip in sorted(visitor.owed)[-1:]:
            status, _, audio = server.call("GET", f"/api/clips/{clip}/audio", headers=visitor.headers)
            assert (status, audio) == (200, VOICE)
        if len(visitor.owed) > MANY:
            assert server.call("DELETE", "/api/clips", headers=visitor.headers)[0] == 204
            visitor.owed.clear()


if __name__ == "__main__":
    sys.exit(main())
