"""The edge as a WSGI application: what servers and clients may send beside what a test client does."""

import io
import re
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder

from connector.edges.scim.catalogue_file import Catalogue
from connector.edges.scim.discovery import Discovery
from connector.edges.scim.routes import Routes
from connector.edges.scim.service import ScimService
from tests.edge_client import problem


@pytest.fixture
def ask(app, client):
    """Calls the application with an environment that is changed as named; (status, headers, body)."""

    def asked(method, path, body=b"", **changed):
        environ = EnvironBuilder(path=f"/scim{path}", method=method, data=body).get_environ()
        environ |= {"HTTP_AUTHORIZATION": f"Bearer {client.bearer}", "CONTENT_TYPE": "application/scim+json"} | changed
        told = []
        answer = b"".join(app.wsgi_app(environ, lambda status, headers: told.extend([status, dict(headers)])))
        return int(told[0][:3]), told[1], answer

    return asked


def test_paths_may_end_or_double_their_slashes(ask, client):
    id = client.person("ann")

    for path in (f"/v2/Users/{id}", f"/v2/Users/{id}/", f"/v2//Users/{id}"):
        assert ask("GET", path)[0] == 200


def test_what_lies_beside_or_below_is_not_found(client, ask):
    for path in ("", "/", "/v1/Users", "/v2Users", "/v20/Users", "/v2/Users/a/b", "/v2/Users/a/.search"):
        assert ask("GET", path)[0] == 404, path
    problem(client.http.get("/scim/v1/Users"), 404, naming="/scim/v2")


def test_options_tell_what_a_path_takes(ask):
    status, headers, body = ask("OPTIONS", "/v2/Users")
    assert (status, headers["Allow"], body) == (200, "GET, POST, HEAD, OPTIONS", b"")
    assert ask("OPTIONS", "/v2/Bulk")[1]["Allow"] == "POST, OPTIONS"


def test_a_name_in_utf8_is_found_by_path_and_query(ask, client):
    id = client.person("zoë")
    raw = 'userName eq "zoë"'.encode().decode("latin-1")  # as a server that does not insist on escapes hands it on

    assert id.encode() in ask("GET", "/v2/Users", QUERY_STRING=f"filter={raw.replace(' ', '%20')}")[2]
    assert "Röbots".encode() in ask("GET", "/v2/X", PATH_INFO="/scim/v2/Röbots".encode().decode("latin-1"))[2]


def test_a_parameter_that_is_given_twice_counts_as_it_came_first(ask, client):
    client.person("ann")
    found = ask("GET", "/v2/Users", QUERY_STRING="count=0&count=1")[2]
    assert b'"itemsPerPage":0' in found


def test_a_body_that_is_refused_is_read_all_the_same(ask):
    body = io.BytesIO(b"x" * 1000)
    status, _, _ = ask(
        "POST", "/v2/Users", HTTP_AUTHORIZATION="Bearer no", CONTENT_LENGTH="1000", **{"wsgi.input": body}
    )
    assert (status, body.tell()) == (401, 1000)


def test_a_body_without_a_length_is_read_to_its_end(ask):
    sent = b'{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"chunks"}'
    chunked = {"wsgi.input": io.BytesIO(sent), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    assert ask("POST", "/v2/Users", HTTP_TRANSFER_ENCODING="chunked", **chunked)[0] == 201


def test_a_body_that_is_too_large_is_refused(ask):
    for length in ("99999999", "abc"):
        status, headers, answer = ask("POST", "/v2/Users", CONTENT_LENGTH=length, **{"wsgi.input": io.BytesIO(b"{")})
        assert status == (413 if length.isdigit() else 400)
        assert headers["Content-Type"] == "application/scim+json" and b'"status"' in answer


def test_what_has_no_body_has_no_type(ask, client):
    id = client.person("ann")
    etag = ask("GET", f"/v2/Users/{id}")[1]["ETag"]

    status, headers, body = ask("GET", f"/v2/Users/{id}", HTTP_IF_NONE_MATCH=etag)
    assert (status, body) == (304, b"") and "Content-Type" not in headers
    status, headers, body = ask("DELETE", f"/v2/Users/{id}")
    assert (status, body) == (204, b"") and not {"Content-Type", "Content-Length"} & headers.keys()


def _documented():
    """Path and methods of each row of docs/http.md that is about SCIM, but for the catalogue (test_catalogue.py)."""
    page = (Path(__file__).parents[3] / "docs" / "http.md").read_text()
    rows = re.findall(r"^\| `/scim(/v2/[^`]*)` \| ([A-Z, ]+) \|", page, re.MULTILINE)
    return [(path, methods.split(", ")) for path, methods in rows if not path.startswith(("/v2/Roles", "/v2/Entitl"))]


@pytest.mark.parametrize(("path", "methods"), _documented())
def test_paths_take_what_is_documented(ask, path, methods):
    filled = path.replace("<endpoint>", "Agents").replace("<id>", "x").replace("<name>", "User").replace("<urn>", "x")
    allowed = ask("OPTIONS", filled)[1]["Allow"].split(", ")
    assert [one for one in allowed if one not in ("HEAD", "OPTIONS")] == methods


def test_every_path_is_documented(parts):
    service = ScimService(parts.domain, "https://connector.example", Catalogue())
    routes = Routes(service, Discovery("https://connector.example", {}))
    assert {f"/v2/{name}" for name in routes.fixed} <= {path for path, _ in _documented()}
