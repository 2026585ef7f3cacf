"""Keycloak's Admin REST API: its options, how it words errors, and how its lists are walked.

In: the server's URL, a realm and a client of it. Out: JSON of users, groups, roles and clients, or errors of ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from connector.core.clock import Clock
from connector.targets.base import Unreachable
from connector.targets.options import option
from connector.targets.rest_options import RestOptions
from connector.targets.rest_wire import Refusal, RestWire, Said, Vendor
from connector.targets.sign_in import Json, SignIn

_MAX_PAGES: Final = 100_000
_ABSENT: Final = (
    *("User not found", "Group not found", "Role not found"),
    *("Could not find client", "Could not find group", "Could not find role"),
)
_NO_MORE: Final = "For more on this error"  # a description that describes nothing
# What the user profile's checks are called on the wire, in words that say what to do.
_WORDS: Final[Mapping[str, str]] = {
    "error-user-attribute-required": "the realm's user profile demands it: let the mapping give it a value",
    "error-user-attribute-read-only": "it is read-only in this realm (for username: the realm's switch Edit username)",
    "error-person-name-invalid-character": "the realm's user profile does not allow this character in a name",
    "error-username-invalid-character": "the realm's user profile does not allow this character in a username",
    "error-invalid-length": "its length is outside what the realm's user profile allows",
    "error-invalid-email": "it is no e-mail address",
}


@dataclass(frozen=True, kw_only=True)
class KeycloakOptions(RestOptions):
    """Options of a realm of Keycloak."""

    url: str = option("the server, such as https://sso.example.com; its Admin API is below it")
    realm: str = option("realm that the agents are to be in")
    sign_in_realm: str = option("realm of our client, where that is another one", default="")
    accounts_where: str = option(
        "only these are our accounts, such as attributes.kind=agent (default: all)", default=""
    )
    groups_are: str = option("what the agents' groups are there", default="groups", choices=("groups", "roles"))

    def problems(self) -> list[str]:
        found = super().problems() + self.address_problems("url") + self.client_problems()
        if self.accounts_where and not all(self.accounts_where.partition("=")):
            found.append("accounts_where: write it as attribute=value")
        return found

    @property
    def sign_in(self) -> SignIn:
        realm = self.sign_in_realm or self.realm
        return SignIn(
            token_url=f"{self.url.rstrip('/')}/realms/{quote(realm, safe='')}/protocol/openid-connect/token",
            client_id=self.client_id,
            client_secret=self.client_secret,
            private_key=self.private_key,
            key_header=self.key_header,
        )


class KeycloakWire(RestWire):
    """Calls below the Admin API of one realm."""

    def __init__(self, options: KeycloakOptions, clock: Clock) -> None:
        base = f"{options.url.rstrip('/')}/admin/realms/{quote(options.realm, safe='')}"
        super().__init__(base, options.http(clock), options.sign_in, VENDOR, clock=clock, reserve=options.reserve)
        self._size = options.page_size

    def walk(self, *path: str, params: Mapping[str, str] | None = None) -> Iterator[Json]:
        """Every object of a list that is cut by `first` and `max`; Unreachable where it is no list."""
        for page, _ in self.walk_pages(*path, params=params):
            yield from page

    def walk_pages(
        self, *path: str, params: Mapping[str, str] | None = None, place: str = ""
    ) -> Iterator[tuple[list[Json], str]]:
        """The same page after page, each with the place of the next one ("" for the end); from a place on, or all for "".

        A page begins with the last object of the one before it. Where that is no longer there, the list has moved under the walk
        (something before it was deleted), and the page before is read again: nothing that stays is passed over.
        """
        seen: set[str] = set()
        start, _, last = place.partition(" ")
        first = int(start) if start.isdecimal() else 0
        for _ in range(_MAX_PAGES):
            cut = {"first": str(first), "max": str(self._size + 1)}
            page = self.get(*path, params={**(params or {}), **cut}).body
            if not isinstance(page, list):
                raise Unreachable(f"{self.url}/{'/'.join(path)} did not answer with a list")
            found = [one for one in page if isinstance(one, dict) and one.get("id")]
            if last and first and (not found or found[0]["id"] != last):
                first, last = max(0, first - self._size), ""
                continue
            new = [one for one in found if one["id"] not in seen]
            seen.update(one["id"] for one in new)
            if len(page) <= self._size:
                yield new, ""
                return
            first, last = first + self._size, found[-1]["id"]
            yield new, f"{first} {last}"
        raise Unreachable(f"{self.url}/{'/'.join(path)}: the list does not end")


def _said(body: Json) -> Said | None:
    """Two shapes: `errorMessage` with a `field` where a value is at fault, and `error` with an `error_description`."""
    message, error = body.get("errorMessage"), body.get("error")
    if isinstance(message, str):
        attribute = body.get("field")
        words = _WORDS.get(message)
        named = f"{attribute}: {words}" if words and attribute else words or message
        return Said(message if words else "", named, attribute if isinstance(attribute, str) else _taken(message))
    if isinstance(error, str):
        more = str(body.get("error_description") or "")
        return Said("", error if not more or more.startswith(_NO_MORE) else f"{error}: {more}")
    return None


def _taken(message: str) -> str | None:
    """The attribute that a 409 names only in words."""
    return next((name for name in ("username", "email") if message.endswith(f"same {name}")), None)


def _classify(refusal: Refusal) -> Exception | None:
    """Nothing is gone but what Keycloak says is: a realm, a path or a server that is not there answers 404, too."""
    assert refusal.said is not None
    if refusal.status == 404 and not refusal.said.words.startswith(_ABSENT):
        return Unreachable(f"{refusal.detail}; are url and realm right?")
    return None


VENDOR: Final = Vendor("Keycloak", _said, _classify)
