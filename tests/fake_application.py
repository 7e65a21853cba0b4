"""What gunicorn serves in the tests: the real app with a fake model, which says in which process it answers."""

import logging
import os

import web_app
from tests import fake_server  # noqa: F401 - puts the fakes in their places


def application(config):
    app = web_app.application(config)

    @app.after_request
    def say_where(answer):
        logging.getLogger("web").info("answered in %d", os.getpid())
        return answer

    logging.getLogger("web").info("a process of mine is ready: %d", os.getpid())
    return app
