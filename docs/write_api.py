"""Writes docs/api.md: the API's own description as a document, between examples that the tests run.

python docs/write_api.py
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from web.services import Model
from web_app import create_app

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "docs" / "api.md"
EXAMPLES = {"curl": ("ask.sh", "sh"), "Python": ("ask.py", "python"), "JavaScript": ("ask.mjs", "js")}
HEAD = """# The API

<!-- Written by docs/write_api.py from the description at /api/openapi.json: change that, and run it again. -->

The page uses these calls, and so can any program. A running server describes them at `/api/docs` for people and at
`/api/openapi.json` for programs (OpenAPI 3).

**Whose clips.** Clips belong to whoever holds the cookie that the first answer sets, or the key that a request shows:
`Authorization: Bearer KEY`, made by `python web_app.py --new-key NAME`. A program should have a key.

**What fails** answers `{"error": {"code", "message"}}`: the code is for programs and stays the same, the message is a
sentence for people. 429 and 503 say in `Retry-After` after how many seconds to try again.
"""
CORE = """## Without a server

The core itself, in this repository, with `pip install -r requirements-serve.txt`:

```python
from utils.predictor import Predictor

predictor = Predictor.load("models")
prediction = predictor.predict("clip.wav")
print(prediction.status, prediction.emotion, prediction.probabilities)
```
"""


def written() -> str:
    """The whole document."""
    spec = description()
    return "\n".join([HEAD, *_examples(), *_stream(), CORE, *_calls(spec), *_objects(spec)])


def description() -> dict[str, Any]:
    """What /api/openapi.json answers; no model is needed for it."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"INSTANCE": folder, "HISTORY": False}, predictor=cast(Model, object()))
        return cast(dict[str, Any], app.test_client().get("/api/openapi.json").json)


def _examples() -> Iterator[str]:
    yield "## Examples\n"
    yield "Each sends a clip, shows what was heard, and deletes it. They lie in [docs/examples](examples).\n"
    for name, (file, language) in EXAMPLES.items():
        text = (ROOT / "docs" / "examples" / file).read_text(encoding="utf-8").strip()
        yield f"### {name}\n\n```{language}\n{text}\n```\n"


def _stream() -> Iterator[str]:
    if (ROOT / "docs" / "stream.md").exists():
        yield "## Live\n\nWhile somebody speaks: [docs/stream.md](stream.md) describes the WebSocket.\n"


def _calls(spec: dict[str, Any]) -> Iterator[str]:
    calls = [
        (method.upper(), path, call)
        for path, operations in spec["paths"].items()
        for method, call in operations.items()
        if method != "parameters"
    ]
    yield "## Calls\n\n| call | |\n|---|---|"
    for method, path, call in calls:
        yield f"| `{method} {path}` | {_cell(call['summary'])} |"
    yield ""
    for method, path, call in calls:
        yield f"### {method} {path}\n\n{call.get('description') or call['summary']}\n"
        yield "| | |\n|---|---|"
        yield from _rows(call, spec)
        yield ""


def _rows(call: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    for parameter in call.get("parameters", []):
        yield _row(f"`{parameter['name']}` in the {parameter['in']}", _kind(parameter["schema"]), parameter)
    for kind, body in call.get("requestBody", {}).get("content", {}).items():
        yield _row("body", f"`{kind}` {_kind(body['schema']) if '$ref' in body['schema'] else ''}".strip(), {})
        for name, schema in body["schema"].get("properties", {}).items():
            yield _row(f"`{name}` in the body", _kind(schema), schema)
    for status, answer in sorted(call["responses"].items()):
        if status == "default":
            continue
        answer = _meant(answer, spec)
        kinds = [
            _kind(body["schema"]) if "$ref" in body["schema"] else f"`{kind}`"
            for kind, body in answer.get("content", {}).items()
            if status < "400"
        ]
        yield _row(status, " ".join([_cell(answer["description"]), *kinds]), {})


def _objects(spec: dict[str, Any]) -> Iterator[str]:
    yield "## Objects\n"
    for name, schema in spec["components"]["schemas"].items():
        if name == "PaginationMetadata":
            continue
        yield f"### {name}\n\n| field | |\n|---|---|"
        for field, about in schema.get("properties", {}).items():
            yield _row(f"`{field}`", _kind(about), about)
        yield ""


def _row(name: str, kind: str, about: dict[str, Any]) -> str:
    return f"| {name} | {kind}{': ' + _cell(about['description']) if about.get('description') else ''} |"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        kind = f"[{name}](#{name.lower()})"
    elif "allOf" in schema:
        kind = " and ".join(map(_kind, schema["allOf"]))
    elif "anyOf" in schema:  # marshmallow's way of "or null"
        kinds = [_kind(part) for part in schema["anyOf"]]
        kind = f"{kinds[0]} or null" if kinds[1:] == ["object or null"] else " or ".join(kinds)
    elif "enum" in schema:
        kind = ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    elif schema.get("type") == "array":
        kind = f"list of {_kind(schema['items'])}"
    elif "additionalProperties" in schema:
        kind = f"name: {_kind(schema['additionalProperties'])}"
    else:
        kind = schema.get("type", "anything")
    return f"{kind} or null" if schema.get("nullable") else kind


def _meant(answer: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return spec["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    API.write_text(written(), encoding="utf-8")
