"""What belongs to an agent identity of Entra besides itself: the blueprint it is made from, its people, and its own user.

In: a blueprint's name or an agent's id. Out: the blueprint's appId, user ids of sponsors and owners, and the agent user.
"""

from collections.abc import Iterable
from typing import Final

from connector.targets.base import AlreadyExists, Rejected
from connector.targets.entra_recent import Newborns
from connector.targets.entra_wire import equals, listed, reference
from connector.targets.line import NotThere
from connector.targets.rest_wire import RestWire
from connector.targets.sign_in import Json

AGENT: Final = "microsoft.graph.agentIdentity"
_BLUEPRINT: Final = "microsoft.graph.agentIdentityBlueprint"
_PRINCIPAL: Final = "microsoft.graph.agentIdentityBlueprintPrincipal"
_AGENT_USER: Final = "microsoft.graph.agentUser"
_USER_PARTS: Final = "id,userPrincipalName,accountEnabled,identityParentId"


class Blueprint:
    """The blueprint that new agents are made from: the one that is named by its appId, or one that is made when first needed."""

    def __init__(self, wire: RestWire, newborns: Newborns, app_id: str, name: str) -> None:
        self._wire = wire
        self._newborns = newborns
        self._app_id = app_id
        self._name = name

    def app_id(self, sponsors: Iterable[str]) -> str:
        """Its appId; the sponsors are those of a blueprint that must be made. Propagating until Entra shows what was made."""
        if not self._app_id:
            key = f"blueprint {self._name}"
            found = self._newborns.anchor_of(key) or self._found()
            if not found:
                found = self._made(sponsors)
                self._newborns.add(found, key)
            self._principal(found)
            self._app_id = found
        return self._app_id

    def _found(self) -> str:
        """The oldest one of that name: two processes may have made one each."""
        named = listed(
            self._wire,
            "applications",
            _BLUEPRINT,
            filter=equals("displayName", self._name),
            select="id,appId,displayName,createdDateTime",
        )
        fitting = [one for one in named if one.get("displayName") == self._name and one.get("appId")]
        return str(min(fitting, key=lambda one: str(one.get("createdDateTime")))["appId"]) if fitting else ""

    def _made(self, sponsors: Iterable[str]) -> str:
        body = {"displayName": self._name, "sponsors@odata.bind": [_user(self._wire, one) for one in sponsors]}
        return str(self._wire.write("POST", "applications", _BLUEPRINT, body=body).object["appId"])

    def _principal(self, app_id: str) -> None:
        try:
            self._wire.write("POST", "servicePrincipals", _PRINCIPAL, body={"appId": app_id})
        except AlreadyExists:
            return  # made by an earlier attempt, or by an administrator
        except NotThere:
            raise self._newborns.not_yet(f"Entra does not show the blueprint {app_id} yet") from None


def people_of(wire: RestWire, agent_id: str, role: str) -> list[str]:
    """The ids of an agent's `sponsors` or `owners`."""
    return [str(one["id"]) for one in listed(wire, "servicePrincipals", agent_id, AGENT, role, select="id")]


def set_people(wire: RestWire, agent_id: str, role: str, wanted: Iterable[str]) -> None:
    """Exactly these; new ones come before old ones go, since Entra does not let the last sponsor go."""
    path = ("servicePrincipals", agent_id, AGENT, role)
    held, wanted = people_of(wire, agent_id, role), list(wanted)
    for one in wanted:
        if one not in held:
            try:
                wire.write("POST", *path, "$ref", body=reference(wire, one))
            except AlreadyExists:
                continue
            except NotThere:
                raise Rejected(f"Entra knows no user {one} who could be one of the {role}", attribute=role) from None
    for one in held:
        if one not in wanted:
            try:
                wire.write("DELETE", *path, one, "$ref")
            except NotThere:
                continue


def bound(wire: RestWire, people: Iterable[str]) -> list[str]:
    """Users as the body of a creation names them."""
    return [_user(wire, one) for one in people]


def agent_user(wire: RestWire, agent_id: str) -> Json | None:
    """The user whose parent the agent is; Entra allows one."""
    found = listed(wire, "users", advanced=True, filter=equals("identityParentId", agent_id), select=_USER_PARTS)
    return next((user for user in found if user.get("identityParentId") == agent_id), None)


def make_agent_user(wire: RestWire, agent_id: str, *, name: str, display_name: str, active: bool) -> None:
    """NotThere where Entra does not know the agent (yet)."""
    body = {
        "accountEnabled": active,
        "displayName": display_name,
        "mailNickname": name.partition("@")[0],
        "userPrincipalName": name,
        "identityParentId": agent_id,
    }
    wire.write("POST", "users", _AGENT_USER, body=body)


def _user(wire: RestWire, id: str) -> str:
    return f"{wire.url}/users/{id}"
