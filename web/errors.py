"""Every failure in one shape: `{"error": {"code", "message"}}` for programs, a sentence for people."""

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException, SecurityError

from utils.decoding import MAX_BYTES
from utils.errors import StoreError, VoiceError, marked
from web import pages
from web.language import spoken

STATUS = {
    "bad_request": 400,
    "export_unavailable": 400,
    "no_file": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "too_large": 413,
    "bad_audio": 415,
    "unreadable_audio": 415,
    "conflict": 409,
    "no_speech": 422,
    "no_streams": 501,
    "too_short": 422,
    "unknown_emotion": 422,
    "bad_voice_profile": 422,
    "bad_model": 503,
    "overloaded": 503,
    "queue_full": 503,
    "storage_unavailable": 503,
    "transcriber_unavailable": 503,
}
"""HTTP status of each code of a VoiceError; any other code is our mistake: 500."""

RETRY_SECONDS = {
    "overloaded": 2,
    "queue_full": 60,
    "storage_unavailable": 10,
    "transcriber_unavailable": 30,
    "bad_model": 60,
    "too_many_requests": 60,
}

HTTP_ERRORS = {
    400: ("bad_request", marked("This request can't be understood: compare it with the description at /api/docs.")),
    404: ("not_found", marked("There is nothing at this address: go back to the start page.")),
    405: ("method_not_allowed", marked("This address can't be called in this way: compare with /api/docs.")),
    413: ("too_large", marked("This is too large: send one audio file of at most {megabytes} MB.")),
    429: ("too_many_requests", marked("That was a lot in a short time: wait a minute and try again.")),
    500: ("internal", marked("Something went wrong on the server: try again, and report it if it happens again.")),
}
"""Code and sentence for what Flask and its extensions refuse."""
REFUSED = ("refused", marked("This request was refused: compare it with the description at /api/docs."))


def init_errors(app: Flask) -> None:
    """Answer every failure of `app` in the one shape."""
    app.register_error_handler(VoiceError, _voice_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RecursionError, lambda _: _http_error(BadRequest()))  # JSON nested too deep
    app.register_error_handler(OSError, _disk_error)
    app.register_error_handler(Exception, _bug)


def _voice_error(error: VoiceError) -> Response:
    status = STATUS.get(error.code)
    if status is None:
        return _bug(error)
    return _answer(status, error.code, spoken().error(error))


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # a redirect to the right spelling of an address
        return error.get_response()
    code, sentence = HTTP_ERRORS.get(status, REFUSED)
    answer = _answer(status, code, _what_is_invalid(error) or spoken().say(sentence, megabytes=MAX_BYTES >> 20))
    if allowed := getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _disk_error(error: OSError) -> Response:
    """An upload is kept in a temporary file while it arrives: that disk can be full, too."""
    logging.getLogger("web").error("the disk failed", exc_info=error)
    return _answer(503, StoreError.code, spoken().say("The server's disk is full or broken: try again later."))


def _bug(error: Exception) -> Response:
    logging.getLogger("web").error("a request failed", exc_info=error)
    code, sentence = HTTP_ERRORS[500]
    return _answer(500, code, spoken().say(sentence))


def _answer(status: int, code: str, message: str) -> Response:
    if wants_page():
        answer = pages.render(problem=message, status=status)
    else:
        answer = jsonify(error={"code": code, "message": message})
        answer.status_code = status
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if code in RETRY_SECONDS:
        answer.headers["Retry-After"] = str(RETRY_SECONDS[code])
    return answer


def wants_page() -> bool:
    """Whether a person with a browser is asking, rather than a program."""
    if request.path.startswith(("/api/", "/static/")) or isinstance(request.routing_exception, SecurityError):
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _what_is_invalid(error: HTTPException) -> str | None:
    """The sentence for a parameter that failed its schema, as webargs reports it."""
    for fields in getattr(error, "data", {}).get("messages", {}).values():
        if isinstance(fields, dict):  # a list where the body isn't even JSON
            name, problems = next(iter(fields.items()))
            why = " ".join(map(str, problems))  # in English: it is for who wrote the program that calls
            return spoken().say("The value of {name} can't be used: {why}", name=name, why=why)
    return None
