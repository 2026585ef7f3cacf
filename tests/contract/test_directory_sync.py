"""`connector directory sync` at a real OpenLDAP, a real SCIM server, and the stand-ins of Okta, Entra and PingOne."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.contract.sync_contract import SyncContract, There, Told
from tests.servers.entra_fake import SECRET as GRAPH_SECRET
from tests.servers.entra_fake import EntraFake
from tests.servers.fake import serving
from tests.servers.okta_fake import TOKEN, OktaFake
from tests.servers.pingone_fake import SECRET as PING_SECRET
from tests.servers.pingone_fake import PingOneFake
from tests.servers.scim2_server import Scim2Server
from tests.servers.slapd import BASE_DN, LOCKED_FOR_GOOD, Slapd

_CORE, _ENTERPRISE = (
    "urn:ietf:params:scim:schemas:core:2.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
)


class OpenLdap:
    def __init__(self, slapd: Slapd) -> None:
        self._slapd = slapd
        self.people = slapd.add(f"ou=s-{uuid.uuid4().hex},ou=people,{BASE_DN}", ["organizationalUnit"], {})

    def person(self, handle: str) -> str:
        values = {"uid": handle, "sn": "Osei", "mail": f"{handle}@people.example", "title": "Analyst"}
        return self._slapd.add(
            f"cn={handle},{self.people}", ["inetOrgPerson"], {**values, "departmentNumber": "Finance"}
        )

    def rename(self, person: str, handle: str) -> None:
        self._slapd.modify(person, {"uid": [handle]})

    def disable(self, person: str) -> None:
        self._slapd.modify(person, {"pwdAccountLockedTime": [LOCKED_FOR_GOOD]})

    def delete(self, person: str) -> None:
        self._slapd.delete(person)

    def group(self, name: str, *members: str) -> str:
        return self._slapd.add(f"cn={name},ou=groups,{BASE_DN}", ["groupOfNames"], {"member": members})

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._slapd.modify(group, {"member": [stays]})


class TestOpenLdap(SyncContract):
    @pytest.fixture
    def there(self, slapd: Slapd) -> OpenLdap:
        return OpenLdap(slapd)

    @pytest.fixture
    def told(self, there: OpenLdap, ldap_options: dict[str, str]) -> Told:
        fields = (
            "{userName: uid, displayName: cn, familyName: sn, email: mail, title: title, department: departmentNumber}"
        )
        return Told("openldap", {**ldap_options, "people_base": there.people}, fields)


class Scim2:
    """A server that knows no disabled group members and hides nothing."""

    def __init__(self, server: Scim2Server) -> None:
        self._server = server

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method, f"{self._server.url}{path}", json=body, headers=self._server.headers, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def _patch(self, path: str, *operations: dict[str, Any]) -> None:
        schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        self._send("PATCH", path, {"schemas": [schema], "Operations": list(operations)})

    def person(self, handle: str) -> str:
        body = {
            "schemas": [f"{_CORE}:User", _ENTERPRISE],
            "userName": handle,
            "emails": [{"value": f"{handle}@people.example", "type": "work"}],
            "title": "Analyst",
            "active": True,
            _ENTERPRISE: {"department": "Finance"},
        }
        return str(self._send("POST", "/Users", body)["id"])

    def rename(self, person: str, handle: str) -> None:
        self._patch(f"/Users/{person}", {"op": "replace", "path": "userName", "value": handle})

    def disable(self, person: str) -> None:
        self._patch(f"/Users/{person}", {"op": "replace", "path": "active", "value": False})

    def delete(self, person: str) -> None:
        self._send("DELETE", f"/Users/{person}")

    def group(self, name: str, *members: str) -> str:
        held = [{"value": one} for one in members]
        return str(
            self._send("POST", "/Groups", {"schemas": [f"{_CORE}:Group"], "displayName": name, "members": held})["id"]
        )

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._patch(f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{member}"]'})


class TestScim(SyncContract):
    @pytest.fixture
    def there(self, scim2_server: Scim2Server) -> Scim2:
        return Scim2(scim2_server)

    @pytest.fixture
    def told(self, scim2_server: Scim2Server, monkeypatch: pytest.MonkeyPatch) -> Told:
        monkeypatch.setenv("SCIM_TOKEN", scim2_server.token)
        options = {
            "url": scim2_server.url,
            "token": "env:SCIM_TOKEN",
            "accounts_where": "userType=Agent",
            "page_size": "5",
        }
        fields = f"""{{userName: userName, email: 'emails[type eq "work"].value', title: title, department: '{_ENTERPRISE}:department'}}"""
        return Told("scim", options, fields)


class Okta:
    def __init__(self, fake: OktaFake) -> None:
        self._fake = fake

    def person(self, handle: str) -> str:
        id = self._fake.new_id("00u")
        profile = {"login": f"{handle}@example.com", "email": f"{handle}@people.example", "title": "Analyst"}
        names = {"firstName": "Rosa", "lastName": "Osei", "department": "Finance"}
        self._fake.users[id] = {"id": id, "status": "ACTIVE", "profile": {**profile, **names}}
        return id

    def rename(self, person: str, handle: str) -> None:
        self._fake.users[person]["profile"]["login"] = f"{handle}@example.com"

    def disable(self, person: str) -> None:
        self._fake.users[person]["status"] = "SUSPENDED"

    def delete(self, person: str) -> None:
        """Deactivated: Okta's list of users does not show them any more, as after a deletion."""
        self._fake.users[person]["status"] = "DEPROVISIONED"

    def group(self, name: str, *members: str) -> str:
        id = self._fake.new_id("00g")
        self._fake.groups[id] = {"id": id, "type": "APP_GROUP", "profile": {"name": name}}
        self._fake.members[id] = list(members)
        return id

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._fake.members[group].remove(member)


class TestOkta(SyncContract):
    @pytest.fixture
    def fake(self) -> Iterator[OktaFake]:
        made = OktaFake()
        with serving(made):
            yield made

    @pytest.fixture
    def there(self, fake: OktaFake) -> Okta:
        return Okta(fake)

    @pytest.fixture
    def told(self, fake: OktaFake, monkeypatch: pytest.MonkeyPatch) -> Told:
        monkeypatch.setenv("OKTA_TOKEN", TOKEN)
        fields = "{userName: login, givenName: firstName, familyName: lastName, email: email, title: title, department: department}"
        return Told("okta", {**fake.options, "page_size": "2"}, fields, domain="@example.com")


class Entra:
    def __init__(self, graph: EntraFake) -> None:
        self._graph = graph

    def person(self, handle: str) -> str:
        names = {
            "userPrincipalName": f"{handle}@contoso.example",
            "mail": f"{handle}@people.example",
            "displayName": handle,
        }
        made = self._graph.add("user", **names, jobTitle="Analyst", department="Finance", accountEnabled=True)
        return str(made["id"])

    def rename(self, person: str, handle: str) -> None:
        self._graph.objects[person]["userPrincipalName"] = f"{handle}@contoso.example"

    def disable(self, person: str) -> None:
        self._graph.objects[person]["accountEnabled"] = False

    def delete(self, person: str) -> None:
        del self._graph.objects[person]

    def group(self, name: str, *members: str) -> str:
        made = self._graph.add("group", displayName=name)
        self._graph.members[made["id"]] = list(members)
        return str(made["id"])

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._graph.members[group].remove(member)


class TestEntra(SyncContract):
    @pytest.fixture
    def there(self, graph: EntraFake) -> Entra:
        return Entra(graph)

    @pytest.fixture
    def told(self, graph: EntraFake, monkeypatch: pytest.MonkeyPatch) -> Told:
        monkeypatch.setenv("GRAPH_SECRET", GRAPH_SECRET)
        fields = "{userName: userPrincipalName, displayName: displayName, email: mail, title: jobTitle, department: department}"
        return Told("entra", graph.options, fields, domain="@contoso.example")


class PingOne:
    def __init__(self, fake: PingOneFake) -> None:
        self._fake = fake

    def person(self, handle: str) -> str:
        id = str(uuid.uuid4())
        known = {"username": handle, "email": f"{handle}@people.example", "title": "Analyst", "enabled": True}
        self._fake.users[id] = {"id": id, **known}
        return id

    def rename(self, person: str, handle: str) -> None:
        self._fake.users[person]["username"] = handle

    def disable(self, person: str) -> None:
        self._fake.users[person]["enabled"] = False

    def delete(self, person: str) -> None:
        del self._fake.users[person]

    def group(self, name: str, *members: str) -> str:
        id = str(uuid.uuid4())
        self._fake.groups[id] = {"id": id, "name": name}
        self._fake.members |= {(id, one) for one in members}
        return id

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._fake.members.remove((group, member))


class TestPingOne(SyncContract):
    @pytest.fixture
    def fake(self) -> Iterator[PingOneFake]:
        made = PingOneFake()
        with serving(made):
            yield made

    @pytest.fixture
    def there(self, fake: PingOneFake) -> There:
        return PingOne(fake)

    @pytest.fixture
    def told(self, fake: PingOneFake, monkeypatch: pytest.MonkeyPatch) -> Told:
        monkeypatch.setenv("PING_SECRET", PING_SECRET)
        fields = "{userName: username, email: email, title: title}"
        return Told("pingone", {**fake.options, "page_size": "2"}, fields, enterprise=False)
