"""What a request asks, read from its WSGI environment only as far as somebody wants to know it."""

from typing import Any
from urllib.parse import parse_qsl

import orjson
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.wsgi import get_content_length, get_input_stream

from connector.domain.unit import Caller
from connector.edges.scim.answers import Conditions
from connector.edges.scim.errors import ScimError
from connector.edges.scim.render import EVERYTHING, Selection, selection
from connector.edges.scim.schema import Table

MAX_BODY = 4 * 1024 * 1024
_MEDIA_TYPES = {"application/scim+json", "application/json"}


class Asked:
    """Method, `segments` of the path, query, headers and body of one request; `caller` is known once it was let in."""

    __slots__ = ("_environ", "_unread", "caller", "method", "segments")

    caller: Caller

    def __init__(self, environ: dict[str, Any], prefix: str) -> None:
        self._environ = environ
        self._unread = True
        self.method: str = environ["REQUEST_METHOD"]
        path = _text(environ.get("PATH_INFO", "")).removeprefix(prefix)
        self.segments = [part for part in path.split("/") if part]

    def header(self, name: str) -> str | None:
        """A header by its name in WSGI, such as `ACCEPT`."""
        found: str | None = self._environ.get(f"HTTP_{name}")
        return found

    @property
    def args(self) -> dict[str, str]:
        """The query's parameters. One that is given twice counts as it was given first."""
        given = self._environ.get("QUERY_STRING")
        return dict(reversed(parse_qsl(_text(given), keep_blank_values=True))) if given else {}

    def chosen(self, table: Table) -> Selection:
        if not self._environ.get("QUERY_STRING"):
            return EVERYTHING
        args = self.args
        return selection(table, args.get("attributes"), args.get("excludedAttributes"))

    def conditions(self) -> Conditions:
        return Conditions(self.header("IF_MATCH"), self.header("IF_NONE_MATCH"), required=self.caller.if_match)

    def body(self) -> Any:
        """The JSON of the body. UnsupportedMediaType, RequestEntityTooLarge or ScimError where there is none to be had."""
        sent = self._environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if sent not in _MEDIA_TYPES:
            raise UnsupportedMediaType(f"send application/scim+json, not {sent or 'a body without Content-Type'}")
        try:
            return orjson.loads(self._read())
        except ValueError as problem:
            raise ScimError("invalidSyntax", f"the body is not JSON: {problem}") from problem

    def drain(self) -> None:
        """Read a body that nobody wanted: left unread, it would make the server cut the connection under the client."""
        if self._unread and self._environ.get("CONTENT_LENGTH"):
            length = get_content_length(self._environ)
            if length is not None and 0 < length <= MAX_BODY:
                self._read()

    def _read(self) -> bytes:
        self._unread = False
        length = self._environ.get("CONTENT_LENGTH") or ""
        if (
            length.isdigit() and int(length) <= MAX_BODY
        ):  # what nearly everybody sends; Werkzeug's stream takes longer than JSON does
            found: bytes = self._environ["wsgi.input"].read(int(length))
            return found
        return get_input_stream(self._environ, max_content_length=MAX_BODY).read()


def _text(given: str) -> str:
    """WSGI gives bytes as Latin-1 (PEP 3333)."""
    return given if given.isascii() else given.encode("latin-1").decode("utf-8", "replace")
