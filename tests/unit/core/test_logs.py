"""Log lines: JSON, one an outcome, with the correlation id, and without secrets wherever these hide."""

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import structlog

from connector.core import ids, logs

SECRET = "acs_Zm9vYmFyYmF6cXV4LWZvb2JhcmJheg"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZ3QtMSJ9.c2lnbmF0dXJl"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    stream = io.StringIO()
    kept = logging.root.handlers[:], logging.root.level
    logs.configure("info", stream)
    yield lambda: [orjson.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.root.handlers[:], level = kept
    logging.root.setLevel(level)


def test_an_outcome_is_one_line_with_time_level_and_correlation_id(lines: Callable[[], list[dict[str, Any]]]) -> None:
    token = ids.correlation_id.set("0123456789abcdef0123456789abcdef")
    try:
        logs.logger().info("pushed", action="push", agent="agt-1", steps=["create"])
    finally:
        ids.correlation_id.reset(token)

    (line,) = lines()
    assert line["event"] == "pushed" and line["level"] == "info" and line["timestamp"].endswith("Z")
    assert line["correlation_id"] == "0123456789abcdef0123456789abcdef"
    assert (line["action"], line["agent"], line["steps"]) == ("push", "agt-1", ["create"])


def test_less_severe_lines_than_asked_for_are_left_out(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logs.logger().debug("details", action="push")

    assert lines() == []


@pytest.mark.parametrize(
    "name",
    [
        "client_secret",
        "password",
        "bind_passwd",
        "access_token",
        "client_assertion",
        "Authorization",
        "cookie",
        "private_key",
        "bearer",
    ],
)
def test_values_under_names_of_secrets_are_blotted_out(name: str) -> None:
    assert logs.redact(None, "", {name: "plain words", "agent": "agt-1"}) == {name: "********", "agent": "agt-1"}


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {JWT}",
        "Basic YWd0LTE6c2VjcmV0c2VjcmV0",
        f"the header was 'bearer {SECRET}'",
        f"secret={SECRET}",
        SECRET.replace("acs_", "acb_"),
        JWT,
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END RSA PRIVATE KEY-----",
    ],
    ids=["jwt", "basic", "quoted", "client-secret", "static-bearer", "naked-jwt", "pem", "rsa-pem"],
)
@pytest.mark.parametrize("place", ["text", "list", "dict", "deep"])
def test_secrets_inside_texts_are_blotted_out_at_any_depth(text: str, place: str) -> None:
    shapes: dict[str, Any] = {"text": text, "list": [text], "dict": {"a": text}, "deep": {"a": [{"b": (text,)}]}}

    shown = str(logs.redact(None, "", {"problem": shapes[place]}))

    assert "********" in shown
    for secret in (SECRET[4:], JWT, JWT.split(".")[1], "YWd0LTE6c2VjcmV0c2VjcmV0", "MIGHAgEAMBMGByqGSM49"):
        assert secret not in shown


def test_secrets_in_a_traceback_are_blotted_out(lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise ValueError(f"cannot parse Bearer {JWT}")
    except ValueError:
        logs.logger().exception("a push failed unexpectedly", action="push")

    (line,) = lines()
    assert "ValueError" in line["exception"] and JWT not in str(line)


def test_what_is_no_secret_stays_readable() -> None:
    said = {"event": "pushed", "problem": "basic rules of the bearer", "count": 3, "none": None, "yes": True}

    assert logs.redact(None, "", dict(said)) == said
