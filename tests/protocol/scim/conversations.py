"""Conversations with a SCIM server, for hypothesis: what is created, changed in every shape, replaced, deleted, listed and searched."""

from typing import Any

from hypothesis import strategies as st

from tests.edge_client import AGENT, ENTERPRISE, GOVERNANCE, GROUP, PATCH_OP, SEARCH, USER
from tests.protocol.scim.two_servers import Step

one_of = st.sampled_from
full = one_of(["ann", "Ann", "bob", "cy", "x y", 'q"q', "ä"])
kinds = one_of(["work", "home", "other"])
NOTHING = one_of([None, "", []])


def listed(element: Any, most: int = 3) -> Any:
    return st.lists(element, max_size=most, unique_by=lambda one: (one.get("value"), one.get("type")))


def with_one_primary(elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "primary": True} if number == 1 else one for number, one in enumerate(elements)]


emails = listed(st.fixed_dictionaries({"value": one_of(["a@x.io", "b@x.io", "c@y.io"]), "type": kinds}))
emails = st.one_of(emails, emails.map(with_one_primary))
roles = listed(st.fixed_dictionaries({"value": one_of(["admin", "reader"])}, optional={"type": kinds}))
addresses = st.lists(
    st.fixed_dictionaries({"type": kinds, "locality": one_of(["Köln", "Bonn"])}), max_size=2, unique_by=lambda a: a["type"]
)  # fmt: skip
external_ids = one_of([f"e{number}" for number in range(200)])  # rarely one that is taken
names = st.fixed_dictionaries({}, optional={"givenName": full, "familyName": full})
departments = st.fixed_dictionaries({}, optional={"department": full, "costCenter": full})
users = st.fixed_dictionaries(
    {"schemas": st.just([USER, ENTERPRISE]), "userName": full, "active": st.booleans()},
    optional={
        "displayName": full,
        "title": full,
        "externalId": external_ids,
        "name": names,
        "emails": emails,
        "roles": roles,
        "addresses": addresses,
        ENTERPRISE: departments,
    },
)
members = st.lists(one_of(["$u0", "$u1", "$u0", "$u1", "$a0", "$u2"]), max_size=3, unique=True).map(
    lambda slots: [{"value": slot, "type": "Agent" if "a" in slot else "User"} for slot in slots]
)
groups = st.fixed_dictionaries(
    {"schemas": st.just([GROUP]), "displayName": one_of([f"g{number}" for number in range(60)])},
    optional={"members": members, "externalId": external_ids},
)
owners = st.lists(one_of(["$u0", "$u1"]), max_size=2, unique=True).map(lambda all: [{"value": one} for one in all])
protocols = st.lists(
    st.fixed_dictionaries({"type": one_of(["A2A", "MCP-Server"]), "specificationUrl": one_of(["https://a", "https://b"])}),
    max_size=2,
    unique_by=lambda one: one["type"],
)  # fmt: skip
governance = st.fixed_dictionaries(
    {}, optional={"purpose": full, "riskLevel": one_of(["low", "high"]), "environment": full}
)
agents = st.fixed_dictionaries(
    {"schemas": st.just([AGENT, GOVERNANCE]), "name": full, "active": st.booleans()},
    optional={
        "displayName": full,
        "description": full,
        "agentType": full,
        "externalId": external_ids,
        "owners": owners,
        "roles": roles,
        "entitlements": roles,
        "protocols": protocols,
        GOVERNANCE: governance,
    },
)
SETS, CHANGES = one_of(["add", "replace"]), one_of(["add", "replace", "remove"])


def sets(paths: list[str], value: Any) -> Any:
    return st.fixed_dictionaries({"op": SETS, "path": one_of(paths), "value": value})


def removes(paths: list[str]) -> Any:
    return st.fixed_dictionaries({"op": st.just("remove"), "path": one_of(paths)})


def clears(paths: list[str]) -> Any:
    return st.fixed_dictionaries({"op": st.just("replace"), "path": one_of(paths), "value": NOTHING})


USER_TEXTS = ["displayName", "title", "TITLE", "nickName", "name.givenName", "name.familyName", "userName"]
USER_TEXTS += [f"{USER}:displayName", f"{ENTERPRISE}:department", f"{ENTERPRISE.lower()}:costCenter"]
CHOSEN = [
    'emails[type eq "work"]',
    'emails[value co "x.io"]',
    "emails[primary eq true]",
    'emails[not (type eq "home")]',
]
EMAIL_SUBS = [f"{one}.{sub}" for one in CHOSEN for sub in ("value", "display")] + ["emails.display"]
user_operations = [
    sets(USER_TEXTS, full),
    sets(EMAIL_SUBS, full),
    sets(['emails[type eq "work"].primary', 'roles[value eq "admin"].primary'], st.booleans()),
    sets(["active"], st.booleans()),
    sets(["name"], names),
    sets([ENTERPRISE], departments),
    sets(["emails"], emails),
    sets(["roles"], roles),
    sets(["addresses"], addresses),
    sets(["id", "meta.version", "groups", "noSuchThing", "name.noSuchThing", "emails[type eq"], full),
    removes([*USER_TEXTS, *CHOSEN, *EMAIL_SUBS, "name", "emails", "roles", "addresses", ENTERPRISE]),
    removes(["userName", "noSuchThing", "id", 'addresses[type eq "home"]', 'emails[noSuchThing eq "x"]']),
    clears(["displayName", "title", "name.givenName", f"{ENTERPRISE}:department", "emails", "roles", "userName"]),
]
group_operations = [
    sets(["members"], members.filter(bool)),
    removes(["members", 'members[value eq "$u0"]', 'members[value eq "$u1" or value eq "$a0"]', "displayName"]),
    sets(["displayName"], one_of(["g1", "g4"])),
    clears(["externalId", "displayName", "members"]),
]
AGENT_TEXTS = ["displayName", "description", "agentType", "name", f"{AGENT}:agentType", f"{GOVERNANCE}:purpose"]
agent_operations = [
    sets(AGENT_TEXTS, full),
    sets(["active"], st.booleans()),
    sets(["owners"], owners.filter(bool)),
    sets(["roles", "entitlements"], roles),
    sets(["protocols"], protocols),
    sets(['protocols[type eq "A2A"].specificationUrl', 'roles[value eq "admin"].type'], full),
    sets([GOVERNANCE], governance),
    sets(["subject", "applications"], full),
    removes([*AGENT_TEXTS, "roles", 'entitlements[value eq "admin"]', 'protocols[type eq "A2A"]', "owners"]),
    clears(["description", "roles", f"{GOVERNANCE}:purpose", "name"]),
]
# What a tolerant server takes beside it, by kind of resource.
_without_path = {
    "u": st.fixed_dictionaries(
        {},
        optional={
            "displayName": full,
            "name.givenName": full,
            f"{USER}:title": full,
            ENTERPRISE: departments,
            "emails": emails,
            "noSuchThing": full,
            "ACTIVE": one_of([True, False, "True", "False"]),
        },
    ),
    "g": st.fixed_dictionaries({}, optional={"displayName": one_of(["g1", "g4"]), "members": members, "id": full}),
    "a": st.fixed_dictionaries(
        {},
        optional={"description": full, f"{GOVERNANCE}:purpose": full, "roles": roles, "x": full},
    ),
}  # fmt: skip
_loose = {
    "u": [
        sets(["emails"], st.fixed_dictionaries({"value": one_of(["a@x.io", "b@x.io"]), "type": kinds})),
        sets(CHOSEN, st.fixed_dictionaries({}, optional={"value": one_of(["n@x.io"]), "display": full})),
        st.fixed_dictionaries({"op": one_of(["Add", "REPLACE"]), "path": one_of(USER_TEXTS), "value": full}),
        sets(["active"], one_of(["True", "false"])),
        st.fixed_dictionaries({"op": st.just("remove"), "path": st.just("emails"), "value": emails.filter(bool)}),
    ],
    "g": [st.fixed_dictionaries({"op": st.just("Remove"), "path": st.just("members"), "value": members.filter(bool)})],
    "a": [sets(["active"], one_of(["True", "false"]))],
}
_operations = {"u": user_operations, "g": group_operations, "a": agent_operations}


def comparisons(attributes: list[str], extra: list[str]) -> Any:
    compared = st.builds(
        lambda name, op, value: f'{name} {op} "{value}"',
        one_of(attributes),
        one_of(["eq", "ne", "co", "sw", "ew", "gt", "le", "EQ"]),
        one_of(["ann", "Ann", "b", "x.io", "work", "e1", ""]),
    )
    present = st.builds("{} {}".format, one_of(attributes), one_of(["pr", "eq null", "ne null"]))
    terms = st.one_of(compared, compared, present, one_of(extra))
    return st.recursive(
        terms,
        lambda inner: st.one_of(
            st.builds("({}) {} {}".format, inner, one_of(["and", "or"]), terms),
            st.builds("{} {} {}".format, terms, one_of(["and", "OR"]), inner),
            inner.map("not ({})".format),
        ),
        max_leaves=4,
    )


_USER_FILTERS = ["userName", "displayName", "title", "name.givenName", "emails.value", "emails.type", "externalId"]
_USER_TERMS = ["active eq true", 'emails[type eq "work" and value co "a@"]', 'emails[not (type eq "work")]']
_USER_TERMS += ["emails[primary eq true]", 'roles[value eq "admin"].type eq "work"']
_filters = {
    "u": comparisons(
        [*_USER_FILTERS, f"{ENTERPRISE}:department", f"{USER}:title", "roles.value", "addresses.locality"],
        [*_USER_TERMS, 'id eq "$u0"', "noSuchThing pr", "userName eq", 'meta.resourceType eq "User"', "active gt true"],
    ),
    "g": comparisons(["displayName", "externalId"], ['members.value eq "$u0"', 'members[value eq "$u1"]', "members pr"]),
    "a": comparisons(
        ["name", "displayName", "description", "agentType", "roles.value", f"{GOVERNANCE}:riskLevel", "protocols.type"],
        ["active eq false", 'owners.value eq "$u0"', 'protocols[type eq "A2A"]', "owners pr", f"{GOVERNANCE}:purpose pr"],
    ),
}  # fmt: skip
_sorts = {
    "u": (["userName"], ["title", "displayName", "name.familyName", "externalId", f"{USER}:title"]),
    "g": (["displayName"], ["externalId"]),
    "a": (["name"], ["agentType", "description"]),
}
_chosen = {
    "u": ["userName", "name.givenName", "emails.value,title", f"{ENTERPRISE}:department", "noSuchThing"],
    "g": ["displayName", "externalId"],
    "a": ["name,roles.value", "description", GOVERNANCE],
}


def queries(kind: str) -> Any:
    """By an attribute that no two share, cut as wished; or by any, and then only the order is compared."""
    unique, others = _sorts[kind]
    common = {
        "sortOrder": one_of(["ascending", "descending"]),
        "filter": _filters[kind],
        "startIndex": one_of([-1, 0, 1, 2, 9]),
        "count": one_of([0, 1, 2, 5]),
    }
    cut = {"attributes": one_of(_chosen[kind])}
    left_out = {"excludedAttributes": one_of(["externalId", "meta", "active,roles"])}
    return st.one_of(
        st.fixed_dictionaries({"sortBy": one_of(unique)}, optional={**common, **cut}),
        st.fixed_dictionaries({"sortBy": one_of(unique)}, optional={**common, **left_out}),
        st.fixed_dictionaries({"sortBy": one_of(others)}, optional={"sortOrder": common["sortOrder"]}),
    )


def searches(kind: str) -> Any:
    def message(query: dict[str, Any]) -> dict[str, Any]:
        lists = {name: query[name].split(",") for name in ("attributes", "excludedAttributes") if name in query}
        return {**query, **lists, "schemas": [SEARCH]}

    return queries(kind).map(message)


_slots = {"u": ["u0", "u1", "u2"], "g": ["g0", "g1"], "a": ["a0", "a1"]}
_bodies = {"u": users, "g": groups, "a": agents}
_matches = one_of(["", "", "", "present", "past", "*"])


def _patches(kind: str, *, loose: bool) -> Any:
    operations = list(_operations[kind])
    if loose:
        without = st.fixed_dictionaries({"op": SETS, "value": _without_path[kind]})
        operations += [*_loose[kind], without, without]
    some = st.lists(st.one_of(*operations), min_size=1, max_size=3)
    return some.map(lambda all: {"schemas": [PATCH_OP], "Operations": all})


def _steps(kind: str, *, loose: bool) -> Any:
    slots, body = one_of(_slots[kind]), _bodies[kind]
    patch = st.builds(Step, st.just("patch"), slots, _patches(kind, loose=loose), st.none(), _matches)
    return st.one_of(
        st.builds(Step, st.just("create"), slots, body),
        patch,
        patch,
        patch,
        st.builds(Step, st.just("replace"), slots, body, st.none(), _matches),
        st.builds(Step, st.just("delete"), slots, st.none(), st.none(), _matches),
        st.builds(Step, st.just("list"), slots, st.none(), queries(kind)),
        st.builds(Step, st.just("search"), slots, st.none(), searches(kind)),
        st.builds(Step, st.just("unchanged"), slots),
    )


def conversations(*, loose: bool) -> Any:
    """Two users, a group and an agent are there to begin with; `loose`: also what only a tolerant server takes."""
    opening = [("u0", users), ("u1", users), ("a0", agents), ("g0", groups)]
    first = st.tuples(*(st.builds(Step, st.just("create"), st.just(slot), body) for slot, body in opening))
    rest = st.lists(st.one_of(*(_steps(kind, loose=loose) for kind in "uuga")), min_size=3, max_size=10)
    return st.builds(lambda begin, then: [*begin, *then], first, rest)
