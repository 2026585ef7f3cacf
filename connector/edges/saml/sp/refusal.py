"""Why an answer of a workforce IdP is not accepted: a code that people are told, and a sentence for the log and the event."""

from collections.abc import Iterator
from contextlib import contextmanager

from connector.core.errors import ConnectorError, Invalid
from connector.domain.vouched import Code


class NotAccepted(ConnectorError):
    """The answer signs nobody in."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@contextmanager
def refusing(code: Code) -> Iterator[None]:
    """What is Invalid inside is not accepted, for this reason."""
    try:
        yield
    except Invalid as problem:
        raise NotAccepted(code, problem.detail) from problem
