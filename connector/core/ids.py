"""Identifiers of records, and the correlation id that joins request, event, job, target call and log line."""

import re
import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar

NewId = Callable[[str], str]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$")

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


def new_id(prefix: str) -> str:
    """`agt-` and 26 characters: 48 bits of time, so that new rows go to the end of an index, and 80 random bits."""
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return prefix + "-" + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def new_correlation_id() -> str:
    """A W3C trace id: 32 lower-case hex digits."""
    return secrets.token_hex(16)


def correlation_from(traceparent: str | None) -> str:
    """The trace id of a W3C `traceparent` header; a new one where there is none or it is malformed."""
    found = _TRACEPARENT.match(traceparent or "")
    if found is None or set(found["trace"]) == {"0"}:
        return new_correlation_id()
    return found["trace"]


def traceparent() -> str:
    """The `traceparent` header to send with an outbound call: our trace id and a new span."""
    return f"00-{correlation_id.get() or new_correlation_id()}-{secrets.token_hex(8)}-01"
