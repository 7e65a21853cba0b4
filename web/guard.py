"""What protects visitors: headers on every answer, no calls from foreign pages, a rate for each visitor."""

import logging

from flask import Flask, Response, current_app, request, session
from flask_cors import CORS
from flask_limiter import Limiter
from limits.errors import ConfigurationError as LimitsConfigurationError
from werkzeug.middleware.proxy_fix import ProxyFix

from utils.errors import VoiceError
from web.configuration import ConfigurationError
from web.visitor import admit_key, visitor

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: with it browsers send forms with `Origin: null`
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SMALL_BODY = 64 * 1024  # bytes, of everything that is no upload
STREAM = "live.stream"  # a WebSocket, which browsers open for any page that asks
LIMITED = {  # endpoints that cost something -> whose budget they share
    "clips.add": "clips",
    "page.upload": "clips",
    "clips.transcript": "transcripts",
    "page.transcript": "transcripts",
    "clips.correct": "corrections",
    "clips.uncorrect": "corrections",
    "page.correct": "corrections",
    "voices.add": "clips",
    "voices.explanation": "explanations",
    STREAM: "streams",
    "recordings.add": "recordings",
    "recordings.start": "recordings",
}
MULTIPART_BYTES = 64 * 1024  # around a file


class ForbiddenError(VoiceError):
    """Another site's page tried to act in the visitor's name."""

    code = "forbidden"


def init_guard(app: Flask) -> None:
    """Guard `app`, whose blueprints are registered already."""
    if app.config["PROXIES"]:
        count = app.config["PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    app.config["TRUSTED_HOSTS"] = app.config["ALLOWED_HOSTS"] or None
    app.before_request(_refuse_foreign_pages)
    app.before_request(admit_key)  # after the foreign pages: with a key nobody acts in a visitor's name
    app.before_request(_expect_small_bodies)
    app.after_request(_add_headers)
    origins = app.config["CORS_ORIGINS"]
    if origins:
        CORS(app, resources={r"/api/.*": {}}, origins=origins, supports_credentials="*" not in origins)
    _limit_rates(app)


def _limit_rates(app: Flask) -> None:
    where = app.config["RATELIMIT_STORAGE_URI"]
    quick = {"socket_connect_timeout": 1, "socket_timeout": 1} if where.startswith("redis") else {}
    try:  # where counting together fails, each process counts alone until it works again
        limiter = Limiter(_who, app=app, storage_options=quick, in_memory_fallback_enabled=True, headers_enabled=False)
    except (LimitsConfigurationError, ImportError, ValueError) as error:
        raise ConfigurationError(
            "RATELIMIT_STORAGE_URI can't be used: it looks like redis://host:6379, and its package comes with "
            "pip install -r requirements-scale.txt."
        ) from error
    rate = f"{app.config['CLIPS_PER_MINUTE']} per minute"
    for endpoint, budget in LIMITED.items():
        app.view_functions[endpoint] = limiter.shared_limit(rate, scope=budget)(app.view_functions[endpoint])


def _who() -> str:
    """A visitor, or for one without a cookie the address, so that throwing cookies away gains nothing."""
    return visitor() or request.remote_addr or ""


def _refuse_foreign_pages() -> None:
    streams = request.endpoint == STREAM
    if request.method in {"GET", "HEAD", "OPTIONS"} and not streams:
        return
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if origin is not None and _is_allowed(origin):
        return
    ours = origin in (None, f"http://{request.host}", f"https://{request.host}")
    if streams and origin is not None:
        site = "same-origin"  # for ws: addresses browsers don't agree on the site; the origin they always send
    if not ours or site not in {"same-origin", "none"}:
        raise ForbiddenError("This was asked by another site's page: open this server's own page and try there.")


def _expect_small_bodies() -> None:
    if request.endpoint == "recordings.add":
        request.max_content_length = largest_recording(current_app)
    elif LIMITED.get(request.endpoint or "") != "clips":
        request.max_content_length = SMALL_BODY


def largest_recording(app: Flask) -> int:
    """Bytes of the largest body that /api/recordings takes."""
    return (int(app.config["RECORDING_MEGABYTES"]) << 20) + MULTIPART_BYTES


def _is_allowed(origin: str) -> bool:
    """Whether the origin is configured; any (`*`) may call, but not in the name of a visitor."""
    origins = current_app.config["CORS_ORIGINS"]
    return origin in origins or ("*" in origins and not session)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
        response.vary.update(["Cookie", "Authorization"])
    rule = request.url_rule.rule if request.url_rule else "-"  # never ids, names or queries
    logging.getLogger("web").info("%s %s %d", request.method, rule, response.status_code)
    return response
