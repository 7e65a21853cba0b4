"""The API's description is served, complete, and true of the answers."""

import io
import re
import time
from http import HTTPStatus

import pytest

from tests.fakes import FakePredictor


@pytest.fixture
def description(client):
    return client.get("/api/openapi.json").json


def test_it_covers_every_route(app, description):
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and rule.rule not in {"/api/openapi.json", "/api/docs", "/api/stream"}
    }
    described = {(path, method) for path, calls in description["paths"].items() for method in calls}
    assert {(path, method) for path, method in described if method != "parameters"} == routes


def test_every_call_says_what_it_does_and_how_it_fails(description):
    error = {"$ref": "#/components/schemas/Error"}
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            if method == "parameters":
                continue
            assert call["summary"], path
            for status, answer in call["responses"].items():
                if status.startswith(("4", "5")) and "content" in answer:
                    assert answer["content"]["application/json"]["schema"] == error, (path, status)


def test_every_answer_is_described_in_a_sentence(description):
    bare = {status.phrase for status in HTTPStatus}
    shared = [answer["description"] for answer in description["components"]["responses"].values()]
    answers = [
        answer["description"]
        for calls in description["paths"].values()
        for method, call in calls.items()
        if method != "parameters"
        for status, answer in call["responses"].items()
        if "description" in answer and status != "default"
    ]
    assert len(answers) > 40
    assert not [said for said in answers if said in bare]
    assert HTTPStatus.BAD_REQUEST.phrase not in shared


def test_the_upload_is_described(description):
    body = description["paths"]["/api/clips"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert body["schema"]["required"] == ["audio"]
    assert body["schema"]["properties"]["audio"] == {
        "type": "string",
        "format": "binary",
        "description": "at most 25 MB, 30 minutes",
    }


TYPES = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
}


def check(value, schema, schemas):
    """A small part of JSON Schema: types, properties, items, enums, references."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[-1]]
    if "allOf" in schema:
        return all(check(value, part, schemas) for part in schema["allOf"])
    if value is None:
        assert any(part.get("nullable") for part in [schema, *schema.get("anyOf", [])]), schema
        return True
    if "anyOf" in schema:
        return check(value, schema["anyOf"][0], schemas)
    types = {
        "string": str,
        "number": (int, float),
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    assert isinstance(value, types[schema["type"]]), (value, schema)
    assert value in schema.get("enum", [value])
    if schema["type"] == "array":
        for item in value:
            check(item, schema["items"], schemas)
    for name, part in schema.get("properties", {}).items():
        assert name in value or name not in schema.get("required", []), name
        if name in value:
            check(value[name], part, schemas)
    if "properties" in schema:
        assert set(value) <= set(schema["properties"])
    return True


def test_answers_are_as_described(client, description, send, make_app, wav):
    clip = send().json
    transcript = client.post(f"/api/clips/{clip['id']}/transcript")
    forgetful = make_app({"HISTORY": False}, predictor=FakePredictor()).test_client()
    unstored = forgetful.post("/api/clips", data={"audio": (io.BytesIO(wav), "a.wav")})

    def correct(said):
        return client.put(f"/api/clips/{clip['id']}/correction", json=said)

    queued = client.post("/api/recordings", data={"audio": (io.BytesIO(wav), "a.wav")})
    while (done := client.get(queued.headers["Location"])).json["state"] != "done":
        time.sleep(0.02)
    answers = [
        ("/api/clips/{clip_id}", "get", client.get(f"/api/clips/{clip['id']}")),
        ("/api/clips/{clip_id}", "get", client.get(f"/api/clips/{'0' * 46}")),
        ("/api/clips", "post", unstored),
        ("/api/clips", "post", client.post("/api/clips")),
        ("/api/clips", "get", client.get("/api/clips")),
        ("/api/clips.json", "get", client.get("/api/clips.json")),
        ("/api/clips/{clip_id}/transcript", "post", transcript),
        ("/api/clips/{clip_id}/correction", "put", correct({"emotion": "calm"})),
        ("/api/clips/{clip_id}/correction", "put", correct({"emotion": "bored"})),
        ("/api/clips/{clip_id}/correction", "put", correct({})),
        ("/api/consent", "get", client.get("/api/consent")),
        ("/api/consent", "put", client.put("/api/consent", json={"training": True})),
        ("/api/consent", "put", client.put("/api/consent", json={"training": "yes"})),
        ("/api/recordings", "post", queued),
        ("/api/recordings", "get", client.get("/api/recordings")),
        ("/api/recordings/{recording_id}", "get", done),
        ("/api/recordings/{recording_id}/segments", "get", client.get(f"{done.json['audio_url'][:-5]}segments")),
        ("/api/recordings/{recording_id}/peaks", "get", client.get(f"{done.json['audio_url'][:-5]}peaks")),
        ("/api/recordings/{recording_id}/start", "post", client.post(f"{done.json['audio_url'][:-5]}start")),
        ("/api/settings", "get", client.get("/api/settings")),
        ("/api/settings", "put", client.put("/api/settings", json={"language": "xx"})),
        ("/api/health/ready", "get", client.get("/api/health/ready")),
        ("/api/health/live", "get", client.get("/api/health/live")),
    ]
    for path, method, answer in answers:
        described = description["paths"][path][method]["responses"][str(answer.status_code)]
        if "$ref" in described:
            described = description["components"]["responses"][described["$ref"].rsplit("/", 1)[-1]]
        schema = described["content"]["application/json"]["schema"]
        assert check(answer.json, schema, description["components"]["schemas"])


def test_a_person_can_read_it_without_anybody_elses_server(client, description):
    answer = client.get("/api/docs")
    assert answer.mimetype == "text/html"
    for path in description["paths"]:
        assert path in answer.text
    assert "://" not in answer.text.replace("http://localhost", "")
    calls = re.findall(r"<section>\s*<h2>.*?</section>", answer.text, re.S)
    for call in calls:
        rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', call, re.S)
        assert all(words.strip() for _, words in rows), call
        statuses = [name for name, _ in rows if name.isdecimal()]
        assert statuses == sorted(statuses), "what is hoped for comes first"
        assert int(statuses[0]) < 300
    for target in re.findall(r'href="#(\w+)"', answer.text):
        assert f'id="{target}"' in answer.text
