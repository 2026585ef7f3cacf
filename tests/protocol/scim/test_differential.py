"""Generated conversations, held with our edge and with scim2-server in one process: every difference has a name and a reason.

CONNECTOR_DIFFERENTIAL=2000 plays that many conversations, each time other ones.
"""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)
from werkzeug.test import Client

from connector.app import create_app
from connector.domain import client_access, clients
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings
from tests.edge_client import ENTERPRISE, GROUP, PATCH_OP, USER

ASKED = os.environ.get("CONNECTOR_DIFFERENTIAL")
ROUNDS = int(ASKED) if ASKED else 150


# Times, addresses; and what scim2-server leaves out: a user's groups (RFC 7643 section 4.1.2), and URNs in `schemas`.
_OURS_TO_SAY = frozenset({"meta", "$ref", "groups", "schemas"})
# Differences that are meant: what our answer's detail holds, and why. The conversation ends there: the servers then differ.
NAMED = {
    "is not the id of a User, Agent or Group": "RFC 7643 section 4.2: members are resources; nobody can show a dangling one",
    "with the externalId": "RFC 7643 section 3.1: the client's own identifier; two of its resources cannot share it",
    "there is no User with the id 'nobody'": "of two errors in one request, no RFC says which comes first",
    "another Group with the displayName": "Entra requires it; RFC 7644 section 3.3 leaves uniqueness to the server",
}


@dataclass
class Side:
    """One server, and what the slots of the conversation are called there."""

    http: Client
    prefix: str
    bearer: str
    keeps_deleted_members: bool = (
        False  # scim2-server does; RFC 7644 section 3.6 wants what is deleted gone from everywhere
    )
    ids: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, query: Any = None, **headers: str) -> Any:
        more = {} if body is None else {"json": body, "content_type": "application/scim+json"}
        named = {"Authorization": f"Bearer {self.bearer}", **headers}
        return self.http.open(self.prefix + path, method=method, headers=named, query_string=query, **more)

    def real(self, value: Any) -> Any:
        """Slots (`$u0`) as this server's ids, everywhere in a value."""
        if isinstance(value, dict):
            return {name: self.real(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.real(one) for one in value]
        if isinstance(value, str) and "$" in value:
            for slot, id in self.ids.items():
                value = value.replace(f"${slot}", id)
        return value

    def plain(self, value: Any) -> Any:
        """A body with slots instead of ids, without times, addresses and versions, lists in one order."""
        if isinstance(value, list):
            return sorted(
                (self.plain(one) for one in value),
                key=lambda one: str(sorted(one.items())) if isinstance(one, dict) else str(one),
            )
        if isinstance(value, dict):
            kept = {name: self.plain(one) for name, one in value.items() if name not in _OURS_TO_SAY}
            if "type" in kept and str(kept.get("value", "")).startswith("$"):
                kept.pop("display", None)  # of a member: we fill it in
            return {name: one for name, one in kept.items() if one not in (None, [], {})}
        slots = {id: slot for slot, id in self.ids.items()}
        return f"${slots[value]}" if isinstance(value, str) and value in slots else value

    def _is_deleted(self, one: Any) -> bool:
        return isinstance(one, dict) and one.get("type") == "User" and one["value"] not in self.ids.values()


@dataclass(frozen=True)
class Step:
    what: str
    slot: str = "u0"
    body: Any = None
    query: Any = None
    match: str = ""

    @property
    def endpoint(self) -> str:
        return "/Users" if self.slot.startswith("u") else "/Groups"


words = st.sampled_from(["ann", "Ann", "bob", "", "x y", 'q"q'])
full = st.sampled_from(["ann", "Ann", "bob", "cy", "x y"])
kinds = st.sampled_from(["work", "home", "other"])
emails = st.lists(
    st.fixed_dictionaries({"value": st.sampled_from(["a@x.io", "b@x.io", "c@y.io"]), "type": kinds}),
    max_size=3,
    unique_by=lambda one: (one["value"], one["type"]),
)
users = st.fixed_dictionaries(
    {"schemas": st.just([USER, ENTERPRISE]), "userName": full, "active": st.booleans()},
    optional={
        "displayName": full,
        "title": full,
        "externalId": st.sampled_from([f"e{number}" for number in range(20)]),
        "name": st.fixed_dictionaries({}, optional={"givenName": full, "familyName": full}),
        "emails": emails,
        ENTERPRISE: st.fixed_dictionaries({"department": full}),
    },
)
members = st.lists(st.sampled_from(["$u0", "$u0", "$u1", "$u1", "$u0", "$u1", "$u2"]), max_size=3, unique=True).map(
    lambda slots: [{"value": slot, "type": "User"} for slot in slots]
)
groups = st.fixed_dictionaries(
    {"schemas": st.just([GROUP]), "displayName": st.sampled_from([f"g{number}" for number in range(9)])},
    optional={"members": members},
)
user_operations = st.one_of(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "replace"]),
            "path": st.sampled_from(
                [
                    "displayName",
                    "title",
                    "name.givenName",
                    "name.familyName",
                    "userName",
                    "nickName",
                    f"{ENTERPRISE}:department",
                    'emails[type eq "work"].value',
                    'emails[type eq "home"].display',
                ]
            ),
            "value": full,
        }
    ),
    st.fixed_dictionaries(
        {
            "op": st.just("remove"),
            "path": st.sampled_from(
                [
                    "displayName",
                    "title",
                    "name",
                    "name.givenName",
                    "emails",
                    'emails[type eq "work"]',
                    'emails[value co "x.io"]',
                    'emails[type eq "home"].type',
                    f"{ENTERPRISE}:department",
                    "userName",
                    "noSuchThing",
                    "id",
                ]
            ),
        }
    ),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "replace"]), "path": st.just("emails"), "value": emails.filter(bool)}
    ),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "replace"]), "path": st.just("active"), "value": st.booleans()}
    ),
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "replace"]),
            "path": st.just("name"),
            "value": st.sampled_from([{"givenName": "G"}, {"familyName": "F"}]),
        }
    ),
)
group_operations = st.one_of(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "replace"]), "path": st.just("members"), "value": members.filter(bool)}
    ),
    st.fixed_dictionaries(
        {
            "op": st.just("remove"),
            "path": st.sampled_from(["members", 'members[value eq "$u0"]', 'members[value eq "$u1"]']),
        }
    ),
    st.fixed_dictionaries(
        {"op": st.just("replace"), "path": st.just("displayName"), "value": st.sampled_from(["g1", "g4"])}
    ),
)
comparisons = st.one_of(
    st.builds(
        lambda name, op, value: f'{name} {op} "{value}"',
        st.sampled_from(
            [
                "userName",
                "displayName",
                "title",
                "name.givenName",
                "emails.value",
                "emails.type",
                "externalId",
                f"{ENTERPRISE}:department",
            ]
        ),
        st.sampled_from(["eq", "ne", "co", "sw", "ew"]),
        st.sampled_from(["ann", "Ann", "b", "x.io", "work", "e1"]),
    ),
    st.sampled_from(
        ["title pr", "emails pr", "active eq true", 'emails[type eq "work" and value co "a@"]', "name.givenName pr"]
    ),
)
filters = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(
            lambda left, word, right: f"({left}) {word} {right}", inner, st.sampled_from(["and", "or"]), comparisons
        ),
        inner.map(lambda one: f"not ({one})"),
    ),
    max_leaves=3,
)
queries = st.fixed_dictionaries(
    {"sortBy": st.just("userName")},  # without one the order is each server's own
    optional={
        "sortOrder": st.sampled_from(["ascending", "descending"]),
        "filter": filters,
        "startIndex": st.sampled_from(["-1", "0", "1", "2", "9"]),
        "count": st.sampled_from(["0", "1", "2", "5"]),
        "attributes": st.sampled_from(["userName", "name.givenName", "emails.value,title"]),
    },
)
user_slots, group_slots = st.sampled_from(["u0", "u1", "u2"]), st.sampled_from(["g0", "g1"])
matches = st.sampled_from(["", "", "", "present", "past", "*"])


def patches(operations: Any) -> Any:
    return st.lists(operations, min_size=1, max_size=3).map(lambda some: {"schemas": [PATCH_OP], "Operations": some})


steps = st.one_of(
    st.builds(Step, st.just("create"), user_slots, users),
    st.builds(Step, st.just("create"), group_slots, groups),
    st.builds(Step, st.just("patch"), user_slots, patches(user_operations), st.none(), matches),
    st.builds(Step, st.just("patch"), user_slots, patches(user_operations), st.none(), matches),
    st.builds(Step, st.just("patch"), group_slots, patches(group_operations), st.none(), matches),
    st.builds(Step, st.just("replace"), user_slots, users, st.none(), matches),
    st.builds(Step, st.just("replace"), group_slots, groups, st.none(), matches),
    st.builds(Step, st.just("delete"), st.one_of(user_slots, group_slots), st.none(), st.none(), matches),
    st.builds(Step, st.just("list"), st.just("u0"), st.none(), queries),
    st.builds(Step, st.just("unchanged"), user_slots),
)
conversations = st.tuples(users, users, groups, st.lists(steps, min_size=3, max_size=10))


@pytest.fixture(scope="module")
def our_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Any]]:
    folder = tmp_path_factory.mktemp("differential")
    parts = assemble(Settings(data_dir=folder, base_url="https://connector.example"))
    parts.domain.database.upgrade()
    yield create_app(parts), parts
    parts.domain.database.close()


@cache  # the provider takes longer to make than a conversation to hold
def scim2_service() -> tuple[ScimProvider, ScimService]:
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(),
        load_default_resource_types().values(),
        config=load_default_service_provider_config(),
    )
    return provider, ScimService(provider, secret=secrets.token_urlsafe(32))


def scim2_app() -> BearerTokenApplication:
    return BearerTokenApplication(InMemoryStorage(), *scim2_service(), bearer_tokens=["theirs"])


def difference(step: Step, ours: Any, theirs: Any, side: Side, other: Side) -> str | None:
    """What differs between two answers; None where nothing does."""
    if ours.status_code // 100 != theirs.status_code // 100 or (
        ours.status_code != theirs.status_code and ours.status_code >= 300
    ):
        return f"status {ours.status_code} against {theirs.status_code}"
    if ours.status_code >= 400:
        mine, others = (one.get_json().get("scimType") for one in (ours, theirs))
        return None if mine == others else f"scimType {mine} against {others}"
    if ours.status_code >= 204 or theirs.status_code >= 204:
        return None
    mine, others = side.plain(ours.get_json()), other.plain(theirs.get_json())
    return None if mine == others else f"body {mine} against {others}"


def is_named(told: str, our_answer: str) -> bool:
    """Whether the difference is one of the list; where nobody is found, only beside an error of theirs."""
    refused = told.startswith(("status 400", "status 409")) or told == "status 404 against 400"
    return refused and any(name in our_answer for name in NAMED)


def play(step: Step, side: Side) -> Any:
    path = f"{step.endpoint}/{side.ids.get(step.slot, 'nobody')}"
    headers = {"present": {"If-Match": side.tags.get(step.slot, 'W/"none"')}, "past": {"If-Match": 'W/"past"'}}
    condition = headers.get(step.match, {"If-Match": "*"} if step.match else {})
    body = side.real(step.body)
    if step.what == "create":
        answer = side.send("POST", step.endpoint, body)
        if answer.status_code == 201:
            side.ids[step.slot] = answer.get_json()["id"]
    elif step.what == "list":
        answer = side.send("GET", "/Users", query=step.query)
    elif step.what == "unchanged":
        answer = side.send("GET", path, **{"If-None-Match": side.tags.get(step.slot, 'W/"none"')})
    else:
        method = {"patch": "PATCH", "replace": "PUT", "delete": "DELETE"}[step.what]
        answer = side.send(method, path, body, **condition)
        if step.what == "delete" and answer.status_code == 204:
            side.ids.pop(step.slot)
            side.tags.pop(step.slot, None)
    if (tag := answer.headers.get("ETag")) and answer.status_code < 300:
        side.tags[step.slot] = tag
    return answer


def converse(conversation: Any, ours: Side, theirs: Side) -> list[str]:
    first, second, group, rest = conversation
    opening = [Step("create", "u0", first), Step("create", "u1", second), Step("create", "g0", group)]
    found = []
    for step in [*opening, *rest]:
        if step.what == "create" and step.slot in ours.ids:
            continue
        answers = play(step, ours), play(step, theirs)
        told = difference(step, *answers, ours, theirs)
        if told is None and step.what in ("create", "patch", "replace") and step.slot in ours.ids:
            path = step.endpoint
            after = [side.send("GET", f"{path}/{side.ids[step.slot]}") for side in (ours, theirs)]
            told = difference(step, *after, ours, theirs)
        if told is not None:
            found.append((step, told, [one.get_data(as_text=True) for one in answers]))
            break
    return found


def test_every_difference_from_scim2_server_has_a_name_and_a_reason(our_app: tuple[Flask, Any]) -> None:
    app, parts = our_app
    with parts.domain.change(SYSTEM) as unit:
        clients.create(unit, "differential", frozenset({"scim"}), profile="strict", static_bearer=True)
        bearer = client_access.issue_bearer(unit, "differential").secret

    @settings(
        max_examples=ROUNDS,
        deadline=None,
        database=None,
        derandomize=ASKED is None,
        phases=[Phase.generate, Phase.shrink] if ASKED else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(conversations)
    def hold(conversation: Any) -> None:
        ours = Side(app.test_client(), "/scim/v2", bearer)
        for endpoint in ("/Users", "/Groups"):
            for one in ours.send("GET", endpoint).get_json()["Resources"]:
                ours.send("DELETE", f"{endpoint}/{one['id']}")
        found = converse(conversation, ours, Side(Client(scim2_app()), "", "theirs", True))
        unnamed = [(step, told) for step, told, texts in found if not is_named(told, texts[0])]
        assert not unnamed, str(unnamed)

    hold()
