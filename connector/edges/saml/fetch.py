"""Metadata from a file or an address."""

from pathlib import Path

from connector.core.errors import Invalid
from connector.core.http import HttpClient

WEB = ("http://", "https://")


def metadata_at(place: str, http: HttpClient | None = None) -> bytes:
    """What is in that file, or at that address. Invalid where it is not there, HttpFailure where nobody answers."""
    if place.startswith(WEB):
        answer = (http or HttpClient()).send("GET", place)
        if answer.status != 200:
            raise Invalid(f"{place} answered {answer.status}", field="metadata")
        return answer.body
    try:
        return Path(place).read_bytes()
    except OSError as problem:
        raise Invalid(f"{place}: {problem.strerror}", field="metadata") from problem
