"""What the page talks to in these tests: the real server in its own process, and a Google that isn't Google."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class Server:
    """A server process; `url` stays the same when it is stopped and started again."""

    def __init__(self, instance, google, *options, stand_in=True):
        self.instance, self.google, self.options, self.stand_in = instance, google, options, stand_in
        self.port, self.process = 0, None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Start it and wait until it listens."""
        command = [sys.executable, str(Path(__file__).with_name("serve.py")), "--instance", str(self.instance)]
        environment = os.environ | {"TEST_GOOGLE": self.google.endpoint, "VOICE_CLIPS_PER_MINUTE": "1000"}
        if self.stand_in:
            environment["TEST_STAND_IN"] = "1"
        log = Path(f"{self.instance}.log")
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.options],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )
        began = log.stat().st_size if self.port else 0
        deadline = time.monotonic() + START_SECONDS
        while not (listening := re.search(r"Listening on .*:(\d+)", log.read_text()[began:])):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The server didn't start: {log.read_text()}")
            time.sleep(0.05)
        self.port = int(listening[1])
        return self

    def stop(self):
        """Stop it as a service manager would."""
        if self.process:
            self.process.terminate()
            self.process.wait(40)
            self.process = None


class FakeGoogle(ThreadingHTTPServer):
    """Speaks Google's wire format. Hears `words` in turn; None is nothing understood, a number an HTTP status."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Google)
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}/recognize"
        self.words, self.requests = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Google(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.requests.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        words = self.server.words.pop(0) if self.server.words else "hello there"
        if isinstance(words, int):
            return self.send_error(words)
        heard = [{"alternative": [{"transcript": words, "confidence": 0.9}], "final": True}] if words else []
        body = "\n".join(json.dumps({"result": result}) for result in ([], heard)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""
