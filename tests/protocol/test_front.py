"""What holds for every answer, whether Flask's dispatch was passed or not."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from connector.parts import Parts

FORM = "application/x-www-form-urlencoded"
PLAIN = (
    "/oauth/token",
    "/oauth/introspect",
    "/oauth/revoke",
    "/saml/ecp",
    "/saml/assertions",
    "/saml/artifact",
    "/saml/slo",
)


@pytest.fixture
def web(app: Flask) -> Any:
    return app.test_client()


@pytest.mark.parametrize("path", [*PLAIN, "/oauth/par"])
def test_the_trace_of_a_request_is_the_correlation_id_of_its_answer(web: Any, path: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    answer = web.post(path, data=b"x" * 100, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})

    assert answer.status_code >= 400 and answer.headers["Correlation-Id"] == trace


@pytest.mark.parametrize("path", PLAIN)
def test_an_endpoint_of_programs_says_what_it_takes(web: Any, path: str) -> None:
    answer = web.get(path)

    assert answer.status_code == 405 and "POST" in answer.headers["Allow"]
    assert answer.headers["Correlation-Id"]


def test_a_slash_at_the_end_makes_no_difference(web: Any) -> None:
    with_slash, without = (web.post(path, data={"grant_type": "x"}) for path in ("/oauth/token/", "/oauth/token"))

    assert (with_slash.status_code, with_slash.json) == (without.status_code, without.json)
    assert without.status_code == 401


def test_a_form_is_not_larger_than_a_token_request_can_be(web: Any) -> None:
    answer = web.post("/oauth/token", data=b"a=" + b"b" * 600_000, content_type=FORM)

    assert answer.status_code == 413 and answer.json["error"] == "invalid_request"


def test_octets_that_are_no_text_are_a_wrong_client_and_no_failure(web: Any) -> None:
    answer = web.post("/oauth/token", data=b"client_id=\xff&client_secret=%ff", content_type=FORM)

    assert answer.status_code == 401


def test_a_failure_of_ours_is_told_with_its_correlation_id(web: Any, parts: Parts) -> None:
    with parts.domain.database.transaction() as tx:
        tx.execute(sa.text("ALTER TABLE credential RENAME TO gone"))

    answer = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("any", "secret"))

    assert answer.status_code == 500 and answer.json["error"] == "server_error"
    assert answer.headers["Correlation-Id"] in answer.text and "gone" not in answer.text
