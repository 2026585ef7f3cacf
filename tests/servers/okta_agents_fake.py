"""Okta's AI agents: asynchronous operations, keys, and owners in governance, with Okta's rules.

An operation is done after `polls` looks at it. `silent` makes an activation that is not allowed end without a word, as orgs have
been seen to do.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import request

from tests.servers.fake import Answer
from tests.servers.okta_fake import OktaFake

ORG = "00o1"
_BASE = "/workload-principals/api/v1"
_OWNERS = "/governance/api/v1/resource-owners"
_AGENT = f"orn:okta:directory:{ORG}:workload-principals:ai-agents:"


class OktaAgentsFake(OktaFake):
    def __init__(self) -> None:
        super().__init__()
        self.agents: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, dict[str, dict[str, Any]]] = {}
        self.owners: dict[str, list[str]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.work: dict[str, Callable[[], str | dict[str, str]]] = {}
        self.polls = 0
        self.silent = False
        self._agent_routes()
        self._change_routes()
        self._life_of_agents()
        self._operation_routes()
        self._key_routes()
        self._owner_routes()

    def _begin(self, kind: str, work: Callable[[], str | dict[str, str]]) -> Answer:
        """202 with the operation; `work` gives the agent's id when it is done, or what went wrong."""
        id = self.new_id("op")
        self.operations[id] = {"id": id, "type": f"ai-agent:{kind}", "status": "SCHEDULED", "polls": self.polls}
        self.work[id] = work
        return "", 202, {"Location": f"{self.url}{_BASE}/operations/{id}"}

    def _fault(self, message: str) -> dict[str, str]:
        return {"code": "E0000001", "message": message}

    def _named(self, name: str, own: str) -> bool:
        return any(one["profile"]["name"] == name and one["id"] != own for one in self.agents.values())

    def _profile_fault(self, profile: dict[str, Any], own: str) -> dict[str, str] | None:
        if len(profile.get("name") or "") < 3:
            return self._fault("name: must have 3 characters or more")
        if any(ord(letter) > 0xFFFF for value in profile.values() for letter in value or ""):
            return self._fault("4-byte UTF-8 characters are not supported")
        return self._fault("An agent with this name already exists") if self._named(profile["name"], own) else None

    def _agent_routes(self) -> None:
        @self.route("GET", f"{_BASE}/ai-agents")
        def list_agents() -> Answer:
            limit, after = int(request.args.get("limit", 20)), request.args.get("after", "")
            shown = [one for one in self.agents.values() if one["id"] > after and self._sought(one)]
            links = {"self": {"rel": "self", "href": self.url}}
            if len(shown) > limit:
                links["next"] = {
                    "rel": "next",
                    "href": f"{self.url}{_BASE}/ai-agents?limit={limit}&after={shown[limit - 1]['id']}",
                }
            return {"data": shown[:limit], "_links": links}, 200

        @self.route("POST", f"{_BASE}/ai-agents")
        def register() -> Answer:
            profile = request.get_json()["profile"]

            def work() -> str | dict[str, str]:
                if fault := self._profile_fault(profile, ""):
                    return fault
                id = self.new_id("wlp")
                self.agents[id] = {"id": id, "status": "STAGED", "created": "2026-11-23T10:00:00Z", "profile": profile}
                self.keys[id] = {}
                return id

            return self._begin("Register", work)

        @self.route("GET", f"{_BASE}/ai-agents/<id>")
        def read_agent(id: str) -> Answer:
            return (self.agents[id], 200) if id in self.agents else self.absent(id, "AIAgent")

    def _change_routes(self) -> None:
        @self.route("PATCH", f"{_BASE}/ai-agents/<id>")
        def patch(id: str) -> Answer:
            if id not in self.agents:
                return self.absent(id, "AIAgent")
            if request.mimetype != "application/merge-patch+json":
                return self.error(400, "E0000021", "The Content-Type is not supported")
            changes = request.get_json(force=True)["profile"]

            def work() -> str | dict[str, str]:
                merged = {n: v for n, v in {**self.agents[id]["profile"], **changes}.items() if v is not None}
                if fault := self._profile_fault(merged, id):
                    return fault
                self.agents[id]["profile"] = merged
                return id

            return self._begin("Patch", work)

        @self.route("DELETE", f"{_BASE}/ai-agents/<id>")
        def delete(id: str) -> Answer:
            if id not in self.agents:
                return self.absent(id, "AIAgent")

            def work() -> str | dict[str, str]:
                if self.agents[id]["status"] == "ACTIVE":
                    return self._fault("An active agent cannot be deleted")
                del self.agents[id]
                return id

            return self._begin("Delete", work)

    def _life_of_agents(self) -> None:
        @self.route("POST", f"{_BASE}/ai-agents/<id>/lifecycle/<step>")
        def lifecycle(id: str, step: str) -> Answer:
            if id not in self.agents:
                return self.absent(id, "AIAgent")

            def work() -> str | dict[str, str]:
                ready = self.owners.get(id) and self.keys[id]
                if step == "activate" and not ready:
                    return id if self.silent else self._fault("An owner and a credential are required")
                self.agents[id]["status"] = "ACTIVE" if step == "activate" else "INACTIVE"
                return id

            return self._begin(step.capitalize(), work)

    def _sought(self, agent: dict[str, Any]) -> bool:
        wanted = request.args.get("search", "")

        return not wanted or agent["profile"]["name"] == json.loads(wanted.removeprefix("profile.name eq "))

    def _operation_routes(self) -> None:
        @self.route("GET", f"{_BASE}/operations/<id>")
        def operation(id: str) -> Answer:
            if id not in self.operations:
                return self.absent(id, "Operation")
            state = self.operations[id]
            if state["polls"] > 0:
                state["polls"] -= 1
                state["status"] = "IN_PROGRESS"
            elif id in self.work:
                outcome = self.work.pop(id)()
                if isinstance(outcome, str):
                    status = self.agents.get(outcome, {}).get("status")
                    state |= {"status": "COMPLETED", "resource": {"id": outcome, "type": "AI_AGENT", "status": status}}
                else:
                    state |= {"status": "FAILED", "errorDetails": outcome}
            return {name: value for name, value in state.items() if name != "polls"}, 200

    def _key_routes(self) -> None:
        path = f"{_BASE}/ai-agents/<id>/credentials/jwks"

        @self.route("GET", path)
        def list_keys(id: str) -> Answer:
            if id not in self.agents:
                return self.absent(id, "AIAgent")
            return {"data": list(self.keys[id].values()), "_links": {"self": {}}}, 200

        @self.route("POST", path)
        def add_key(id: str) -> Answer:
            key = request.get_json()
            assert not {"d", "p", "q"} & set(key), "a private key must never be sent"
            if any(one["kid"] == key["kid"] for one in self.keys[id].values()):
                return self.error(400, "E0000001", "Api validation failed: JsonWebKey", "kid: must be unique")
            made = {"id": self.new_id("pks"), **key, "created": "2026-11-23T10:00:00Z"}
            self.keys[id][made["id"]] = made
            return made, 201

        @self.route("POST", f"{path}/<key>/lifecycle/deactivate")
        def deactivate(id: str, key: str) -> Answer:
            self.keys[id][key]["status"] = "INACTIVE"
            return self.keys[id][key], 200

        @self.route("DELETE", f"{path}/<key>")
        def delete_key(id: str, key: str) -> Answer:
            if self.keys[id][key]["status"] != "INACTIVE":
                return self.error(
                    400, "E0000001", "Api validation failed: JsonWebKey", "an active key cannot be deleted"
                )
            del self.keys[id][key]
            return "", 204

    def _owner_routes(self) -> None:
        @self.route("GET", "/api/v1/org")
        def org() -> Answer:
            return {"id": ORG, "subdomain": "acme"}, 200

        @self.route("GET", _OWNERS)
        def list_owners() -> Answer:
            sought = request.args.get("filter", "")
            if not sought:
                return self.error(400, "E0000001", "Api validation failed: filter", "filter: is required")
            orn = sought.partition('"')[2].rstrip('"')
            held = self.owners.get(orn.removeprefix(_AGENT), [])
            principals = [{"id": "pri1", "type": "users", "orn": one} for one in held]
            entry = {"parentResourceOrn": orn, "resource": {"type": "ai-agents", "orn": orn}, "principals": principals}
            return {"data": [entry] if held else []}, 200

        @self.route("POST", _OWNERS)
        def set_owners() -> Answer:
            body = request.get_json()
            assert len(body["principalOrns"] or []) <= 5
            for orn in body["resourceOrns"]:
                assert orn.removeprefix(_AGENT) in self.agents, orn
                self.owners[orn.removeprefix(_AGENT)] = list(body["principalOrns"] or [])
            return {"data": []}, 200
