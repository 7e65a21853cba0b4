"""What each status means, said in sentences wherever the API's description would only name it."""

from http import HTTPStatus
from typing import Any

from apispec import BasePlugin

MEANINGS = {
    200: "Done.",
    201: "Done, and kept.",
    202: "Accepted; it goes on after this answer.",
    204: "Done; there is nothing to say.",
    206: "The part that the header Range asks for.",
    400: "Something is missing, or a value can't be used: the message names it.",
    401: "The key isn't one of this server's.",
    403: "Another site's page asked for it; nothing was done.",
    404: "There is none, or it isn't this visitor's.",
    409: "Not as things stand: the message says why.",
    413: "Too many bytes, or too long.",
    415: "Not audio that can be read here.",
    416: "The header Range names a part beyond the end.",
    422: "It can be read, but there is nothing to judge in it: no speech, or too little.",
    429: "Too much in the last minute: the header Retry-After says when to come back.",
    500: "A flaw of ours.",
    503: "Not now, because it is too busy or can't reach what it needs: Retry-After says when to come back.",
}


class Meanings(BasePlugin):
    """Fills in what a view left at the bare phrase of HTTP."""

    def operation_helper(self, path: str | None = None, operations: dict[str, Any] | None = None, **_: Any) -> None:
        """The answers of each call."""
        for call in (operations or {}).values():
            for status, answer in call.get("responses", {}).items() if isinstance(call, dict) else ():
                if isinstance(answer, dict) and str(status).isdecimal():
                    answer.update(_meaning(int(status), answer))

    def response_helper(self, response: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The answers that several calls share."""
        named = [status for status in HTTPStatus if status.phrase == response.get("description")]
        return _meaning(named[0], response) if named else {}


def _meaning(status: int, answer: dict[str, Any]) -> dict[str, str]:
    bare = answer.get("description") in (None, "", HTTPStatus(status).phrase)
    return {"description": MEANINGS[status]} if bare and status in MEANINGS and "$ref" not in answer else {}
