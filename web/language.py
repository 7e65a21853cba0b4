"""In which language a request is answered, and what the templates say it with."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.messages import Message
from flask import Flask, Response, g, redirect, request, session, url_for

from utils.language import LANGUAGES, Language, catalogue, choose

CHOICE = "speaks"  # in the visitor's cookie
LATER = {
    "clips": {"clips-page", "history", "view-answer", "view-history", "view-truth", "view-why", "messages-own"},
    "live": {"live", "live-mode", "messages-live", "state-live", "view-live"},
    "recordings": {
        "draw-timeline",
        "messages-recordings",
        "recordings",
        "recordings-page",
        "timeline",
        "view-found",
        "view-recordings",
        "view-timeline",
    },
    "voices": {"messages-voices", "view-voices", "voices", "voices-page"},
}  # modules that the page fetches with the first use of a part: their words come then, too
PAGES = {"page.show", "page.privacy"}  # whose addresses may say `?lang=de`


def spoken() -> Language:
    """The language of the current request: the visitor's choice, else the first of the browser's, else English."""
    if "language" not in g:
        g.language = Language(_tag())
    return g.language


def _tag() -> str:
    browser = [tag for tag, quality in request.accept_languages if quality > 0]
    chosen = session.get(CHOICE)
    if chosen not in LANGUAGES:
        return choose(browser)
    regions = [tag for tag in browser if choose([tag]).partition("-")[0] == chosen]
    return choose([*regions, chosen])


@lru_cache
def page_words(code: str, part: str = "page") -> dict[str, str | list[str]]:
    """What the modules of the page, or of a part of it, say, by the English: for `static/js/words.js`."""
    if code == "en":
        return {}
    ours = [one for one in catalogue(code) if part in _parts(one)]
    words = {one.id: one.string for one in ours if isinstance(one.id, str)}
    return words | {one.id[0]: list(one.string) for one in ours if not isinstance(one.id, str)}


def _parts(message: Message) -> set[str]:
    """The parts that must bring a message with them: the page alone, where it says it itself."""
    files = [Path(file) for file, _ in message.locations if file.startswith("static/")]
    parts = {next((part for part, modules in LATER.items() if file.stem in modules), "page") for file in files}
    return {"page"} if "page" in parts else parts


def init_language(app: Flask) -> None:
    """Let `app` speak: `?lang=`, headers, and what the templates use: `_`, `say_many`, `language`."""
    app.before_request(_choose)
    app.after_request(_add_headers)
    app.jinja_env.globals |= {"_": _say, "say_many": _say_many, "language": spoken, "languages": LANGUAGES}
    app.jinja_env.filters["moment"] = datetime.fromisoformat


def _choose() -> Any:
    """Remember `?lang=de` and show the same page at its plain address."""
    wanted = request.args.get("lang")
    if request.endpoint not in PAGES or request.method != "GET" or wanted not in LANGUAGES:
        return None
    session[CHOICE] = wanted
    session.permanent = True
    rest = {name: value for name, value in request.args.items() if name != "lang"}
    return redirect(url_for(request.endpoint, **rest), 303)


def _add_headers(response: Response) -> Response:
    """Tell caches and readers of the language, where something was said in it."""
    if "language" in g:
        response.headers.setdefault("Content-Language", g.language.code)
        response.vary.update(["Accept-Language", "Cookie"])
    return response


def _say(sentence: str, /, **gaps: object) -> str:
    return spoken().say(sentence, **gaps)


def _say_many(one: str, many: str, count: int, /, **gaps: object) -> str:
    return spoken().say_many(one, many, count, **gaps)
