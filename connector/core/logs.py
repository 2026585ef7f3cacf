"""One JSON line for each outcome, with its correlation id. Values under names that hold secrets are blotted out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from connector.core import ids

_SECRET_NAMES = re.compile(
    r"secret|password|passwd|token|assertion|authorization|cookie|private|credential_value|bearer", re.I
)
_SECRET_TEXT = re.compile(
    r"(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}|ac[bs]_[A-Za-z0-9_-]{20,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|-----BEGIN[^-]*PRIVATE KEY-----.*",
    re.S,
)
_BLOT = "********"


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: _BLOT if _SECRET_NAMES.search(name) else _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_BLOT, value)
    if isinstance(value, dict):
        return redact(None, "", value)
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value


def _correlate(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if current := ids.correlation_id.get():
        event.setdefault("correlation_id", current)
    return event


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send our lines, and those of libraries from warning upwards, to stream (standard error)."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _correlate,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=out, level=logging.WARNING, format="%(name)s: %(message)s", force=True)


def logger() -> Any:
    """Call with `action=` and what belongs to it: `log.info("pushed", action="push", agent=id, target=name)`."""
    return structlog.get_logger()
