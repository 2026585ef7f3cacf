"""Resources of a SCIM target by id and by filter: what ScimTarget and its groups both stand on.

In: ids, and an attribute with the value that it must equal. Out: resources as JSON. What the server claims about a match is for the
caller to check, because some servers ignore filters.
"""

from collections.abc import Iterator

import orjson

from connector.targets.base import Rejected, Unsupported
from connector.targets.line import NotThere
from connector.targets.scim_paths import parse_path
from connector.targets.scim_profiles import ObjectKind
from connector.targets.scim_wire import ScimWire
from connector.targets.sign_in import Json


class ScimResources:
    """Calls over the wire that ScimTarget opens."""

    _wire: ScimWire
    _kind: ObjectKind
    _write: str

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

    def _search(self, place: str, attribute: str, value: str, params: dict[str, str] | None = None) -> Iterator[Json]:
        """What the server's filter gives, or everything where it cannot filter or refuses this filter; never trusted."""
        if self._can_filter(attribute, value):
            try:
                first = list(self._wire.pages(place, query=_filter(attribute, value), params=params))
            except Rejected:  # some servers refuse an escaped quote, or a filter on this attribute
                yield from self._wire.pages(place, params=params)
                return
            yield from first
            return
        yield from self._wire.pages(place, params=params)

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
