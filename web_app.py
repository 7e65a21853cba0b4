"""The web door: `python web_app.py` serves the page and the JSON API; `create_app` makes the WSGI app."""

import argparse
import logging
import os
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from utils.clip_store import ClipStore
from utils.errors import BundleError, StoreError, VoiceError
from utils.predictor import Predictor
from utils.profile_store import ProfileStore
from utils.recording_store import RecordingStore
from utils.transcription import ENGINES, Transcriber, make_transcriber
from web import configuration, pages, service_api
from web.api import ClipId, api
from web.errors import init_errors
from web.gate import Gate
from web.guard import init_guard
from web.jobs import Jobs
from web.keys import make_key
from web.language import init_language
from web.live import live
from web.meanings import Meanings
from web.no_history import NoHistory
from web.recordings_api import recordings
from web.services import Model, Services
from web.serving import serve
from web.streams import Streams
from web.visitor import Sessions
from web.voices_api import voices

PRUNE_SECONDS = 3600.0
DONT_TRY_AGAIN = 4  # gunicorn's exit code of a process that would fail each time (its APP_LOAD_ERROR)


def create_app(
    config: dict[str, Any] | None = None,
    *,
    predictor: Model | None = None,
    transcriber: Transcriber | None = None,
    store: ClipStore | NoHistory | None = None,
) -> Flask:
    """The WSGI app; what is not handed over is made as `config`, the environment and the defaults say.

    Args:
        config: overrides of `web.configuration.DEFAULTS` and of Flask's own settings.
        predictor: the model; else the one in MODELS, and without one the app starts and says so.
        transcriber: writes clips down; else the engine called TRANSCRIBER.
        store: the history; else the one in INSTANCE, or where DATABASE_URL and CLIPS_URL say.

    Raises:
        ConfigurationError: the environment or the instance folder can't be used.
        StoreError: the history can't be opened.
        TranscriberUnavailableError: no engine has that name.
    """
    app = Flask(__name__)
    app.config.from_mapping(configuration.DEFAULTS)
    app.config.from_mapping(configuration.from_environment(os.environ))
    app.config.from_mapping(config or {})
    instance = Path(app.config["INSTANCE"]).absolute()
    if not app.config.get("SECRET_KEY"):
        app.config["SECRET_KEY"] = configuration.secret_key(instance)
    app.session_interface = Sessions()
    app.url_map.merge_slashes = False
    app.url_map.converters["clip"] = ClipId
    app.json.sort_keys = False  # type: ignore[attr-defined] # probabilities come in the model's order
    _add_routes(app)  # what is configured wrongly is told before anything is opened
    problem = None
    if predictor is None:
        predictor, problem = _load_predictor(Path(app.config["MODELS"]))
    keeps = app.config["HISTORY"]  # without clips to come back to, nothing can be written down
    app.extensions["voice"] = Services(
        predictor=predictor,
        problem=problem,
        transcriber=transcriber or make_transcriber(app.config["TRANSCRIBER"] if keeps else "off"),
        store=store or (_open_store(app, instance) if keeps else NoHistory()),
        hearing=Gate(*app.config["HEARING"]),
        writing=Gate(*app.config["WRITING"]),
        streams=Streams(app.config["STREAMS_EACH"], app.config["STREAMS"]),
        jobs=_jobs(app, instance, predictor) if keeps else None,
        profiles=ProfileStore(instance, app.config["DATABASE_URL"]) if keeps else None,
    )
    prune(app)
    return app


def _open_store(app: Flask, instance: Path) -> ClipStore:
    return ClipStore(instance, app.config["DATABASE_URL"], app.config["CLIPS_URL"])


def _add_routes(app: Flask) -> None:
    description = service_api.DescribedApi(app, spec_kwargs={"extra_plugins": [Meanings()]})
    description.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    description.spec.options["security"] = [{}, {"key": []}]
    description.register_converter(ClipId, lambda _: {"type": "string", "pattern": ClipId.regex})
    for blueprint in (api, recordings, voices, service_api.health, service_api.choices):
        description.register_blueprint(blueprint)
    app.add_url_rule("/api/docs", "docs", lambda: service_api.describe(description))
    app.register_blueprint(pages.page)
    app.register_blueprint(live)
    init_errors(app)
    init_guard(app)
    init_language(app)


def _jobs(app: Flask, instance: Path, predictor: Model | None) -> Jobs:
    """The analysis of recordings; those that an earlier process left undone are taken up."""
    waiting, threads = app.config["RECORDINGS_WAITING"], app.config["RECORDING_THREADS"]
    jobs = Jobs(RecordingStore(instance, app.config["DATABASE_URL"], most_waiting=waiting), predictor, threads)
    jobs.wake()
    return jobs


def _load_predictor(models: Path) -> tuple[Model | None, BundleError | None]:
    """The model, warm; or why there is none: the server starts without, and says so."""
    try:
        predictor = Predictor.load(models)
    except BundleError as error:
        logging.getLogger("web").warning("%s", error)
        return None, error
    predictor.warm_up()
    return predictor, None


def prune(app: Flask) -> None:
    """Delete the clips that are older than KEEP_DAYS."""
    if days := app.config["KEEP_DAYS"]:
        app.extensions["voice"].prune(timedelta(days=days))


def _keep_pruning(app: Flask) -> None:
    while True:
        time.sleep(PRUNE_SECONDS)
        try:
            prune(app)
            app.extensions["voice"].store.sweep()
        except StoreError as error:  # the next hour may be better
            logging.getLogger("web").warning("%s", error)


def application(config: dict[str, Any] | None = None) -> Flask:
    """`create_app` for one of several processes, as gunicorn.conf.py asks for it; one sentence where it can't be."""
    _start_log()
    try:
        app = create_app(configuration.of_one_process(os.environ, config or {}))
    except VoiceError as error:
        print(error, file=sys.stderr)
        sys.exit(DONT_TRY_AGAIN)
    _start_pruning(app)
    return app


def _start_log() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("web").setLevel(logging.INFO)


def _start_pruning(app: Flask) -> None:
    threading.Thread(target=_keep_pruning, args=[app], daemon=True).start()


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit code is 1 when that isn't possible."""
    options = _options(arguments)
    _start_log()
    config = {name.upper(): value for name, value in vars(options).items() if name not in {"host", "port", "new_key"}}
    try:
        if options.new_key:
            print(make_key(Path(options.instance), options.new_key))
            return 0
        app = create_app(config)
        _start_pruning(app)
        serve(app, options.host, options.port, ready=lambda url: print(f"Listening on {url}", flush=True))
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve the page and the JSON API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--instance", default="instance", help="folder for everything the server writes (default: %(default)s)"
    )
    parser.add_argument("--models", default="models", help="folder of the model (default: %(default)s)")
    parser.add_argument(
        "--transcriber", choices=ENGINES, help="what writes clips down (default: $VOICE_TRANSCRIBER, or google)"
    )
    parser.add_argument(
        "--keep-days", type=_days, default=30, help="delete older clips; 0: keep them (default: %(default)s)"
    )
    parser.add_argument("--no-history", dest="history", action="store_false", help="store no clips at all")
    parser.add_argument("--new-key", metavar="NAME", help="print a new API key, which is shown only this once, and end")
    return parser.parse_args(arguments)


def _days(text: str) -> int:
    days = int(text)
    if days < 0:
        raise ValueError
    return days


if __name__ == "__main__":
    sys.exit(main())
