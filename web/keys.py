"""API keys: another program shows one instead of a cookie, and is a visitor of its own.

`INSTANCE/api_keys` holds a line for each: the key's SHA-256 and its name. A key has 256 random bits, so nobody
finds it from its hash, however fast the hash is. The file is read with each request that shows a key: a line that
is deleted is a key that is revoked.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path

from flask import Request, current_app

from utils.errors import VoiceError
from web.configuration import ConfigurationError

FILE = "api_keys"
NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)


class UnknownKeyError(VoiceError):
    """The key that was shown is none of this server's."""

    code = "unauthorized"


def make_key(instance: Path, name: str) -> str:
    """A new key; only its hash is kept, so this is the only time it can be read.

    Raises:
        ConfigurationError: the name can't be used or is taken, or the folder can't be written.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError("A key's name is up to 40 letters, digits, dots, dashes and underscores.")
    key = f"voice_{secrets.token_urlsafe(32)}"
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        if name in _names(instance).values():
            raise ConfigurationError(f"There is a key called {name}: choose another name.")
        with open(instance / FILE, "a", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"{_hash(key)} {name}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(f"{instance} can't be written: choose another folder with --instance.") from error
    return key


def shows_key(request: Request) -> bool:
    """Whether a request has `Authorization: Bearer KEY`, with whatever key."""
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def visitor_of_key(request: Request) -> str:
    """The visitor whom the key of `request` stands for; a new key with an old name is somebody else.

    Raises:
        UnknownKeyError: it is none of this server's keys.
        OSError: the file of keys can't be read.
    """
    hashed = _hash(request.headers["Authorization"][len("bearer ") :].strip())
    if hashed not in _names(Path(current_app.config["INSTANCE"])):
        raise UnknownKeyError("This key isn't known here: ask whoever runs the server for one.")
    return f"key:{hashed[:40]}"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _names(instance: Path) -> dict[str, str]:
    """The name of each key by the key's hash."""
    try:
        lines = (instance / FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {known: name for known, _, name in (line.partition(" ") for line in lines)}
