"""Views that ask for nothing but the request."""

from collections.abc import Callable
from typing import Any


class Plain:
    """A view for programs: a function of the request. The web framework calls it like any other, with the request that is `current`;

    who has a request already need not go through its dispatch (docs/decisions/005-scim-in-front-of-flask.md).
    """

    def __init__(self, view: Callable[[Any], Any], current: Any) -> None:
        self.view = view
        self._current = current

    def __call__(self) -> Any:
        return self.view(self._current)
