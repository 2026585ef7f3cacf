"""Discovery (RFC 7644 section 4): what we serve, made once for each dialect."""

from collections.abc import Mapping
from typing import Any

import orjson

from connector.core.errors import NotFound
from connector.domain.clients import DIALECTS
from connector.domain.schema import GROUP
from connector.edges.scim import cursor, schema
from connector.edges.scim.bulk import MAX_OPERATIONS
from connector.edges.scim.catalogue import Collection
from connector.edges.scim.profiles import Profile
from connector.edges.scim.queries import DEFAULT_PAGE, MAX_PAGE

MAX_BODY = 4 * 1024 * 1024  # bytes
_NEWER = {"pagination", "agentExtension", "RolesAndEntitlements"}  # members that RFC 7643 section 5 does not have


class Discovery:
    """Answers /ServiceProviderConfig, /ResourceTypes and /Schemas from documents made at start-up."""

    def __init__(self, base_url: str, collections: Mapping[str, Collection]) -> None:
        self._root = f"{base_url}/scim/v2"
        self._collections = collections
        served = {dialect: [*schema.tables(dialect), *collections] for dialect in DIALECTS}
        self._configs = {dialect: self._config(dialect) for dialect in DIALECTS}
        self._types = {
            dialect: {key: self._located("ResourceTypes", one) for key, one in schema.type_documents(names).items()}
            for dialect, names in served.items()
        }
        self._schemas = {
            dialect: {
                key: self._located("Schemas", one) for key, one in schema.schema_documents(names, dialect).items()
            }
            for dialect, names in served.items()
        }
        self._bare_groups = {
            key: schema.without_member_display(one)
            for key, one in self._schemas["wzdk"].items()
            if key == GROUP.lower()
        }

    def config(self, dialect: str, profile: Profile) -> bytes:
        config = self._configs[dialect]
        if profile.config_of_rfc7643:
            config = {name: value for name, value in config.items() if name not in _NEWER}
        return orjson.dumps(config)

    def types(self, dialect: str) -> bytes:
        return _list(list(self._types[dialect].values()))

    def type(self, name: str, dialect: str) -> bytes:
        return _one(self._types[dialect], name, "resource type")

    def schemas(self, dialect: str, profile: Profile) -> bytes:
        return _list(list(self._described(dialect, profile).values()))

    def schema(self, urn: str, dialect: str, profile: Profile) -> bytes:
        return _one(self._described(dialect, profile), urn, "schema")

    def _described(self, dialect: str, profile: Profile) -> dict[str, dict[str, Any]]:
        found = self._schemas[dialect]
        return found if profile.member_display else found | self._bare_groups

    def _located(self, endpoint: str, document: dict[str, Any]) -> dict[str, Any]:
        kind = "Schema" if endpoint == "Schemas" else "ResourceType"
        return {**document, "meta": {"resourceType": kind, "location": f"{self._root}/{endpoint}/{document['id']}"}}

    def _config(self, dialect: str) -> dict[str, Any]:
        config: dict[str, Any] = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": True},
            "bulk": {"supported": True, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": MAX_BODY},
            "filter": {"supported": True, "maxResults": MAX_PAGE},
            "changePassword": {"supported": False},
            "sort": {"supported": True},
            "etag": {"supported": True},
            "pagination": {
                "cursor": True,
                "index": True,
                "defaultPaginationMethod": "index",
                "defaultPageSize": DEFAULT_PAGE,
                "maxPageSize": MAX_PAGE,
                "cursorTimeout": cursor.TIMEOUT,
            },
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "OAuth bearer token",
                    "description": "An access token from /oauth/token (client credentials), or a static bearer of the client",
                    "specUri": "https://www.rfc-editor.org/info/rfc6750",
                    "primary": True,
                }
            ],
            "meta": {"resourceType": "ServiceProviderConfig", "location": f"{self._root}/ServiceProviderConfig"},
        }
        if dialect in ("abbey", "superset"):  # the abbey draft's, for those that asked for it
            config["agentExtension"] = {
                "supported": True,
                "agentsSupported": True,
                "agenticApplicationsSupported": True,
            }
        if self._collections:
            config["RolesAndEntitlements"] = {
                "roles": self._catalogued("Roles"),
                "entitlements": self._catalogued("Entitlements"),
            }
        return config

    def _catalogued(self, endpoint: str) -> dict[str, Any]:
        """What ServiceProviderConfig says of a catalogue (draft-ietf-scim-roles-entitlements-01)."""
        collection = self._collections.get(endpoint)
        if collection is None:
            return {"supported": False}
        abilities = {f"multiple{endpoint}Supported": True, "primarySupported": True, "typeSupported": True}
        return {"supported": True, **abilities, "types": collection.types}


def _list(documents: list[dict[str, Any]]) -> bytes:
    return orjson.dumps(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": len(documents),
            "startIndex": 1,
            "itemsPerPage": len(documents),
            "Resources": documents,
        }
    )


def _one(documents: dict[str, dict[str, Any]], name: str, kind: str) -> bytes:
    document = documents.get(name.lower())
    if document is None:
        raise NotFound(f"there is no {kind} {name!r}")
    return orjson.dumps(document)
