"""Tokens of filters and paths (RFC 7644 section 3.4.2.2), with bounds on how much of them one request may bring."""

import re

from connector.edges.scim.errors import ScimError

MAX_LENGTH = 4096
MAX_DEPTH = 10
MAX_TERMS = 50
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([()\[\]])|([^\s()\[\]"]+))')


class Tokens:
    """The tokens of one text, taken one after another. `error` is the scimType of everything that is wrong with it."""

    def __init__(self, text: str, error: str) -> None:
        text = text.strip()
        self.text = text
        self.error = error
        if len(text) > MAX_LENGTH:
            raise self.wrong(f"longer than {MAX_LENGTH} characters")
        self._listed: list[str] = []
        self._at = 0
        self._depth = 0
        self._terms = 0
        end = 0
        while end < len(text):
            found = _TOKEN.match(text, end)
            if found is None:
                raise self.wrong(f"cannot read {text[end : end + 20]!r}: a text needs double quotes at both ends")
            self._listed.append(found[1] or found[2] or found[3])
            end = found.end()

    def wrong(self, detail: str, *, field: str | None = None) -> ScimError:
        """The error to raise."""
        return ScimError(self.error, detail, field=field)

    def peek(self) -> str | None:
        return self._listed[self._at] if self._at < len(self._listed) else None

    def next_is(self, word: str) -> bool:
        """Whether the next token is that word, in any case."""
        token = self.peek()
        return token is not None and token.lower() == word

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if token is None or (wanted is not None and token.lower() != wanted):
            raise self.wrong(f"expected {wanted or 'more'} {f'before {token!r}' if token else 'at the end'}")
        self._at += 1
        return token

    def end(self) -> None:
        """Nothing may follow."""
        if (token := self.peek()) is not None:
            raise self.wrong(f"cannot read {token!r}: terms are joined by `and` or `or`")

    def open(self, bracket: str) -> None:
        """Take an opening bracket; they nest only so deep."""
        self.take(bracket)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.wrong(f"brackets nest more than {MAX_DEPTH} deep")

    def close(self, bracket: str) -> None:
        self.take(bracket)
        self._depth -= 1

    def count_term(self) -> None:
        """One more comparison."""
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise self.wrong(f"more than {MAX_TERMS} terms")
