"""Settings of the web door, and the secret it makes for itself."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from utils.decoding import MAX_BYTES
from utils.errors import VoiceError

KEY_BYTES = 32

DEFAULTS: dict[str, Any] = {
    "INSTANCE": "instance",  # folder of everything the server writes
    "MODELS": "models",
    "DATABASE_URL": None,  # None: SQLite in the instance folder
    "TRANSCRIBER": None,  # None: VOICE_TRANSCRIBER, else google
    "TRANSCRIBE": True,  # the visitor's switch, until it is used
    "HISTORY": True,
    "KEEP_DAYS": 30,  # 0: for ever
    "ALLOWED_HOSTS": [],  # empty: any
    "CORS_ORIGINS": [],  # empty: no other site's page may call
    "PROXIES": 0,  # how many proxies in front set X-Forwarded-*
    "CLIPS_PER_MINUTE": 60,  # for each visitor
    "HEARING": (os.cpu_count() or 1, 64, 10.0),  # at work, waiting, seconds to wait
    "WRITING": (2, 4, 10.0),
    "MAX_CONTENT_LENGTH": MAX_BYTES + 64 * 1024,  # the file and the multipart around it
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
        ConfigurationError: a number is no number.
    """
    found: dict[str, Any] = {}
    if environment.get("DATABASE_URL"):
        found["DATABASE_URL"] = environment["DATABASE_URL"]
    for name in ("ALLOWED_HOSTS", "CORS_ORIGINS"):
        if value := environment.get(f"VOICE_{name}"):
            found[name] = [part.strip() for part in value.split(",") if part.strip()]
    for name in ("PROXIES", "CLIPS_PER_MINUTE"):
        if value := environment.get(f"VOICE_{name}"):
            if not value.isdecimal():
                raise ConfigurationError(f"VOICE_{name} is {value!r}: it must be a whole number.")
            found[name] = int(value)
    return found


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
