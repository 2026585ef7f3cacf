"""Entra ID, AWS IAM Identity Center and Google as SCIM service providers, as far as their makers publish what each takes and refuses."""

import base64
import uuid
from collections.abc import Mapping
from typing import Any

from flask import request

from tests.servers.fake import Answer
from tests.servers.scim_fake import Json, Refused, ScimFake, required

_ENTRA = "urn:ietf:params:scim:schemas:extension:Microsoft:Entra:2.0"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class _ByCursor(ScimFake):
    """Pages by cursor only (RFC 9865)."""

    largest_count = 100

    def page(self, found: list[Json]) -> Json:
        count = int(request.args.get("count", 100))
        start = int(base64.b64decode(request.args.get("cursor", "")).decode() or 0)
        cut = found[start : start + count]
        more = start + count < len(found)
        following = {"nextCursor": base64.b64encode(str(start + count).encode()).decode()} if more else {}
        return {"schemas": [_LIST], "itemsPerPage": len(cut), self.list_key: cut, **following}

    def check_paging(self) -> None:
        if not 1 <= int(request.args.get("count", 100)) <= self.largest_count:
            raise Refused(400, f"count is between 1 and {self.largest_count}", "invalidValue")
        for name in ("startIndex", "sortBy", "attributes", "excludedAttributes"):
            if name in request.args:
                raise Refused(400, f"{name} is not supported", "invalidValue")


class AwsFake(_ByCursor):
    """Filters by eq in few combinations, one value in each list, no members in any answer, no PUT of groups."""

    def check_query(self, place: str, terms: Mapping[str, str]) -> None:
        self.check_paging()
        users = ({"userName"}, {"externalId"}, {"groups.value"}, {"id", "manager"})
        groups = ({"displayName"}, {"externalId"}, {"id", "members"})
        if terms and set(terms) not in (users if self.is_users(place) else groups):
            raise Refused(400, "this combination of filters is not supported", "invalidFilter")

    def check_new(self, place: str, body: Json) -> None:
        if not self.is_users(place):
            if request.method == "PUT":
                raise Refused(501, "groups cannot be replaced")
            required(body, "displayName")
            return
        required(body, "userName", "displayName", "name.givenName", "name.familyName")
        for name in ("password", "groups", "ims", "photos", "x509Certificates", "entitlements"):
            if name in body:
                raise Refused(400, f"{name} is not supported", "invalidValue")
        for name in ("emails", "phoneNumbers", "addresses"):
            if len(body.get(name) or []) > 1:
                raise Refused(400, f"{name} may hold one value", "invalidValue")
        if any(one.get("primary") is not True for one in body.get("emails") or []):
            raise Refused(400, "the address must be primary", "invalidValue")

    def check_patch(self, place: str, operations: list[Json]) -> None:
        if self.is_users(place):
            return
        changes = 0
        for operation in operations:
            path = str(operation.get("path", ""))
            if path.partition("[")[0] not in ("displayName", "members", "externalId"):
                raise Refused(400, f"{path} cannot be changed", "invalidPath")
            if path == "members" and operation.get("op") != "add":
                raise Refused(400, "all members cannot be replaced or removed at once", "invalidValue")
            changes += len(operation.get("value") or [1]) if path.startswith("members") else 0
        if changes > 100:
            raise Refused(400, "at most 100 membership changes", "tooMany")

    def shown(self, place: str, resource: Json) -> Json:
        return resource if self.is_users(place) else {**resource, "members": []}


class EntraFake(_ByCursor):
    """Lower-case paths and keys, no PUT, an Accept of application/json, passwords and nicknames at birth, members never shown."""

    places = ("users", "groups")
    list_key = "resources"
    patch_answers_204 = True
    largest_count = 1000

    def refuse(self) -> Answer | None:
        if "application/json" not in request.headers.get("Accept", "") or "scim+json" in request.headers["Accept"]:
            return self.error(Refused(400, "BadRequest: Accept must be application/json"))
        if request.method == "PUT":
            return self.error(Refused(405, "BadRequest: PUT is not supported"))
        return super().refuse()

    def check_query(self, place: str, terms: Mapping[str, str]) -> None:
        self.check_paging()
        users = {"userName", "externalId", "id", "groups.value", f"{_ENTRA}:User:mailNickname"}
        known = users if self.is_users(place) else {"displayName", "id", "members.value"}
        if not set(terms) <= known or ("externalId" in terms and len(terms) > 1):
            raise Refused(400, "BadRequest: this filter is not supported", "invalidFilter")

    def check_new(self, place: str, body: Json) -> None:
        if self.is_users(place):
            names = ("userName", "password", "name.familyName", "name.givenName", "displayName")
            required(body, *names, f"{_ENTRA}:User:mailNickname")
            if "active" not in body:
                raise Refused(400, "active is required", "invalidValue")
            return
        required(body, "displayName", f"{_ENTRA}:Group:mailNickname")
        extension = body[f"{_ENTRA}:Group"]
        if not {"mailEnabled", "securityEnabled"} <= set(extension) or " " in extension["mailNickname"]:
            raise Refused(400, "the group extension is not whole", "invalidValue")
        if "members" in body:
            raise Refused(400, "members are added by PATCH", "invalidValue")

    def check_patch(self, place: str, operations: list[Json]) -> None:
        removed = [
            one for one in operations if one.get("op") == "remove" and str(one.get("path")).startswith("members")
        ]
        added = [one for one in operations if one.get("op") == "add" and one.get("path") == "members"]
        if len(removed) > 1 or ((removed or added) and len(operations) > 1):
            raise Refused(400, "one change of members in a request", "invalidValue")
        if any(len(one["value"]) > 20 for one in added) or any("[" not in one["path"] for one in removed):
            raise Refused(400, "at most 20 members are added, and one removed by its value", "invalidValue")

    def check_id(self, anchor: str) -> None:
        try:
            uuid.UUID(anchor)
        except ValueError:
            raise Refused(400, "BadRequest: this is no id") from None

    def shown(self, place: str, resource: Json) -> Json:
        return {name: value for name, value in resource.items() if name != "members"}


class GoogleFake(ScimFake):
    """No PUT (answered by a page), no paging, no sorting; names and an address at birth."""

    def refuse(self) -> Any:
        if request.method == "PUT":
            return "<html>404</html>", 404
        return super().refuse()

    def page(self, found: list[Json]) -> Json:
        return {"schemas": [_LIST], "totalResults": len(found), "Resources": found}

    def check_query(self, place: str, terms: Mapping[str, str]) -> None:
        for name in ("startIndex", "count", "sortBy", "cursor"):
            if name in request.args:
                raise Refused(400, f"{name} is not supported", "invalidValue")
        if not set(terms) <= {"userName", "externalId", "displayName"} or len(terms) > 1:
            raise Refused(400, "this filter is not supported", "invalidFilter")

    def check_new(self, place: str, body: Json) -> None:
        names = (
            ("userName", "name.givenName", "name.familyName", "emails") if self.is_users(place) else ("displayName",)
        )
        required(body, *names)
