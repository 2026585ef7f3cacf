"""Agents as AI agents of an Okta org (workload principals): registered, owned, given their keys, activated.

In and out: Account values whose attributes are `name`, `description`, `owners` (user ids) and `jwks` (public keys). Every write is an
operation that Okta works on for a while. An agent without an owner or a credential stays STAGED, which counts as disabled.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from connector.core.clock import Clock
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected, Unreachable, Value
from connector.targets.line import NotThere
from connector.targets.okta_agent_parts import BASE, Owners, keys_of, read_keys, set_keys, settle
from connector.targets.okta_wire import OktaDirectory, OktaOptions, open_wire, plain, profile_of
from connector.targets.rest_wire import Reply
from connector.targets.sign_in import Json

_SCOPE: Final = (
    "okta.aiAgents.manage okta.aiAgents.read okta.users.read okta.groups.read okta.orgs.read "
    "okta.governance.resourceOwner.read okta.governance.resourceOwner.manage"
)
_PROFILE: Final = ("name", "description")
_ALL: Final = (*_PROFILE, "owners", "jwks")
_MERGE: Final = {"Content-Type": "application/merge-patch+json"}


class OktaAgents(OktaDirectory):
    """One Okta org whose AI agents are our accounts."""

    capabilities = frozenset({Capability.PEOPLE, Capability.DIRECTORY, Capability.DISABLE, Capability.DELETE})

    def __init__(self, name: str, options: OktaOptions, clock: Clock) -> None:
        super().__init__(name, options, open_wire(options, clock, scope=_SCOPE))
        governance = self._wire
        if options.governance_url:
            governance = open_wire(options, clock, scope=_SCOPE, url=options.governance_url)
        self._owners = Owners(governance, self._wire, options.org_id) if options.owners == "governance" else None

    def check(self) -> str:
        some = next(self._agents(), None)
        return f"Okta at {self._wire.url}: AI agents can be read" + ("" if some else ", there are none yet")

    def accounts(self) -> Iterator[Account]:
        for agent in self._agents():
            yield self._wire.patiently(partial(self._account, agent))

    def read(self, account_id: str) -> Account | None:
        agent = self._agent(account_id)
        return None if agent is None else self._account(agent)

    def find(self, attribute: str, value: str) -> list[Account]:
        if not value:
            return []
        if attribute != "name":
            return [account for account in self.accounts() if account.attributes.get(attribute) == plain(value)]
        return [self._account(agent) for agent in self._named(value)]

    def normalise(self, account: Account) -> Account:
        """Without characters that Okta cannot keep, and without what is not kept there by the options."""
        kept: dict[str, Value] = {}
        for name, value in account.attributes.items():
            if name == "jwks" and self._options.keys:
                kept[name] = list(read_keys(value))
            elif name in _PROFILE:
                kept[name] = plain(value)
            elif name == "owners" and self._owners is not None:
                kept[name] = value
        return replace(account, name="", attributes=kept)

    def create(self, account: Account) -> Account:
        """Registered, owned, given its keys, and activated where it has both an owner and a key."""
        _guard_known(account.attributes)
        name = account.attributes.get("name")
        if not name:
            raise Rejected("name is required, of 3 characters or more", attribute="name")
        profile = {part: plain(account.attributes[part]) for part in _PROFILE if account.attributes.get(part)}
        try:
            agent_id = self._settle("POST", body={"profile": profile})
        except AlreadyExists as taken:
            holders = [str(agent["id"]) for agent in self._named(str(name))]
            holder = holders[0] if holders else ""
            raise AlreadyExists(taken.detail, id=holder, attribute="name") from taken
        self._set_parts(agent_id, account.attributes)
        made = self._fresh(agent_id)
        ready = self._owners is not None and made.attributes.get("owners") and made.attributes.get("jwks")
        return self.set_active(agent_id, True) if account.active and ready else made

    def update(self, account_id: str, changes: Changes) -> Account:
        _guard_known(changes.set)
        if self._agent(account_id) is None:
            raise Missing(f"there is no agent {account_id}")
        cleared: dict[str, Any] = dict.fromkeys(changes.clear)
        profile = {name: plain(value) for name, value in {**changes.set, **cleared}.items() if name in _PROFILE}
        if profile:
            try:
                self._settle("PATCH", account_id, body={"profile": profile}, headers=_MERGE)
            except AlreadyExists as taken:
                holders = [str(agent["id"]) for agent in self._named(str(changes.set.get("name", "")))]
                raise AlreadyExists(taken.detail, id=holders[0] if holders else "", attribute="name") from taken
        self._set_parts(account_id, {**changes.set, **{name: [] for name in changes.clear}})
        return self._fresh(account_id)

    def set_active(self, account_id: str, active: bool) -> Account:
        agent = self._agent(account_id)
        if agent is None:
            raise Missing(f"there is no agent {account_id}")
        if active == (agent.get("status") == "ACTIVE") or (not active and agent.get("status") == "STAGED"):
            return self._account(agent)
        self._settle("POST", account_id, "lifecycle", "activate" if active else "deactivate")
        changed = self._fresh(account_id)
        if changed.active != active:  # an agent without an owner is left as it is, without a word
            advice = "an agent needs an owner and a credential before Okta activates it" if active else ""
            raise Rejected(f"Okta took the change of the state and did not make it; {advice}".rstrip("; "))
        return changed

    def delete(self, account_id: str) -> None:
        agent = self._agent(account_id)
        if agent is None:
            return
        try:
            if agent.get("status") == "ACTIVE":
                self._settle("POST", account_id, "lifecycle", "deactivate")
            self._settle("DELETE", account_id)
        except Missing:
            return

    def _set_parts(self, agent_id: str, attributes: Mapping[str, Value]) -> None:
        if "owners" in attributes and self._owners is not None:
            owners = attributes["owners"]
            self._owners.set(agent_id, [str(one) for one in (owners if isinstance(owners, list) else [owners])])
        if "jwks" in attributes and self._options.keys:
            set_keys(self._wire, agent_id, read_keys(attributes["jwks"]))

    def _settle(self, method: str, *path: str, body: Json | None = None, headers: dict[str, str] | None = None) -> str:
        try:
            reply = self._wire.write(method, *BASE, "ai-agents", *path, body=body, headers=headers)
        except NotThere:
            raise Missing(f"there is no agent {path[0] if path else ''}".rstrip()) from None
        return settle(self._wire, reply, wait=self._options.wait)

    def _agent(self, account_id: str) -> Json | None:
        if not re.fullmatch(r"[\w-]+", account_id):
            return None
        try:
            agent = self._wire.get(*BASE, "ai-agents", account_id).object
        except NotThere:
            return None
        return agent if agent.get("id") == account_id else None

    def _fresh(self, agent_id: str) -> Account:
        found = self.read(agent_id)
        if found is None:
            raise Missing(f"the agent {agent_id} is gone again")
        return found

    def _named(self, name: str) -> Iterator[Json]:
        wanted = plain(name)
        for agent in self._agents(search=f"profile.name eq {orjson.dumps(wanted).decode()}"):
            if profile_of(agent).get("name") == wanted:
                yield agent

    def _agents(self, **params: str) -> Iterator[Json]:
        size = str(min(200, self._options.page_size))
        for page in self._wire.pages(*BASE, "ai-agents", cut=_cut, params={"limit": size, **params}):
            yield from page

    def _account(self, agent: Json) -> Account:
        agent_id = str(agent["id"])
        profile = profile_of(agent)
        attributes: dict[str, Value] = {name: profile[name] for name in _PROFILE if profile.get(name)}
        owners = self._owners.of(agent_id) if self._owners is not None else []
        keys = list(keys_of(self._wire, agent_id).values()) if self._options.keys else []
        attributes |= ({"owners": owners} if owners else {}) | ({"jwks": keys} if keys else {})
        return Account(id=agent_id, active=agent.get("status") == "ACTIVE", attributes=attributes)


def _guard_known(attributes: Mapping[str, Value]) -> None:
    for name in attributes:
        if name not in _ALL:
            raise Rejected(f"an AI agent of Okta has no {name}; it has {', '.join(_ALL)}", attribute=name)


def _cut(reply: Reply) -> tuple[list[Json], str]:
    """Here the next page is in the body, not in a header."""
    data, links = reply.object.get("data"), reply.object.get("_links")
    if not isinstance(data, list):
        raise Unreachable("Okta did not answer with a list of AI agents")
    following = links.get("next") if isinstance(links, dict) else None
    url = str(following.get("href", "")) if isinstance(following, dict) else ""
    return [one for one in data if isinstance(one, dict) and one.get("id")], url
