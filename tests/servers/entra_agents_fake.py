"""Agent identities of Entra: blueprints, their principals, agents, sponsors and owners, agent users, with Entra's rules.

`most` is how many agents a blueprint can have; deleted ones count until they are purged.
"""

import re
import uuid
from typing import Any

from flask import request

from tests.servers.entra_fake import CLIENT, EntraFake
from tests.servers.fake import Answer

_APPS = "/v1.0/applications/microsoft.graph.agentIdentityBlueprint"
_PRINCIPALS = "/v1.0/servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal"
_AGENTS = "/v1.0/servicePrincipals/microsoft.graph.agentIdentity"
_AGENT = "/v1.0/servicePrincipals/<id>/microsoft.graph.agentIdentity"
_WRITABLE = ("displayName", "tags", "accountEnabled")


class EntraAgentsFake(EntraFake):
    def __init__(self) -> None:
        super().__init__()
        self.most = 250
        self._blueprint_routes()
        self._agent_routes()
        self._agent_life_routes()
        self._people_routes()
        self._agent_user_routes()

    def bad(self, message: str, code: str = "Request_BadRequest") -> Answer:
        return self.error(400, code, message)

    def add_user(self, name: str) -> str:
        return str(self.add("user", userPrincipalName=name)["id"])

    def shown(self, thing: dict[str, Any]) -> dict[str, Any]:
        if thing["kind"] not in ("agent", "blueprint") or request.args.get("$select"):
            return super().shown(thing)
        return {name: value for name, value in thing.items() if name not in ("kind", "sponsors", "owners")}

    def _blueprint_routes(self) -> None:
        @self.route("GET", _APPS)
        def list_blueprints() -> Answer:
            return self.page(self.of_kind("blueprint"))

        @self.route("POST", _APPS)
        def create_blueprint() -> Answer:
            body = request.get_json()
            if not self.bound(body, "sponsors"):
                return self.bad("No sponsor specified. Please provide at least one sponsor.")
            app_id = str(uuid.uuid4())
            made = self.add("blueprint", appId=app_id, displayName=body["displayName"], createdDateTime="2026-11-23")
            if self.lag:  # known by its appId, too
                self.hidden[app_id] = self.lag
            return self.shown(made), 201

        @self.route("POST", _PRINCIPALS)
        def create_principal() -> Answer:
            app_id = request.get_json()["appId"]
            if self.hidden.get(app_id, 0) > 0:
                self.hidden[app_id] -= 1
                return self.bad(f"Object with id {app_id} not found")
            if any(one["appId"] == app_id for one in self.of_kind("principal")):
                return self.conflict("appId")
            return self.shown(self.add("principal", appId=app_id)), 201

    def _agent_routes(self) -> None:
        @self.route("GET", _AGENTS)
        def list_agents() -> Answer:
            return self.page(self.of_kind("agent"))

        @self.route("POST", _AGENTS)
        def create_agent() -> Answer:
            body = request.get_json()
            blueprint = body["agentIdentityBlueprintId"]
            sponsors, owners = self.bound(body, "sponsors"), self.bound(body, "owners")
            if not any(one["appId"] == blueprint for one in self.objects.values() if one["kind"] == "principal"):
                return self.bad("No principal", "AgentIdentity_AgentBlueprintPrincipalDoesNotExist")
            if not sponsors:
                return self.bad("No sponsor specified. Please provide at least one sponsor.")
            if missing := next((one for one in (*sponsors, *owners) if one not in self.objects), None):
                return self.absent(missing)
            alike = [
                one
                for one in (*self.objects.values(), *self.deleted.values())
                if one.get("agentIdentityBlueprintId") == blueprint
            ]
            if len(alike) >= self.most:
                return self.bad("The limit of agent identities is reached.", "AgentIdentity_LimitExceeded")
            properties = {name: value for name, value in body.items() if "@" not in name}
            kinds = {"@odata.type": "#microsoft.graph.agentIdentity", "servicePrincipalType": "ServiceIdentity"}
            made = self.add("agent", **kinds, createdByAppId=CLIENT, **properties, sponsors=sponsors, owners=owners)
            return self.shown(made), 201

        @self.route("GET", _AGENT)
        def read_agent(id: str) -> Answer:
            agent = self.get(id, "agent")
            return self.absent(id) if agent is None else (self.shown(agent), 200)

    def _agent_life_routes(self) -> None:
        @self.route("PATCH", _AGENT)
        def patch_agent(id: str) -> Answer:
            agent = self.get(id, "agent")
            if agent is None:
                return self.absent(id)
            body = request.get_json()
            if wrong := [name for name in body if name not in _WRITABLE]:
                return self.bad(f"Invalid property '{wrong[0]}'.")
            agent |= body
            return "", 204

        @self.route("DELETE", "/v1.0/servicePrincipals/<id>")
        def delete_agent(id: str) -> Answer:
            return self.absent(id) if self.get(id, "agent") is None else self.discard(id)

        @self.route("GET", "/v1.0/servicePrincipals/<id>/memberOf")
        def groups_of_agent(id: str) -> Answer:
            return self.groups_of(id)

    def _people_routes(self) -> None:
        @self.route("GET", f"{_AGENT}/<any(sponsors,owners):role>")
        def people(id: str, role: str) -> Answer:
            agent = self.get(id, "agent")
            return self.absent(id) if agent is None else self.page([self.objects[one] for one in agent[role]])

        @self.route("POST", f"{_AGENT}/<any(sponsors,owners):role>/$ref")
        def add_person(id: str, role: str) -> Answer:
            agent, person = self.get(id, "agent"), request.get_json()["@odata.id"].rpartition("/")[2]
            if agent is None or person not in self.objects:
                return self.absent(id if agent is None else person)
            if person in agent[role]:
                return self.bad(
                    f"One or more added object references already exist for the following modified properties: '{role}'."
                )
            agent[role].append(person)
            return "", 204

        @self.route("DELETE", f"{_AGENT}/<any(sponsors,owners):role>/<person>/$ref")
        def remove_person(id: str, role: str, person: str) -> Answer:
            agent = self.get(id, "agent")
            if agent is None or person not in agent[role]:
                return self.absent(person)
            if role == "sponsors" and len(agent[role]) == 1:
                return self.bad("The last sponsor cannot be removed.")
            agent[role].remove(person)
            return "", 204

    def _agent_user_routes(self) -> None:
        @self.route("POST", "/v1.0/users/microsoft.graph.agentUser")
        def create_agent_user() -> Answer:
            body = request.get_json()
            parent = body["identityParentId"]
            assert "passwordProfile" not in body, "an agent user has no password"
            assert re.fullmatch(r"[\w.-]+", body["mailNickname"])
            if self.get(parent, "agent") is None:
                return self.bad(f"Object with id {parent} not found")
            if any(one.get("identityParentId") == parent for one in self.of_kind("user")):
                return self.bad("The parent has an agent user already.")
            if self._taken(body["userPrincipalName"]):
                return self.conflict("userPrincipalName")
            return self.shown(self.add("user", **body)), 201
