"""The OpenAPI document tells what is there: no more, no less, with examples that fit."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from forebay.dialects import DIALECTS
from forebay.entrypoints.openapi import DOCUMENTATION
from tests.http_client import Client

ENDPOINTS = [endpoint for dialect in DIALECTS for endpoint in dialect.endpoints] + list(DOCUMENTATION)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = Client().send("GET", "/openapi.json").json
    return found


NATIVE = "/forebay/v1/"


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()]


def test_it_lists_every_endpoint_and_nothing_else(document: dict[str, Any]) -> None:
    listed = {(method.upper(), path) for method, path, _ in operations(document)}

    assert listed == {(e.method, e.path.replace("<", "{").replace(">", "}")) for e in ENDPOINTS if e.listed}


def test_operation_ids_are_there_and_unique(document: dict[str, Any]) -> None:
    ids = [each["operationId"] for _, _, each in operations(document)]

    assert len(set(ids)) == len(ids)


def test_every_operation_has_a_tag_a_summary_errors_and_its_security(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    by_path = {(e.method.lower(), e.path.replace("<", "{").replace(">", "}")): e for e in ENDPOINTS}

    for method, path, each in operations(document):
        assert set(each["tags"]) <= tags, path
        assert each["summary"][0].isupper(), path
        assert {"429", "500", "503"} <= each["responses"].keys(), path
        assert {"400", "422"} & each["responses"].keys(), path  # what does not fit, in the words of its API
        assert bool(each["security"]) == (by_path[method, path].scope is not None), path
        assert ("401" in each["responses"]) == bool(each["security"]), path


def test_every_json_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    """Of the dialects, every body that is sent to them."""
    checked = 0
    for _, path, each in operations(document):
        answers = each["responses"].values() if path.startswith(NATIVE) else []
        bodies = [*answers, *([each["requestBody"]] if "requestBody" in each else [])]
        contents = [media["schema"] for body in bodies for kind, media in body["content"].items() if "json" in kind]
        for schema in [part for content in contents for part in content.get("anyOf", [content])]:
            if "$ref" not in schema:
                assert path.endswith("openapi.json") or not path.startswith(NATIVE)
                continue
            model = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert model["examples"], path
            for example in model["examples"]:
                jsonschema.validate(example, {"components": document["components"], **model})
                checked += 1
    assert checked


def test_every_native_body_refuses_members_that_it_does_not_name(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    named = referred(json.dumps({path: each for path, each in document["paths"].items() if path.startswith(NATIVE)}))
    while more := referred(json.dumps([schemas[name] for name in named])) - named:
        named |= more
    objects = {name: schemas[name] for name in named if "properties" in schemas[name]}

    assert [name for name, schema in objects.items() if schema.get("additionalProperties") is not False] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert referred(json.dumps(document)) <= document["components"]["schemas"].keys()


def referred(text: str) -> set[str]:
    """The schemas that the text refers to."""
    return {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}


def test_query_parameters_carry_their_bounds(document: dict[str, Any]) -> None:
    parameters = {each["name"]: each["schema"] for each in document["paths"]["/forebay/v1/jobs"]["get"]["parameters"]}

    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"]) == (1, 100)


def test_the_page_needs_no_other_site() -> None:
    page = Client().send("GET", "/docs").text

    assert "SwaggerUIBundle" in page
    assert "submitJob" in page
    assert not re.search(r"<(script|link|img)\s[^>]*(src|href)=['\"]?(https?:)?//", page)


def test_the_api_function_loads_neither_model_nor_index_nor_tracer() -> None:
    code = (
        "import sys, forebay.entrypoints.http, forebay.bootstrap.sealing;"
        "print([m for m in ('onnxruntime','numpy','opensearchpy','tokenizers','aws_xray_sdk','pypdf','pypdfium2')"
        " if m in sys.modules])"
    )
    shared = Path(__file__).resolve().parents[3] / "shared"

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(shared)}
    )

    assert found.stdout.strip() == "[]"
