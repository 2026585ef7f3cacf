"""Resources of a SCIM target by id and by filter: what ScimTarget and its groups both stand on.

In: ids, and an attribute with the value that it must equal. Out: resources as JSON. What the server claims about a match is for the
caller to check, because some servers ignore filters.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson

from connector.targets.base import Rejected, Unsupported
from connector.targets.line import NotThere
from connector.targets.scim_paths import parse_path
from connector.targets.scim_profiles import ObjectKind
from connector.targets.scim_wire import ScimWire
from connector.targets.sign_in import Json

_TRIED: Final = 20  # resources that are looked at for a value to try a filter with


class ScimResources:
    """Calls over the wire that ScimTarget opens."""

    _wire: ScimWire
    _kind: ObjectKind
    _write: str
    _cases: dict[tuple[str, str], bool]  # endpoint and attribute -> whether the server's filter minds the case

    def _by_patch(self) -> bool:
        """Whether changes are sent by PATCH."""
        return self._write == "patch" or (self._write == "auto" and self._wire.features().patch)

    def _place(self, kind: ObjectKind | None = None) -> str:
        """The endpoint of our accounts, or of another kind of object."""
        wanted = kind or self._kind
        endpoint = self._wire.endpoint(wanted.type, wanted.endpoint)
        if endpoint is None:
            raise Unsupported(f"{self._wire.url} keeps no {wanted.endpoint}: its ResourceTypes name no {wanted.type}")
        return endpoint

    def _resource(self, account_id: str, place: str = "") -> tuple[Json, str] | None:
        """The resource and its version; None where it is gone."""
        if not account_id:
            return None
        try:
            resource, header = self._wire.get(place or self._place(), account_id)
        except NotThere:
            return None
        if resource.get("id") != account_id:
            raise Rejected(f"{self._wire.url} answered with another record than {account_id}")
        meta = resource.get("meta")
        return resource, str(meta.get("version", "") if isinstance(meta, dict) else "") or header

    def _search(
        self, place: str, attribute: str, value: str, params: dict[str, str] | None = None, *, any_case: bool = False
    ) -> Iterator[Json]:
        """What the server's filter gives, or everything where that cannot be relied on; a match is never trusted.

        `any_case` is for values that must be found however they are written there, at the price of a walk where the filter minds
        the case.
        """
        if self._can_filter(attribute, value):
            try:
                found = list(self._wire.pages(place, query=_filter(attribute, value), params=params))
            except Rejected:  # some servers refuse an escaped quote, or a filter on this attribute
                found = []
                doubtful = True
            else:  # and some find nothing where the value had to be escaped
                doubtful = orjson.dumps(value).decode() != f'"{value}"' or (
                    any_case and not found and self._minds_case(place, attribute)
                )
            if found or not doubtful:
                yield from found
                return
        yield from self._wire.pages(place, params=params)

    def _minds_case(self, place: str, attribute: str) -> bool:
        """Tried once, with a value that is there: the filter should find it in the other case, too (caseExact is false)."""
        if (place, attribute) not in self._cases:
            for resource in islice(self._wire.pages(place), _TRIED):
                value = str(resource.get(attribute, ""))
                if value.swapcase() != value and orjson.dumps(value).decode() == f'"{value}"':
                    again = self._wire.pages(place, query=_filter(attribute, value.swapcase()))
                    self._cases[(place, attribute)] = all(one["id"] != resource["id"] for one in again)
                    break
        return self._cases.get((place, attribute), False)

    def _can_filter(self, attribute: str, value: str) -> bool:
        profile = self._wire.profile
        honoured = profile.filters is None or attribute.lower() in profile.filters
        fits = profile.longest_sought is None or len(value) <= profile.longest_sought
        return honoured and fits and self._wire.features().filter


def _filter(attribute: str, value: str) -> str:
    """`attribute eq "value"` (RFC 7644 section 3.4.2.2: the value is JSON). Of a path with an item, the item is left out."""
    path = parse_path(attribute)
    name = f"{path.attribute}.{path.sub}" if path.sub else path.attribute
    return f"{name} eq {orjson.dumps(value).decode()}"
