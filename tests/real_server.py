"""The real server as a process, with a fake model: how to talk to it."""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVER = Path(__file__).parent / "fake_server.py"
BOUNDARY = "B"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Server:
    """A server process and where it listens: `port` is None and `said` empty when it ended instead."""

    def __init__(self, process, log):
        self.process, self.log = process, log
        line = process.stdout.readline()
        self.port = int(line.rsplit(":", 1)[-1]) if line else None
        self.said = line

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def call(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def send(self, wav, headers=None):
        status, headers, body = self.call("POST", "/api/clips", upload(wav), HEADERS | (headers or {}))
        return status, headers, json.loads(body)

    def peak_megabytes(self):
        """The most memory it ever held (Linux only)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def launch(instance, log, *options, program=SERVER, before=(), **environment):
    """The process of a server on `instance`; `before` stands before its command, `environment` in its environment."""
    command = [*before, sys.executable, str(program), "--port", "0", "--instance", str(instance), *options]
    with log.open("ab") as errors:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=os.environ | environment, text=True
        )


def start(instance, log, *options, **more):
    """The same, once it listens."""
    return Server(launch(instance, log, *options, **more), log)


def upload(data):
    """The body of an upload, to be sent with HEADERS."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
