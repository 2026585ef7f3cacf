"""docs/openapi.yaml describes every route that is not SCIM, and nothing that schemathesis makes of it, or of SCIM, is a 5xx."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from tests.edge_client import AGENT, APPLICATION, GROUP, PATCH_OP, USER, EdgeClient

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
ROUNDS = int(os.environ.get("CONNECTOR_FUZZ", "15"))
_SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
_BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def _body(urn: str, **properties: Any) -> dict[str, Any]:
    schemas = {"type": "array", "items": {"enum": [urn]}, "minItems": 1}
    schema = {"type": "object", "required": ["schemas", *properties], "properties": {"schemas": schemas, **properties}}
    return {"required": True, "content": {"application/scim+json": {"schema": schema}}}


def _scim() -> dict[str, Any]:
    """A description of the SCIM routes that is just enough to fuzz them."""
    answers = {"responses": {"default": {"description": "any"}}}
    text: dict[str, Any] = {"type": "string"}
    asked = [
        {"name": name, "in": "query", "schema": text}
        for name in ("filter", "sortBy", "attributes", "startIndex", "count", "cursor")
    ]
    id = [{"name": "id", "in": "path", "required": True, "schema": text}]
    operation = {
        "type": "object",
        "properties": {"op": {"enum": ["add", "replace", "remove"]}, "path": text, "value": {}},
    }
    patch = _body(PATCH_OP, Operations={"type": "array", "minItems": 1, "items": operation})
    paths: dict[str, Any] = {
        "/scim/v2/Bulk": {"post": {**answers, "requestBody": _body(_BULK, Operations={"type": "array"})}},
        "/scim/v2/.search": {"post": {**answers, "requestBody": _body(_SEARCH, filter={})}},
    }
    for readonly in ("Schemas", "ResourceTypes", "Roles", "Entitlements"):
        paths[f"/scim/v2/{readonly}"] = {"get": {**answers, "parameters": asked}}
        paths[f"/scim/v2/{readonly}/{{id}}"] = {"parameters": id, "get": answers}
    named = (
        ("Users", USER, "userName"),
        ("Groups", GROUP, "displayName"),
        ("Agents", AGENT, "agentUserName"),
        ("AgenticApplications", APPLICATION, "name"),
    )
    for endpoint, urn, name in named:
        resource = _body(urn, **{name: {}})
        paths[f"/scim/v2/{endpoint}"] = {
            "get": {**answers, "parameters": asked},
            "post": {**answers, "requestBody": resource},
        }
        paths[f"/scim/v2/{endpoint}/{{id}}"] = {
            "parameters": id,
            "get": answers,
            "put": {**answers, "requestBody": resource},
            "patch": {**answers, "requestBody": patch},
            "delete": answers,
        }
    return {"openapi": "3.1.0", "info": {"title": "SCIM", "version": "1"}, "paths": paths}


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_route_that_is_not_scim_is_described_with_its_methods(app: Flask) -> None:
    served = {
        (re.sub("<([a-z]+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith("/scim/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"
    }

    assert described == served


@pytest.mark.parametrize("document", [DOCUMENT, _scim()], ids=["not-scim", "scim"])
def test_nothing_that_schemathesis_sends_is_a_server_error(
    app: Flask, client: EdgeClient, document: dict[str, Any]
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    headers = {"Authorization": f"Bearer {client.bearer}"}
    for found in schema.get_all_operations():
        _fuzz(app, found.ok(), headers)


def _fuzz(app: Flask, operation: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=ROUNDS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def fuzz(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        given = dict(case.as_transport_kwargs(base_url="http://localhost"))
        sent = {"json": given["json"]} if "json" in given else {"data": given.get("data")}
        if "json" in sent or case.media_type:
            sent["content_type"] = case.media_type
        path = given["url"].removeprefix("http://localhost")
        answer = app.test_client().open(
            path, method=case.method, headers=headers, query_string=given.get("params"), **sent
        )

        soap_fault = b"faultcode>S:Client<" in answer.data  # SOAP 1.1 section 6.2 wants 500 for every fault
        assert answer.status_code < 500 or soap_fault, (case.method, path, sent, answer.get_data(as_text=True)[:500])

    fuzz()
