"""One account while the members of groups are compared: pure but for one question about its name.

In: the account's id, and how to learn its userName (or the agent's name). Out: whether a member is this account.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote


class Somebody:
    """The name is asked for when it is needed, once."""

    def __init__(self, account_id: str, handle: Callable[[], str]) -> None:
        self._id = account_id
        self._ask = handle

    def is_(self, member: Mapping[str, Any]) -> bool:
        named = {str(member.get("value") or ""), tail(str(member.get("$ref") or ""))} - {""}
        return self._id in named or (bool(named) and self._handle in {name.casefold() for name in named})

    @cached_property
    def _handle(self) -> str:
        return self._ask().casefold()


def tail(reference: str) -> str:
    return unquote(reference.rstrip("/").rpartition("/")[2])
