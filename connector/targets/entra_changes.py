"""What has changed among our users of an Entra tenant: one full read of them, then Graph's delta query.

In: a cookie. Out: pages of accounts as they are now. The delta query speaks of every user of the tenant and does not tell all of one, so
the full read is a list of ours only, and an account that has changed is read. A cookie is the address of what follows; within the full
read, that of the next page behind that of the delta query.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

from connector.targets.base import Account, ChangedPage, CookieExpired, Propagating, Unreachable
from connector.targets.entra_groups import user_account
from connector.targets.entra_managers import with_managers
from connector.targets.entra_wire import ADVANCED
from connector.targets.rest_wire import RestWire
from connector.targets.sign_in import Json

_BETWEEN: Final = "\n"


class EntraChanges:
    """`query` is the list of our users; `is_ours` and `read` are those of the target."""

    def __init__(
        self,
        wire: RestWire,
        select: str,
        query: Mapping[str, str],
        is_ours: Callable[[Account], bool],
        read: Callable[[str], Account | None],
    ) -> None:
        self._wire = wire
        self._select = f"{select},manager"  # else a new manager is no change
        self._query = query
        self._is_ours = is_ours
        self._read = read

    def pages(self, cookie: str) -> Iterator[ChangedPage]:
        delta, _, rest = cookie.partition(_BETWEEN)
        if cookie and not all(one.startswith(f"{self._wire.url}/") for one in (delta, rest) if one):
            raise CookieExpired("the cookie is of another address of Graph")
        if delta and not rest:
            return self._since(delta)
        return self._whole(delta or self._latest(), rest or f"{self._wire.url}/users?{urlencode(self._query)}")

    def _latest(self) -> str:
        """Where the delta query stands now."""
        params = {"$select": self._select, "$deltatoken": "latest"}
        link = self._wire.get("users", "delta", params=params).object.get("@odata.deltaLink")
        if not link:
            raise Unreachable("Microsoft Graph did not say where its changes stand")
        return str(link)

    def _whole(self, delta: str, url: str) -> Iterator[ChangedPage]:
        while url:
            body = self._page(url)
            url = str(body.get("@odata.nextLink", ""))
            ours = [one for one in _users(body) if self._is_ours(user_account(one))]
            held = self._wire.patiently(lambda some=ours: list(with_managers(self._wire, some)))  # type: ignore[misc]
            yield ChangedPage(
                tuple(map(user_account, held)), (), f"{delta}{_BETWEEN}{url}" if url else delta, whole=True
            )

    def _since(self, url: str) -> Iterator[ChangedPage]:
        while url:
            body = self._page(url)
            url, end = str(body.get("@odata.nextLink", "")), str(body.get("@odata.deltaLink", ""))
            if not (url or end):
                raise Unreachable("Microsoft Graph did not say where its changes go on")
            users = _users(body)
            gone = [str(one["id"]) for one in users if "@removed" in one]
            accounts = []
            for one in users:
                if "@removed" not in one and self._is_ours(user_account(one)):
                    account = self._now(one)
                    if account is None:
                        gone.append(str(one["id"]))
                    else:
                        accounts.append(account)
            yield ChangedPage(tuple(accounts), tuple(gone), url or end)

    def _now(self, user: Json) -> Account | None:
        try:
            return self._wire.patiently(lambda: self._read(str(user["id"])))
        except Propagating:  # the list knows it already
            return user_account(user)

    def _page(self, url: str) -> Json:
        return self._wire.patiently(lambda: self._wire.follow(url, headers=ADVANCED)).object


def _users(body: Json) -> list[Json]:
    value = body.get("value")
    if not isinstance(value, list):
        raise Unreachable("Microsoft Graph did not answer with a page of users")
    return [one for one in value if isinstance(one, dict) and one.get("id")]
