"""Which path and method does what; the doing is service.py's, discovery.py's and catalogue.py's business."""

from collections.abc import Callable

import orjson

from connector.core.errors import Denied, NotFound
from connector.edges.scim import errors, queries
from connector.edges.scim.answers import Answer
from connector.edges.scim.asked import Asked
from connector.edges.scim.discovery import Discovery
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.schema import Table
from connector.edges.scim.service import ScimService, table_of

Methods = dict[str, Callable[..., Answer]]  # each takes the request and the path's variable segments
ME = ["Me"]


class Routes:
    """The paths below /scim/v2 (RFC 7644 section 3.2), but for HEAD and OPTIONS, which each of them has."""

    def __init__(self, service: ScimService, discovery: Discovery) -> None:
        self._service = service
        self._discovery = discovery
        self._collections = service.collections
        self._root: Methods = {"GET": self._search_all}
        self.fixed: dict[str, Methods] = {
            "Bulk": {"POST": self._bulk},
            ".search": {"POST": self._search_all_by_body},
            "Me": {"GET": self._me} | dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), self._not_me),
            "ServiceProviderConfig": {"GET": self._config},
            "ResourceTypes": {"GET": self._types},
            "Schemas": {"GET": self._schemas},
        }
        self._described: dict[str, Methods] = {"ResourceTypes": {"GET": self._type}, "Schemas": {"GET": self._schema}}
        self._listed: Methods = {"GET": self._search_listed}
        self._listed_one: Methods = {"GET": self._read_listed}
        self._many: Methods = {"GET": self._search, "POST": self._create}
        self._one: Methods = {
            "GET": self._read,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        self._searches: Methods = {"POST": self._search_by_body}

    def find(self, segments: list[str]) -> tuple[Methods, list[str]]:
        """What can be done at a path, and its variable segments. NotFound where there is no such path."""
        if len(segments) == 2:
            first, second = segments
            if second == ".search":
                return self._searches, [first]
            if first in self._described:
                return self._described[first], [second]
            return self._listed_one if first in self._collections else self._one, segments
        if len(segments) == 1:
            first = segments[0]
            if first in self.fixed:
                return self.fixed[first], []
            return self._listed if first in self._collections else self._many, segments
        if segments:
            raise NotFound(f"there is nothing at /{'/'.join(segments)}")
        return self._root, []

    def _search(self, asked: Asked, endpoint: str) -> Answer:
        return self._service.search(asked.caller, _table(asked, endpoint), queries.from_url(asked.args))

    def _search_by_body(self, asked: Asked, endpoint: str) -> Answer:
        if endpoint in self._collections:
            return self._collections[endpoint].search(asked.caller, queries.from_body(asked.body()))
        return self._service.search(asked.caller, _table(asked, endpoint), queries.from_body(asked.body()))

    def _search_all(self, asked: Asked) -> Answer:
        return self._service.search(asked.caller, None, queries.from_url(asked.args))

    def _search_all_by_body(self, asked: Asked) -> Answer:
        return self._service.search(asked.caller, None, queries.from_body(asked.body()))

    def _create(self, asked: Asked, endpoint: str) -> Answer:
        table = _table(asked, endpoint)
        return self._service.create(asked.caller, table, asked.body(), asked.chosen(table))

    def _read(self, asked: Asked, endpoint: str, id: str) -> Answer:
        table = _table(asked, endpoint)
        return self._service.read(asked.caller, table, id, asked.chosen(table), asked.conditions())

    def _replace(self, asked: Asked, endpoint: str, id: str) -> Answer:
        table = _table(asked, endpoint)
        return self._service.replace(asked.caller, table, id, asked.body(), asked.chosen(table), asked.conditions())

    def _patch(self, asked: Asked, endpoint: str, id: str) -> Answer:
        table = _table(asked, endpoint)
        return self._service.patch(asked.caller, table, id, asked.body(), asked.chosen(table), asked.conditions())

    def _delete(self, asked: Asked, endpoint: str, id: str) -> Answer:
        return self._service.delete(asked.caller, _table(asked, endpoint), id, asked.conditions())

    def _bulk(self, asked: Asked) -> Answer:
        return self._service.bulk(asked.caller, asked.body())

    def _me(self, asked: Asked) -> Answer:
        if asked.caller.kind == "client":
            return self._not_me(asked)
        table = _table(asked, "Agents")
        return self._service.me(asked.caller, table, asked.chosen(table), asked.conditions())

    def _not_me(self, _asked: Asked) -> Answer:
        detail = "an agent may read itself here; nothing else is served (RFC 7644 section 3.11)"
        return Answer(501, orjson.dumps(errors.body(501, detail)))

    def _search_listed(self, asked: Asked, endpoint: str) -> Answer:
        return self._collections[endpoint].search(asked.caller, queries.from_url(asked.args))

    def _read_listed(self, asked: Asked, endpoint: str, id: str) -> Answer:
        found = self._collections[endpoint]
        return found.read(id, asked.chosen(found.table), asked.conditions())

    def _config(self, asked: Asked) -> Answer:
        return _described(asked, self._discovery.config(asked.caller.dialect, PROFILES[asked.caller.profile]))

    def _types(self, asked: Asked) -> Answer:
        return _described(asked, self._discovery.types(asked.caller.dialect))

    def _type(self, asked: Asked, name: str) -> Answer:
        return _described(asked, self._discovery.type(name, asked.caller.dialect))

    def _schemas(self, asked: Asked) -> Answer:
        return _described(asked, self._discovery.schemas(asked.caller.dialect, PROFILES[asked.caller.profile]))

    def _schema(self, asked: Asked, urn: str) -> Answer:
        return _described(asked, self._discovery.schema(urn, asked.caller.dialect, PROFILES[asked.caller.profile]))


def _table(asked: Asked, endpoint: str) -> Table:
    return table_of(endpoint, asked.caller.dialect)


def _described(asked: Asked, document: bytes) -> Answer:
    if "filter" in asked.args:
        raise Denied("discovery cannot be filtered (RFC 7644 section 4)")
    return Answer(200, document, {"Vary": "Authorization"})
