"""`make demo`: the main job once, with real third-party software at both ends, told step by step.

The workforce IdP is scim2-server; the application is a SAML service provider built on python3-saml; the connector runs on SQLite.
Everything is a process of its own on 127.0.0.1, in a temporary folder. Exits 0 only where every step did what it says.
"""

import argparse
import base64
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwk, jwt

from tests.servers.pki import self_signed
from tests.servers.process import ServerProcess, accepts_connections, free_port
from tests.servers.scim2_server import Scim2Server

CORE = "urn:ietf:params:scim:schemas:core:2.0"
GOVERNANCE = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"
WAIT = 15.0


class Demo:
    """The parts of the demo and the story they play."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        self.port, self.app_port = free_port(), free_port()
        self.url, self.app_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.app_port}"
        self.processes: list[Any] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")},
            "CONNECTOR_DATA_DIR": str(folder / "var"),
            "CONNECTOR_PORT": str(self.port),
            "CONNECTOR_LOG_LEVEL": "warning",
        }
        self.http = requests.Session()
        self.http.trust_env = False

    def say(self, text: str) -> None:
        self.number += 1
        print(f"{self.number:2}. {text}", flush=True)

    def detail(self, text: str) -> None:
        print(f"      {text}", flush=True)

    def connector(self, *arguments: str) -> Any:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("connector")), *arguments, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        check(done.returncode == 0, f"connector {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def start(self) -> None:
        self.idp = Scim2Server.start(self.folder)
        self.processes.append(self.idp)
        self.environment["DEMO_IDP_TOKEN"] = self.idp.token
        command = [str(Path(sys.executable).with_name("connector")), "serve"]
        self._process("connector", command, self.port)
        client = self.connector("client", "create", "hr-workflow", "--scope", "scim", "--scope", "introspect")
        self.client = (client["client_id"], client["client_secret"])
        answer = self.http.post(f"{self.url}/oauth/token", {"grant_type": "client_credentials"}, auth=self.client)
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        found = self.connector(
            "target",
            "add",
            "workforce-idp",
            "--mapping",
            "scim",
            "--option",
            f"url={self.idp.url}",
            "--option",
            "token=env:DEMO_IDP_TOKEN",
        )
        self.say(f"The connector runs at {self.url}, the workforce IdP (scim2-server) at {self.idp.url}.")
        self.detail(f"target workforce-idp: {found['found']}")
        self._start_application()

    def _start_application(self) -> None:
        metadata = self.folder / "idp.xml"
        metadata.write_bytes(self.http.get(f"{self.url}/saml/metadata").content)
        command = [sys.executable, "-m", "tests.demo.saml_app", "--port", str(self.app_port)]
        self._process("application", [*command, "--idp-metadata", str(metadata)], self.app_port)
        self.connector("app", "add", "wiki", "--metadata", f"{self.app_url}/metadata")
        self.say(f"The application `wiki` (a SAML service provider on python3-saml) runs at {self.app_url}.")

    def _process(self, name: str, command: list[str], port: int) -> None:
        process = ServerProcess(
            name,
            command,
            log=self.folder / f"{name}.log",
            ready=lambda: accepts_connections(port),
            env=self.environment,
            timeout=30,
        )
        process.start()
        self.processes.append(process)

    def scim(self, method: str, path: str, body: dict[str, Any] | None = None, status: int = 201) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/scim/v2{path}", json=body, headers=self.headers)
        check(answer.status_code == status, f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer.json() if answer.content else {}

    def at_idp(self, path: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.idp.url}{path}", headers=self.idp.headers)
        return answer.json() if answer.status_code == 200 else {}

    def arrive(self) -> None:
        person = {"schemas": [f"{CORE}:User"], "userName": "rosa.osei", "displayName": "Rosa Osei"}
        there = self.http.post(
            f"{self.idp.url}/Users", json={**person, "active": True}, headers=self.idp.headers
        ).json()
        self.person_there = there["id"]
        self.person = self.scim("POST", "/Users", person)["id"]
        self.say("Rosa Osei, an employee, is known to the workforce IdP; it tells the connector about her by SCIM.")

    def create_agent(self) -> None:
        keys = self_signed("invoice-matcher")
        pem = keys.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key = jwk.import_key(pem, "EC")
        certificate: x509.Certificate = keys.certificate
        der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        agent = {
            "schemas": [f"{CORE}:Agent", GOVERNANCE],
            "externalId": "hr-4711",
            "agentUserName": "invoice-matcher",
            "displayName": "Invoice matcher",
            "agentType": "Assistant",
            "owners": [{"value": self.person}],
            "x509Certificates": [{"value": der}],
            GOVERNANCE: {"purpose": "Matches purchase orders to invoices", "validUntil": "2099-12-31T00:00:00Z"},
        }
        self.agent = self.scim("POST", "/Agents", agent)["id"]
        self.scim(
            "POST",
            "/Groups",
            {"schemas": [f"{CORE}:Group"], "displayName": "finance-bots", "members": [{"value": self.agent}]},
        )
        self.say(
            "HR creates the agent `invoice-matcher`: owner Rosa, group finance-bots, an end date, a certificate of its own."
        )

    def account_appears(self) -> None:
        started = time.monotonic()
        user = wait_for(lambda: self.account(lambda found: found.get("active") is True))
        group = wait_for(self.group_there)
        manager = next(value for key, value in user.items() if key.endswith("enterprise:2.0:User"))["manager"]["value"]
        check(user["externalId"] == self.agent, "the account carries the agent's id")
        check(manager == self.person_there, "the account's manager is Rosa at the IdP")
        check(any(one["value"] == user["id"] for one in group["members"]), "the account is in the group")
        self.say(f"{time.monotonic() - started:.1f} s later the account is in the workforce IdP, like an employee's:")
        self.detail(
            f"userName {user['userName']}, userType {user['userType']}, manager Rosa, member of {group['displayName']}"
        )

    def account(self, accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        users = self.at_idp("/Users").get("Resources", [])
        return next((one for one in users if one["userName"] == "invoice-matcher" and accept(one)), None)

    def group_there(self) -> dict[str, Any] | None:
        groups = self.at_idp("/Groups").get("Resources", [])
        return next((one for one in groups if one["displayName"] == "finance-bots" and one.get("members")), None)

    def token(self) -> requests.Response:
        now = int(time.time())
        claims = {
            "iss": self.agent,
            "sub": self.agent,
            "aud": self.url,
            "iat": now,
            "exp": now + 60,
            "jti": os.urandom(8).hex(),
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES256"}, claims, self.key),
        }
        return self.http.post(f"{self.url}/oauth/token", form)

    def sign_in(self) -> None:
        answer = self.token()
        check(answer.status_code == 200, f"the token endpoint answered {answer.status_code}: {answer.text}")
        self.access_token = answer.json()["access_token"]
        self.say(
            "The agent signs an assertion with its own key and gets an access token for ten minutes. No secret was shared."
        )
        self.browserless = requests.Session()
        self.browserless.trust_env = False
        page = self.visit()
        check(page.status_code == 200, f"the application answered {page.status_code}: {page.text[:300]}")
        self.say(
            "It opens the SAML-only application without a browser, and the application greets it by its own attributes:"
        )
        for name, values in sorted(page.json()["attributes"].items()):
            self.detail(f"{name} = {', '.join(values)}")

    def visit(self) -> requests.Response:
        """Open the application; follow its SAML round trip with the agent's token."""
        first = self.browserless.get(self.app_url + "/", allow_redirects=False)
        if first.status_code == 200:
            return first
        headers = {"Authorization": f"Bearer {self.access_token}"}
        form = self.browserless.get(first.headers["Location"], headers=headers, allow_redirects=False)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.text))
        if "SAMLResponse" not in fields:
            return form
        action = html.unescape(re.search(r'action="([^"]*)"', form.text)[1])  # type: ignore[index]
        check(action.startswith(self.app_url + "/"), f"the response goes to the application, not to {action}")
        return self.browserless.post(action, {name: html.unescape(value) for name, value in fields.items()})

    def suspend(self) -> None:
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": False}],
        }
        self.scim("PATCH", f"/Agents/{self.agent}", body, 200)
        self.say("HR suspends the agent with one PATCH. Everything dies:")
        told = self.http.post(f"{self.url}/oauth/introspect", {"token": self.access_token}, auth=self.client).json()
        check(told == {"active": False}, f"introspection says {told}")
        self.detail("its access token is inactive at once")
        refused = self.token()
        check(refused.status_code == 401, f"the token endpoint answered {refused.status_code}")
        self.detail("it gets no new token")
        wait_for(lambda: self.account(lambda found: found.get("active") is False))
        self.detail("its account at the workforce IdP is disabled")
        wait_for(lambda: self.browserless.get(self.app_url + "/", allow_redirects=False).status_code == 302)
        self.detail("its session at the application is gone (signed SOAP logout)")
        again = self.visit()
        check(again.status_code != 200 or "attributes" not in again.text, "the agent cannot sign in again")
        self.detail("it cannot sign in again")

    def verify(self) -> None:
        def sealed() -> Any:
            found = self.connector("audit", "verify")
            return found if found["events"] == found["sealed"] else None

        report = wait_for(sealed)
        self.say(f"The audit log verifies: {report['events']} events, each sealed under a signed checkpoint.")
        found = self.connector("reconcile", "workforce-idp")
        check(found["writes"] == 0, f"a second run wrote {found['writes']} times")
        self.say("Comparing every account once more changes nothing: 0 writes.")

    def show_logs(self) -> None:
        for log in sorted(self.folder.glob("*.log")):
            print(f"\n--- the end of {log.name}", *log.read_text().splitlines()[-15:], sep="\n", file=sys.stderr)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()


def wait_for(look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + WAIT
    while not (found := look()):
        check(time.monotonic() < deadline, f"nothing came within {WAIT:.0f} s")
        time.sleep(0.1)
    return found


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"\nThe demo failed: {otherwise}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--keep", action="store_true", help="leave everything running and print the addresses")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="connector-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            for step in (
                demo.start,
                demo.arrive,
                demo.create_agent,
                demo.account_appears,
                demo.sign_in,
                demo.suspend,
                demo.verify,
            ):
                step()
            print("\nThat was the whole road: created, provisioned, signed in, suspended, proven.")
            if given.keep:
                print(
                    f"\nLeft running: connector {demo.url}  IdP {demo.idp.url}  application {demo.app_url}\nStop with Ctrl-C."
                )
                while True:
                    time.sleep(1)
        except KeyboardInterrupt:
            print("\nStopped.")
        except SystemExit:
            demo.show_logs()
            raise
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
