"""Metadata from a file or an address."""

from pathlib import Path

from connector.core.errors import Invalid
from connector.core.http import HttpClient

WEB = ("http://", "https://")
_ACCEPT = {"Accept": "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9"}


def metadata_at(place: str, http: HttpClient | None = None) -> bytes:
    """What is in that file, or at that address. Invalid where it is not there, HttpFailure where nobody answers."""
    if place.startswith(WEB):
        answer = (http or HttpClient()).send("GET", place, headers=_ACCEPT)
        if answer.status != 200:
            raise Invalid(f"{place} answered {answer.status}", field="metadata")
        return answer.body
    try:
        return Path(place).read_bytes()
    except OSError as problem:
        raise Invalid(f"{place}: {problem.strerror}", field="metadata") from problem
