"""How gunicorn serves with several processes: `gunicorn` reads this; docs/scale.md says when that is worth it."""

import multiprocessing
import os
import signal
import sys
from types import FrameType

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from web.configuration import DEFAULTS
from web.serving import DRAIN_SECONDS, MAX_CONNECTIONS, SPARE_THREADS

os.environ.setdefault("WEB_CONCURRENCY", str(os.cpu_count() or 1))  # how many processes; the app asks for it, too

wsgi_app = "web_app:application()"
workers = int(os.environ["WEB_CONCURRENCY"])
bind = "127.0.0.1:5000"
worker_class = "gthread"  # ONNX Runtime and the database let other threads run while they work
threads = SPARE_THREADS + int(os.environ.get("VOICE_STREAMS") or DEFAULTS["STREAMS"])
threads += sum(sum(DEFAULTS[gate][:2]) for gate in ("HEARING", "WRITING"))
worker_connections = MAX_CONNECTIONS
graceful_timeout = int(DRAIN_SECONDS)
preload_app = False  # ONNX Runtime's threads and the database's connections don't outlive a fork
control_socket_disable = True  # signals are enough


def on_starting(server: Arbiter) -> None:
    """Try it once in a process that is thrown away: it upgrades the history, and says in one sentence what is wrong."""
    first = multiprocessing.get_context("fork").Process(target=_try, args=[server])
    first.start()
    first.join()
    if first.exitcode:
        sys.exit(1)


def _try(server: Arbiter) -> None:
    os.environ["VOICE_TRIAL"] = "1"
    server.app.load()


def post_worker_init(worker: Worker) -> None:
    """A process that is told to stop sends those who are live away: they would hold it up."""
    told = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        worker.wsgi.extensions["voice"].streams.stopping.set()
        told(number, frame)

    signal.signal(signal.SIGTERM, stop)
