"""Agents as agent identities of an Entra tenant: made from a blueprint, with sponsors, owners, and a user of their own where wanted.

In and out: Account values whose attributes are `displayName`, `externalId` (kept in a tag, since Entra has no place for it and lets two
agents have one name), `sponsors` and `owners` (user ids), and `userPrincipalName` of the agent's user.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from connector.core.clock import Clock
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected, Unreachable, Value
from connector.targets.entra_agent_parts import (
    AGENT,
    Blueprint,
    agent_user,
    bound,
    make_agent_user,
    people_of,
    set_people,
)
from connector.targets.entra_groups import EntraDirectory
from connector.targets.entra_wire import EntraOptions, equals, listed, quoted
from connector.targets.line import NotThere
from connector.targets.rest_values import holds
from connector.targets.sign_in import Json

_TAG: Final = "agentidp:"
_ROLES: Final = ("sponsors", "owners")
_ALL: Final = ("displayName", "externalId", *_ROLES, "userPrincipalName")
_PAGE: Final = "100"


class EntraAgents(EntraDirectory):
    """One Entra tenant whose agent identities are our accounts: those that we have made, or that our blueprint has."""

    kind = "servicePrincipals"
    capabilities = frozenset(
        {Capability.GROUPS, Capability.PEOPLE, Capability.DIRECTORY, Capability.DISABLE, Capability.DELETE}
    )

    def __init__(self, name: str, options: EntraOptions, clock: Clock) -> None:
        super().__init__(name, options, clock)
        self._blueprint = Blueprint(self._wire, self._newborns, options.blueprint, options.blueprint_name)

    def check(self) -> str:
        some = next(listed(self._wire, "servicePrincipals", AGENT, top="1"), None)
        return f"Entra ID at {self._wire.url}: agent identities can be read" + ("" if some else ", there are none yet")

    def accounts(self) -> Iterator[Account]:
        for agent in listed(self._wire, "servicePrincipals", AGENT, top=_PAGE):
            ours = agent.get("createdByAppId") == self._options.client_id
            if ours or (self._options.blueprint and agent.get("agentIdentityBlueprintId") == self._options.blueprint):
                yield self._wire.patiently(lambda one=agent: self._account(one))  # type: ignore[misc]

    def read(self, account_id: str) -> Account | None:
        try:
            agent = self._wire.get("servicePrincipals", account_id, AGENT).object
        except NotThere:
            self._newborns.guard(account_id)
            return None
        return self._account(agent) if agent.get("id") == account_id else None

    def find(self, attribute: str, value: str) -> list[Account]:
        """By a filter where Graph has one. What was created here a moment ago is found by its externalId."""
        if not value:
            return []
        newborn = self._newborns.anchor_of(value) if attribute == "externalId" else ""
        if newborn and (account := self.read(newborn)) is not None:
            return [account] if account.attributes.get("externalId") == value else []
        if attribute == "externalId":
            found = self._filtered(f"tags/any(t:t eq {quoted(_TAG + value)})")
            return [self._account(one) for one in found if _external_id(one) == value]
        if attribute == "displayName":
            found = self._filtered(equals(attribute, value))
            return [self._account(one) for one in found if holds(one.get(attribute), value)]
        return [account for account in self.accounts() if holds(account.attributes.get(attribute), value)]

    def normalise(self, account: Account) -> Account:
        """Without the user's name where agents have no users here; names of users in one case."""
        kept = dict(account.attributes)
        name = kept.pop("userPrincipalName", None)
        if name is not None and self._options.agent_users:
            kept["userPrincipalName"] = str(name).lower()
        return replace(account, name="", attributes=kept)

    def create(self, account: Account) -> Account:
        attributes = account.attributes
        _guard_known(attributes)
        external_id = str(attributes.get("externalId", ""))
        sponsors, owners = (_list(attributes.get(role)) for role in _ROLES)
        for name, there in (("displayName", attributes.get("displayName")), ("externalId", external_id)):
            if not there:
                raise Rejected(f"{name} is required", attribute=name)
        if not sponsors:
            raise Rejected(
                "Entra creates no agent without a sponsor: map `sponsors`, and see that the sponsor is found there",
                attribute="sponsors",
            )
        self._guard_free(external_id)
        body: Json = {
            "displayName": attributes["displayName"],
            "agentIdentityBlueprintId": self._blueprint.app_id(sponsors),
            "accountEnabled": account.active,
            "tags": [_TAG + external_id],
            "sponsors@odata.bind": bound(self._wire, sponsors),
            **({"owners@odata.bind": bound(self._wire, owners)} if owners else {}),
        }
        agent_id = self._made(external_id, body)
        made = replace(account, id=agent_id, name="")
        self._set_user(made, str(attributes.get("userPrincipalName", "")))
        return self.normalise(made)

    def update(self, account_id: str, changes: Changes) -> Account:
        _guard_known(changes.set)
        if "sponsors" in changes.clear or changes.set.get("sponsors") == []:
            raise Rejected("Entra does not let the last sponsor of an agent go: name another one", attribute="sponsors")
        agent = self._present(account_id)
        wanted: dict[str, Any] = {**changes.set, **dict.fromkeys(changes.clear)}
        body: Json = {"displayName": wanted["displayName"]} if wanted.get("displayName") else {}
        if "externalId" in wanted:
            body["tags"] = self._tags(agent, str(wanted["externalId"] or ""))
        if body:
            self._patch(account_id, body)
        for role in _ROLES:
            if role in wanted:
                set_people(self._wire, account_id, role, _list(wanted[role]))
        found = self._account(agent)
        kept = {name: value for name, value in found.attributes.items() if name not in changes.clear}
        changed = replace(found, attributes={**kept, **changes.set})
        if "userPrincipalName" in wanted:
            self._set_user(changed, str(wanted["userPrincipalName"] or ""))
        return self.normalise(changed)

    def set_active(self, account_id: str, active: bool) -> Account:
        agent = self._present(account_id)
        if not active:
            self._enable_user(account_id, False)
        self._patch(account_id, {"accountEnabled": active})
        if active:
            self._enable_user(account_id, True)
        return replace(self._account(agent), active=active)

    def delete(self, account_id: str) -> None:
        """With its user first: Entra would leave that behind."""
        user = agent_user(self._wire, account_id) if self._options.agent_users else None
        if user is not None:
            self._discard(str(user["id"]), "users")
        self._discard(account_id, "servicePrincipals")

    def _made(self, external_id: str, body: Json) -> str:
        """Created; where the answer is lost, another attempt has to wait until this one would have come to light."""
        try:
            made = self._wire.write("POST", "servicePrincipals", AGENT, body=body).object
        except Unreachable:
            self._newborns.doubt(external_id)
            raise
        except NotThere:
            fault = "Entra does not know one of the sponsors or owners, or this is not Graph v1.0 (option url)"
            raise Rejected(fault, attribute="sponsors") from None
        self._newborns.add(str(made["id"]), external_id)
        return str(made["id"])

    def _guard_free(self, external_id: str, own: str = "") -> None:
        newborn = self._newborns.anchor_of(external_id)
        holders = [newborn] if newborn else [str(one["id"]) for one in self._tagged(external_id)]
        if others := [one for one in holders if one != own]:
            raise AlreadyExists(f"an agent has the externalId {external_id!r}", id=others[0], attribute="externalId")
        self._newborns.guard_doubt(external_id)

    def _tagged(self, external_id: str) -> Iterator[Json]:
        for agent in self._filtered(f"tags/any(t:t eq {quoted(_TAG + external_id)})"):
            if _external_id(agent) == external_id:
                yield agent

    def _filtered(self, expression: str) -> Iterator[Json]:
        return listed(self._wire, "servicePrincipals", AGENT, advanced=True, filter=expression)

    def _tags(self, agent: Json, external_id: str) -> list[str]:
        """Those of others stay."""
        others = [str(tag) for tag in agent.get("tags") or [] if not str(tag).startswith(_TAG)]
        if external_id:
            self._guard_free(external_id, own=str(agent["id"]))
        return [*others, *([_TAG + external_id] if external_id else [])]

    def _present(self, account_id: str) -> Json:
        return self._newborns.there(lambda: self._wire.get("servicePrincipals", account_id, AGENT).object, account_id)

    def _patch(self, account_id: str, body: Json) -> None:
        self._newborns.there(
            lambda: self._wire.write("PATCH", "servicePrincipals", account_id, AGENT, body=body), account_id
        )

    def _set_user(self, account: Account, name: str) -> None:
        """The agent's own user as wanted: made, renamed, or taken away where there is no name for it."""
        if not self._options.agent_users:
            return
        user = agent_user(self._wire, account.id)
        if user is None and name:
            shown = str(account.attributes.get("displayName", name))
            make = partial(
                make_agent_user, self._wire, account.id, name=name, display_name=shown, active=account.active
            )
            self._newborns.there(make, account.id)
        elif user is not None and not name:
            self._discard(str(user["id"]), "users")
        elif user is not None and not holds(user.get("userPrincipalName"), name):
            self._wire.write("PATCH", "users", str(user["id"]), body={"userPrincipalName": name})

    def _enable_user(self, account_id: str, active: bool) -> None:
        user = agent_user(self._wire, account_id) if self._options.agent_users else None
        if user is not None:
            self._wire.write("PATCH", "users", str(user["id"]), body={"accountEnabled": active})

    def _account(self, agent: Json) -> Account:
        agent_id = str(agent["id"])
        attributes: dict[str, Value] = {}
        if agent.get("displayName"):
            attributes["displayName"] = str(agent["displayName"])
        if external_id := _external_id(agent):
            attributes["externalId"] = external_id
        try:
            for role in _ROLES:
                if held := people_of(self._wire, agent_id, role):
                    attributes[role] = list(held)
        except NotThere:
            self._newborns.guard(agent_id)
            raise Missing(f"the agent {agent_id} is gone again") from None
        user = agent_user(self._wire, agent_id) if self._options.agent_users else None
        if user is not None and user.get("userPrincipalName"):
            attributes["userPrincipalName"] = str(user["userPrincipalName"])
        return Account(id=agent_id, active=agent.get("accountEnabled") is not False, attributes=attributes)


def _guard_known(attributes: Mapping[str, Value]) -> None:
    for name in attributes:
        if name not in _ALL:
            raise Rejected(f"an agent identity of Entra has no {name} here; it has {', '.join(_ALL)}", attribute=name)


def _external_id(agent: Json) -> str:
    marks = (str(tag) for tag in agent.get("tags") or [])
    return next((mark.removeprefix(_TAG) for mark in marks if mark.startswith(_TAG)), "")


def _list(value: Any) -> list[str]:
    return [str(one) for one in dict.fromkeys(value if isinstance(value, list) else [value] if value else [])]
