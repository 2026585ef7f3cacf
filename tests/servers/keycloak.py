"""Keycloak, the identity provider of another maker: one process, its data in memory, a realm that is set up as an administrator would.

The realm has a client whose service account may manage users and clients, and whose tokens the SCIM API takes.
"""

import os
import time
from pathlib import Path
from typing import Any, Self

import requests

from tests.servers.keycloak_files import distribution, java
from tests.servers.process import HOST, ServerError, ServerProcess, free_port

_REALM = "workforce"
_ADMIN, _ADMIN_PASSWORD = "admin", "admin-password"
_CLIENT, _CLIENT_SECRET = "connector", "connector-client-secret"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_ROLES = (
    *("manage-users", "view-users", "query-users", "query-groups", "manage-clients"),
    *("view-realm", "manage-realm", "view-events"),
)
# Attributes of the user profile, and where the SCIM API shows them; without the annotation it does not know them.
PROFILE = {
    "agentId": "externalId",
    "agentType": "title",
    "kind": "userType",
    "shown": "displayName",
    "department": f"{_ENTERPRISE}:department",
    "owner": f"{_ENTERPRISE}:manager.value",
}
# Small and quick to start rather than quick for long; the modules are what kc.sh opens.
_JAVA = (
    *("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"),
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("util", "util.concurrent", "security", "lang")),
    *("-Djava.util.logging.manager=org.jboss.logmanager.LogManager", "-Dpicocli.disable.closures=true"),
    *("-Duser.language=en", "-Duser.country=US"),
)


class Keycloak:
    """`url` is the server, `admin_url` the Admin REST API of the realm, `scim_url` its SCIM base URL."""

    realm = _REALM
    client_id = _CLIENT
    client_secret = _CLIENT_SECRET

    def __init__(self, directory: Path, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.token_url = f"{self.url}/realms/{_REALM}/protocol/openid-connect/token"
        self.admin_url = f"{self.url}/admin/realms/{_REALM}"
        self.scim_url = f"{self.url}/realms/{_REALM}/scim/v2"
        self._token, self._token_until = "", 0.0
        command: list[str | Path] = [
            java(),
            *_JAVA,
            f"-Dkc.home.dir={home}",
            f"-Djboss.server.config.dir={home / 'conf'}",
            *("-cp", home / "lib" / "quarkus-run.jar", "io.quarkus.bootstrap.runner.QuarkusEntryPoint"),
            *("start", "--optimized", "--http-enabled=true", f"--http-host={HOST}", f"--http-port={self.port}"),
            *(f"--hostname={self.url}", "--cache=local", "--log-level=warn"),
        ]
        self._process = ServerProcess(
            "keycloak",
            command,
            log=directory / "keycloak.log",
            ready=self._answers,
            timeout=300,
            env={
                "PATH": os.defpath,
                "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN_PASSWORD,
            },
            cwd=directory,
        )

    @classmethod
    def start(cls, directory: Path) -> Self:
        """With a fresh realm; the first start on a machine fetches and builds Keycloak."""
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, distribution())
        server._process.start()
        try:
            server._set_up()
        except BaseException:
            server.stop()
            raise
        return server

    def stop(self) -> None:
        self._process.stop()

    def admin(self, method: str, path: str, body: Any = None, *, realm: str = _REALM) -> requests.Response:
        """One call of the Admin REST API as the administrator of the whole server, below the realm."""
        answer = requests.request(
            method,
            f"{self.url}/admin/realms/{realm}{path}" if realm else f"{self.url}/admin/realms",
            json=body,
            headers={"Authorization": f"Bearer {self._admin_token()}"},
            timeout=30,
        )
        if answer.status_code >= 300:
            raise ServerError(f"keycloak answered {answer.status_code} to {method} {path}: {answer.text[:500]}")
        return answer

    def _admin_token(self) -> str:
        if time.monotonic() > self._token_until:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": _ADMIN, "password": _ADMIN_PASSWORD}
            url = f"{self.url}/realms/master/protocol/openid-connect/token"
            self._token = requests.post(url, data=form, timeout=30).json()["access_token"]
            self._token_until = time.monotonic() + 30  # it lives for a minute
        return self._token

    def add_person(self, username: str, **more: Any) -> str:
        """Somebody who is there before the connector comes; returns the id."""
        body = {"username": username, "email": f"{username}@example.com", "firstName": "P", "lastName": "Q"}
        answer = self.admin("POST", "/users", {**body, "enabled": True, **more})
        return answer.headers["Location"].rpartition("/")[2]

    def add_service_provider(self, metadata: bytes, **more: Any) -> str:
        """A SAML client as its metadata describe it, as *Import client* does; returns the id."""
        answer = requests.post(
            f"{self.admin_url}/client-description-converter",
            data=metadata,
            headers={"Authorization": f"Bearer {self._admin_token()}", "Content-Type": "application/xml"},
            timeout=30,
        )
        if not answer.ok:
            raise ServerError(f"keycloak answered {answer.status_code} to metadata: {answer.text[:500]}")
        client = answer.json()
        attributes = {**client.get("attributes", {}), **more.pop("attributes", {})}
        made = self.admin("POST", "/clients", {**client, **more, "attributes": attributes})
        return made.headers["Location"].rpartition("/")[2]

    def add_manager(self, client_id: str, **more: Any) -> None:
        """A client whose service account may do what the connector does."""
        client = {"clientId": client_id, "publicClient": False, "serviceAccountsEnabled": True, **more}
        made = self.admin("POST", "/clients", {**client, "standardFlowEnabled": False})
        account = self.admin("GET", f"/clients/{made.headers['Location'].rpartition('/')[2]}/service-account-user")
        management = self.admin("GET", "/clients?clientId=realm-management").json()[0]["id"]
        roles = [self.admin("GET", f"/clients/{management}/roles/{name}").json() for name in _ROLES]
        self.admin("POST", f"/users/{account.json()['id']}/role-mappings/clients/{management}", roles)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/realms/master", timeout=5).ok
        except requests.ConnectionError:
            return False

    def _set_up(self) -> None:
        self.admin(
            "POST",
            "",
            {
                **{"realm": _REALM, "enabled": True, "scimApiEnabled": True, "editUsernameAllowed": True},
                "adminEventsEnabled": True,
            },
            realm="",
        )
        profile = self.admin("GET", "/users/profile").json()
        for name, path in PROFILE.items():
            profile["attributes"].append(_attribute(name, path))
        profile["unmanagedAttributePolicy"] = "ADMIN_EDIT"
        self.admin("PUT", "/users/profile", profile)
        mapper = {
            "name": "scim",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": self.scim_url, "access.token.claim": "true"},
        }
        self.add_manager(_CLIENT, secret=_CLIENT_SECRET, protocolMappers=[mapper])


def _attribute(name: str, scim_path: str) -> dict[str, Any]:
    return {
        "name": name,
        "displayName": name,
        "permissions": {"view": ["admin"], "edit": ["admin"]},
        "annotations": {"kc.scim.schema.attribute": scim_path},
        "multivalued": False,
    }
