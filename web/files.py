"""A file of the history as an answer, wherever it lies: whole, or the part that a Range asks for."""

import os
from typing import BinaryIO

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file


def send_part(file: BinaryIO, mimetype: str, version: str) -> Response:
    """The answer that sends `file`, which it closes in the end.

    Args:
        file: can be sought.
        mimetype: what it is.
        version: stays the same for as long as the content does.

    Raises:
        RequestedRangeNotSatisfiable: the Range lies beyond the end.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    answer = Response(wrap_file(request.environ, file), mimetype=mimetype, direct_passthrough=True)
    answer.call_on_close(file.close)
    answer.content_length = size
    answer.set_etag(version)
    try:
        return answer.make_conditional(request, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        file.close()
        raise
