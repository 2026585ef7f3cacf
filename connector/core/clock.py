"""Time comes in through the door: a clock is a callable that returns aware UTC."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Fixed-width xsd:dateTime in UTC with milliseconds (RFC 7643 section 2.3.5).

    Stored and compared as text on every database: the order of the texts is the order of the instants.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """An xsd:dateTime with a zone as aware UTC; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"{text!r} is not a date and time with a zone, such as 2027-03-31T00:00:00Z")
    return moment.astimezone(UTC)
