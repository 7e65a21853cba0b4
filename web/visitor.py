"""Who is asking: a signed cookie with a random name and the visitor's settings, and nothing else; or an API key."""

import re
import secrets

from flask import Flask, Request, Response, current_app, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from utils.errors import VoiceError
from utils.transcription import fitting_language
from web.keys import shows_key, visitor_of_key
from web.language import spoken
from web.services import services

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # BCP 47, as far as engines use it


class UnknownLanguageError(VoiceError):
    """The transcriber doesn't know the language."""

    code = "bad_request"


class NoSettingsError(VoiceError):
    """Settings live in the cookie, and a key comes without one."""

    code = "bad_request"


class KeySession(SecureCookieSession):
    """What is known of a program that shows a key: for one request, since no cookie is read or sent."""


class Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie, sent over https only where the visitor came over https."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The cookie's content; nothing where a key is shown."""
        return KeySession() if shows_key(request) else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie, unless a key is shown."""
        if not isinstance(session, KeySession):
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie says Secure."""
        return request.is_secure or super().get_cookie_secure(app)


def admit_key() -> None:
    """Make a request that shows a key one of the key's own visitor.

    Raises:
        UnknownKeyError: it is none of this server's.
    """
    if shows_key(request):
        session["visitor"] = visitor_of_key(request)


def visitor() -> str | None:
    """The visitor's random name, or None for one who has none yet."""
    name = session.get("visitor")
    return name if isinstance(name, str) else None


def known_visitor() -> str:
    """The visitor's random name, given now to one who has none yet."""
    name = visitor()
    if name is None:
        name = session["visitor"] = secrets.token_urlsafe(24)
        session.permanent = True
    return name


def settings() -> dict[str, object]:
    """What the visitor chose, or the defaults: `transcribe` and `language`."""
    return {
        "transcribe": bool(session.get("transcribe", current_app.config["TRANSCRIBE"])),
        "language": language(session.get("language")),
    }


def choose(*, transcribe: bool | None, wanted_language: str | None) -> None:
    """Remember what the visitor chose; None leaves a choice as it is.

    Raises:
        UnknownLanguageError: the engine doesn't know the language; nothing is changed.
        NoSettingsError: a key is shown.
    """
    if isinstance(session, KeySession):
        raise NoSettingsError(
            "A key has no settings: name the language in each call, and ask for words only where wanted."
        )
    require_known(wanted_language)
    known_visitor()
    if transcribe is not None:
        session["transcribe"] = transcribe
    if wanted_language is not None:
        session["language"] = wanted_language


def require_known(wanted: object) -> None:
    """Check a language that was asked for; None is fine.

    Raises:
        UnknownLanguageError: the engine doesn't know it.
    """
    if wanted is not None and language(wanted) != wanted:
        raise UnknownLanguageError("The engine doesn't know this language: choose one that the page offers.")


def language(wanted: object) -> str:
    """`wanted` where the engine knows it, else what it knows of the language the visitor reads."""
    known = services().transcriber.languages
    if isinstance(wanted, str) and (wanted in known or (not known and LANGUAGE.fullmatch(wanted))):
        return wanted
    return fitting_language(known, spoken().tag)
