"""Settings of the web door, and the secret it makes for itself."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from utils.decoding import MAX_BYTES, MAX_TIMELINE_BYTES
from utils.errors import VoiceError

KEY_BYTES = 32
MIN_SECRET = 32  # characters of a secret that is given

DEFAULTS: dict[str, Any] = {
    "INSTANCE": "instance",  # folder of everything the server writes
    "MODELS": "models",
    "DATABASE_URL": None,  # None: SQLite in the instance folder
    "CLIPS_URL": None,  # None: audio in the instance folder
    "RATELIMIT_STORAGE_URI": "memory://",  # where rates are counted; redis://...: by all processes together
    "TRANSCRIBER": None,  # None: VOICE_TRANSCRIBER, else google
    "TRANSCRIBE": True,  # the visitor's switch, until it is used
    "HISTORY": True,
    "KEEP_DAYS": 30,  # 0: for ever
    "ALLOWED_HOSTS": [],  # empty: any
    "CORS_ORIGINS": [],  # empty: no other site's page may call
    "PROXIES": 0,  # how many proxies in front set X-Forwarded-*
    "CLIPS_PER_MINUTE": 60,  # for each visitor
    "HEARING": (os.cpu_count() or 1, 64, 10.0),  # at work, waiting, seconds to wait; in each process
    "WRITING": (2, 4, 10.0),
    "STREAMS": 32,  # live at once, each with a thread; 0: no live mode
    "STREAMS_EACH": 2,  # of each visitor
    "MAX_CONTENT_LENGTH": MAX_BYTES + 64 * 1024,  # the file and the multipart around it
    "RECORDING_MEGABYTES": MAX_TIMELINE_BYTES >> 20,  # of one upload to /api/recordings
    "RECORDINGS_WAITING": 16,  # of all visitors
    "RECORDING_THREADS": 1,  # that analyse recordings in this process; 0: others do
    "MAX_FORM_MEMORY_SIZE": 128 * 1024,  # Werkzeug reads 64 KiB at a time and refuses files when this is near
    "MAX_FORM_PARTS": 16,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=365),
    "SESSION_REFRESH_EACH_REQUEST": False,  # an answer on its way must not undo a switch just used
    "SESSION_COOKIE_NAME": "voice",
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "API_TITLE": "Voice emotion",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.0.3",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
}


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that may come from the environment; lists are separated by commas.

    Raises:
        ConfigurationError: a number is no number, a secret is short, or one setting needs another.
    """
    found: dict[str, Any] = {}
    for name in ("DATABASE_URL", "CLIPS_URL", "RATELIMIT_STORAGE_URI"):
        if environment.get(name):
            found[name] = environment[name]
    if found.get("CLIPS_URL") and "DATABASE_URL" not in found:
        raise ConfigurationError("CLIPS_URL needs DATABASE_URL: whoever shares the clips shares the list of them.")
    if secret := environment.get("VOICE_SECRET_KEY"):
        found["SECRET_KEY"] = _long_enough(secret)
    for name in ("ALLOWED_HOSTS", "CORS_ORIGINS"):
        if value := environment.get(f"VOICE_{name}"):
            found[name] = [part.strip() for part in value.split(",") if part.strip()]
    for name in (
        "PROXIES",
        "CLIPS_PER_MINUTE",
        "STREAMS",
        "STREAMS_EACH",
        "RECORDING_MEGABYTES",
        "RECORDINGS_WAITING",
        "RECORDING_THREADS",
    ):
        if value := environment.get(f"VOICE_{name}"):
            if not value.isdecimal():
                raise ConfigurationError(f"VOICE_{name} is {value!r}: it must be a whole number.")
            found[name] = int(value)
    return found


def _long_enough(secret: str) -> str:
    if len(secret) < MIN_SECRET:
        raise ConfigurationError(f"VOICE_SECRET_KEY is too short to be safe: use {MIN_SECRET} characters or more.")
    return secret


def of_one_process(environment: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` for one of WEB_CONCURRENCY processes on this machine, which share out its cores.

    One that only tries whether it can start (VOICE_TRIAL) begins no work, which it couldn't finish.
    """
    cores, waiting, seconds = DEFAULTS["HEARING"]
    share = {"HEARING": (max(1, cores // int(environment.get("WEB_CONCURRENCY", 1))), waiting, seconds)}
    return share | dict(config) | ({"RECORDING_THREADS": 0} if environment.get("VOICE_TRIAL") else {})


class ConfigurationError(VoiceError):
    """The environment or the instance folder can't be used."""

    code = "bad_configuration"


def secret_key(instance: Path) -> str:
    """The key that signs cookies; made on the first start, readable by its owner only.

    Raises:
        ConfigurationError: the folder can't be read or written, or the key is damaged.
    """
    path = instance / "secret_key"
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        key = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = "can't be used: make it a folder that you can write, or choose another with --instance"
        raise ConfigurationError(f"{instance} {reason}.") from error
    if len(key) != 2 * KEY_BYTES:
        raise ConfigurationError(f"{path} is damaged: delete it, and all visitors get new cookies.")
    return key


def _make_key(path: Path) -> None:
    part = path.with_name(f"secret_key.{secrets.token_hex(8)}")
    try:
        with open(part, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_hex(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was quicker: then its key is ours
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
