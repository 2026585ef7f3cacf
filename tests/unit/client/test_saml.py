"""The ECP client against an application and an identity provider that may be hostile. Each is a small server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import MozillaCookieJar
from pathlib import Path

import flask
import pytest
import requests
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from connector.cli.main import main
from connector.client.saml import SignInFailed, sign_in

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
DENIED = "urn:oasis:names:tc:SAML:2.0:status:Responder"


@dataclass
class Place:
    """An application at /app, an identity provider at /idp, a thief at /thief; what was sent where."""

    url: str = ""
    told_by_idp: str = "/acs"
    named_by_app: str = ""
    status: str = SUCCESS
    after: tuple[int, str] = (303, "/home")
    prefix: str = ""
    got: dict[str, list[bytes]] = field(default_factory=dict)
    authorizations: dict[str, str | None] = field(default_factory=dict)

    def app(self) -> flask.Flask:
        made = flask.Flask("place")
        made.add_url_rule("/app", view_func=self._ask)
        for name in ("acs", "idp", "thief"):
            made.add_url_rule(f"/{name}", name, getattr(self, f"_{name}"), methods=["POST"])
        made.add_url_rule("/home", view_func=lambda: "welcome")
        made.add_url_rule("/.well-known/oauth-authorization-server", view_func=self._described)
        made.add_url_rule("/oauth/token", view_func=self._token, methods=["POST"])
        made.add_url_rule("/saml/ecp", "ecp", self._idp, methods=["POST"])
        return made

    def _note(self, name: str) -> None:
        self.got.setdefault(name, []).append(flask.request.get_data())
        self.authorizations[name] = flask.request.headers.get("Authorization")

    def _ask(self) -> flask.Response:
        consumer = self.named_by_app or f"{self.url}/acs"
        content = (
            f'{self.prefix}<S:Envelope xmlns:S="{SOAP}"><S:Header><p:Request xmlns:p="urn:liberty:paos:2003-08" '
            f'responseConsumerURL="{consumer}" messageID="m-1"/><e:RelayState '
            'xmlns:e="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp">there</e:RelayState></S:Header>'
            "<S:Body><asked/></S:Body></S:Envelope>"
        )
        return flask.Response(content, content_type="application/vnd.paos+xml")

    def _idp(self) -> flask.Response:
        self._note("idp")
        content = (
            f'<S:Envelope xmlns:S="{SOAP}"><S:Header><e:Response xmlns:e="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" '
            f'AssertionConsumerServiceURL="{self.url}{self.told_by_idp}"/></S:Header><S:Body><r:Response '
            f'xmlns:r="urn:oasis:names:tc:SAML:2.0:protocol"><r:Status><r:StatusCode Value="{self.status}"/></r:Status>'
            "the-assertion</r:Response></S:Body></S:Envelope>"
        )
        return flask.Response(content, content_type="text/xml")

    def _acs(self) -> flask.Response:
        self._note("acs")
        answer = flask.Response(status=self.after[0], headers={"Location": self.after[1]})
        answer.set_cookie("session", "opened")
        return answer

    def _described(self) -> dict[str, str]:
        return {"issuer": self.url, "token_endpoint": f"{self.url}/oauth/token"}

    def _token(self) -> dict[str, str | int]:
        assert flask.request.authorization is not None
        return {"access_token": f"of-{flask.request.authorization.password}", "token_type": "Bearer", "expires_in": 60}

    def _thief(self) -> str:
        self._note("thief")
        return "thanks"


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    server = make_server("127.0.0.1", 0, made.app(), threaded=True)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def go(place: Place, browser: requests.Session) -> requests.Response:
    idp = requests.Session()
    idp.headers["Authorization"] = "Bearer of-the-agent"
    return sign_in(browser, f"{place.url}/app", idp, f"{place.url}/idp")


def test_the_agent_is_in_and_its_cookies_are_kept(place: Place) -> None:
    browser = requests.Session()

    assert go(place, browser).text == "welcome"

    [delivered] = place.got["acs"]
    assert browser.cookies.get_dict() == {"session": "opened"}
    assert b"the-assertion" in delivered and b'refToMessageID="m-1"' in delivered and b">there<" in delivered
    assert place.authorizations == {"idp": "Bearer of-the-agent", "acs": None}


def test_the_identity_provider_gets_the_body_and_none_of_the_header(place: Place) -> None:
    go(place, requests.Session())

    [presented] = place.got["idp"]
    assert b"<asked/>" in presented and b"Header" not in presented


def test_where_the_addresses_differ_the_application_gets_a_fault_and_nobody_the_assertion(place: Place) -> None:
    place.named_by_app = f"{place.url}/thief"

    with pytest.raises(SignInFailed, match="elsewhere than its metadata says"):
        go(place, requests.Session())

    assert "acs" not in place.got
    [fault] = place.got["thief"]
    assert b"Fault" in fault and b"the-assertion" not in fault


@pytest.mark.parametrize("status", [307, 308])
def test_an_assertion_is_not_sent_again_where_the_application_redirects_it(place: Place, status: int) -> None:
    place.after = (status, "/thief")

    with pytest.raises(SignInFailed, match=str(status)):
        go(place, requests.Session())

    assert "thief" not in place.got


def test_a_refusal_ends_the_sign_in_with_its_status(place: Place) -> None:
    place.status = DENIED

    with pytest.raises(SignInFailed, match="Responder"):
        go(place, requests.Session())

    assert "acs" not in place.got


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "/acs", ""])
def test_an_address_that_is_none_of_the_web_is_refused_before_the_identity_provider_is_asked(
    place: Place, address: str
) -> None:
    place.named_by_app = address or " "

    with pytest.raises(SignInFailed, match="not https or http"):
        go(place, requests.Session())

    assert place.got == {}


def test_a_document_type_is_refused(place: Place) -> None:
    place.prefix = '<!DOCTYPE S:Envelope [<!ENTITY a "b">]>'

    with pytest.raises(SignInFailed, match="not a SOAP"):
        go(place, requests.Session())


def command(place: Place, tmp_path: Path, *more: str) -> Result:
    (tmp_path / "secret").write_text("acs_1\n")
    options = ["--idp", place.url, "--client-id", "agt-1", "--secret-file", str(tmp_path / "secret")]
    return CliRunner().invoke(main, ["agent", "saml-login", f"{place.url}/app", *options, *more])


def test_the_command_prints_the_cookies(place: Place, tmp_path: Path) -> None:
    done = command(place, tmp_path, "--json")

    assert (done.exit_code, json.loads(done.output)) == (0, {"session": "opened"}), done.output
    assert place.authorizations == {"idp": "Bearer of-acs_1", "acs": None}


def test_the_command_saves_the_cookies_for_the_owner_of_the_file_only(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text("old")
    file.chmod(0o644)

    done = command(place, tmp_path, "--cookies", str(file))

    assert done.exit_code == 0 and "opened" not in done.output
    jar = MozillaCookieJar(str(file))
    jar.load(ignore_discard=True)
    assert {one.name: one.value for one in jar} == {"session": "opened"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_command_says_in_one_line_why_it_did_not_sign_in(place: Place, tmp_path: Path) -> None:
    place.status = DENIED

    done = command(place, tmp_path)

    assert done.exit_code == 1
    assert done.output == "connector: the identity provider does not sign the agent in: Responder\n"
    assert "acs_1" not in done.output


def test_the_command_wants_one_way_to_prove_the_agent(place: Place, tmp_path: Path) -> None:
    done = command(place, tmp_path, "--key", str(tmp_path / "secret"))

    assert done.exit_code == 2 and "one of --secret-file and --key" in done.output


def test_the_command_says_where_nobody_answers_or_the_page_is_refused(place: Place, tmp_path: Path) -> None:
    place.after = (303, "/nowhere")
    refused = command(place, tmp_path)
    place.url = place.url.replace("127.0.0.1", "127.0.0.9")  # nobody listens there
    silent = command(place, tmp_path)

    assert (refused.exit_code, refused.output) == (1, "connector: the application answered with HTTP 404\n")
    assert silent.exit_code == 1
