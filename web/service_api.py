"""The JSON API around the clips: health, the visitor's settings, the description of the API."""

from typing import Any

from flask import render_template
from flask_smorest import Api

from web import schemas
from web.api import ApiBlueprint
from web.services import services
from web.visitor import choose, known_visitor, settings, visitor


class DescribedApi(Api):
    """Describes failures as we answer them."""

    ERROR_SCHEMA = schemas.Error


health = ApiBlueprint("health", __name__, url_prefix="/api/health", description="For whoever runs the server")
choices = ApiBlueprint("settings", __name__, url_prefix="/api", description="What the visitor chose")


@health.route("/live", methods=["GET"])
@health.response(200, schemas.Health)
def live() -> dict[str, str]:
    """The server answers."""
    return {"status": "live"}


@health.route("/ready", methods=["GET"])
@health.response(200, schemas.Ready)
@health.alt_response(503, schema=schemas.Error)
def ready() -> dict[str, Any]:
    """The server can judge clips, with which model; or why not."""
    model = services().model
    return {"status": "ready", "model": model.name, "version": model.version, "labels": model.labels}


@choices.route("/settings", methods=["GET"])
@choices.response(200, schemas.SettingsJson)
def show() -> dict[str, object]:
    """What the visitor chose, or the defaults."""
    return settings()


@choices.route("/settings", methods=["PUT"])
@choices.arguments(schemas.SettingsJson, required=False)
@choices.response(200, schemas.SettingsJson)
@choices.alt_response(403, schema=schemas.Error)
def change(chosen: dict[str, Any]) -> dict[str, object]:
    """Choose; what is not named stays as it is."""
    choose(transcribe=chosen.get("transcribe"), wanted_language=chosen.get("language"))
    return settings()


@choices.route("/consent", methods=["GET"])
@choices.response(200, schemas.ConsentJson)
@choices.alt_response(503, schema=schemas.Error)
def consent() -> dict[str, bool]:
    """What the visitor allows; nothing, unless it was said."""
    return {"training": services().store.allows_training(visitor() or "")}


@choices.route("/consent", methods=["PUT"])
@choices.arguments(schemas.ConsentJson)
@choices.response(200, schemas.ConsentJson)
@choices.alt_response(400, schema=schemas.Error)
@choices.alt_response(403, schema=schemas.Error)
@choices.alt_response(404, schema=schemas.Error)
@choices.alt_response(503, schema=schemas.Error)
def consent_to(said: dict[str, bool]) -> dict[str, bool]:
    """Allow something, or no longer."""
    services().store.set_training(known_visitor(), said["training"])
    return said


def describe(api: Api) -> str:
    """A page for people that shows the API's own description, without anybody else's script."""
    return render_template("docs.html", spec=api.spec.to_dict())
