"""Sign-ons of agents to a SAML application over HTTP, each with its session and its audit event. No peer signs agents in."""

import base64
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connector.core.errors import Invalid
from connector.edges.saml import signature, soap, xml
from connector.edges.saml.names import ECP, SAML
from connector.edges.saml.xml import Element
from tests.bench.loader import Reply
from tests.bench.site import Refused, Site
from tests.bench.users import CORE
from tests.bench.workloads import Prepare, Work
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import App
from tests.unit.edges.saml.conftest import soap as enveloped

_AGENTS = 4
_VERIFIED = 20  # answers of a round whose signatures are verified


@dataclass(frozen=True)
class _Party:
    """An application that is registered, agents' tokens, and the key that answers must be signed with."""

    app: App
    tokens: list[str]
    key: RSAPublicKey


def sign_ons() -> dict[str, Prepare]:
    """By name: JSON for an assertion; and ECP with a signed request, whose answer has a signed assertion in a signed Response."""
    parties: dict[str, _Party] = {}

    def at(workload: Callable[[Site, _Party, int], Work]) -> Prepare:
        def prepare(site: Site, count: int) -> Work:
            if site.server.name not in parties:
                parties[site.server.name] = _party(site)
            return workload(site, parties[site.server.name], count)

        return prepare

    return {"saml_direct": at(direct), "saml_ecp": at(ecp)}


def direct(site: Site, party: _Party, count: int) -> Work:
    body = orjson.dumps({"audience": party.app.entity_id})

    def assertion(reply: Reply) -> Element:
        text = orjson.loads(reply.body)["assertion"]
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return xml.parse(content, what="Assertion")

    requests = [
        _post(site, "/saml/assertions", "application/json", f"Bearer {party.tokens[number % _AGENTS]}", body)
        for number in range(count)
    ]
    return Work(requests, (200,), lambda replies: _wrong(party, [_tried(assertion, one) for one in replies]))


def ecp(site: Site, party: _Party, count: int) -> Work:
    now, round = xml.instant(datetime.now(UTC)), secrets.token_hex(8)
    signed = [party.app.signed(party.app.request(ID=f"_{round}-{one}", IssueInstant=now)) for one in range(count)]

    def response(reply: Reply) -> Element:
        found, _ = soap.parts_of(reply.body, xml.name(ECP, "Response"))
        if found.get("InResponseTo") != f"_{round}-{reply.index}":
            raise Invalid("it answers another request")
        return found

    requests = [
        _post(site, "/saml/ecp", "text/xml", f"Bearer {party.tokens[number % _AGENTS]}", enveloped(message))
        for number, message in enumerate(signed)
    ]
    return Work(requests, (200,), lambda replies: _wrong(party, [_tried(response, one) for one in replies]))


def _wrong(party: _Party, answers: list[Element | None]) -> int:
    """How many do not sign that agent in at that application, in a session of its own, or are not signed as they must be."""
    good, sessions = 0, set()
    for number, answer in enumerate(answers):
        try:
            if answer is None:
                continue
            root = signature.verified(answer, [party.key], nested=True) if number < _VERIFIED else answer
        except Invalid:
            continue
        audiences = [xml.text_of(one) for one in root.iter(xml.name(SAML, "Audience"))]
        statement = next(root.iter(xml.name(SAML, "AuthnStatement")), None)
        if audiences == [party.app.entity_id] and statement is not None:
            sessions.add(statement.get("SessionIndex"))
            good += 1
    return len(answers) - min(good, len(sessions))


def _tried(read: Callable[[Reply], Element], reply: Reply) -> Element | None:
    try:
        return read(reply)
    except (Invalid, ValueError, KeyError):
        return None


def _party(site: Site) -> _Party:
    server = site.server
    if server.command is None:
        raise Refused("it signs no agent in")
    app = App(self_signed_rsa("bench"))
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(app.metadata)
        file.flush()
        server.command("app", "add", "bench", "--metadata", file.name)
    owner, tokens = site.users[0].id, []  # one more user would be one too many for the other workloads
    for number in range(_AGENTS):
        agent = {"agentUserName": f"bench-{number}", "displayName": f"Agent {number}", "owners": [{"value": owner}]}
        id = _made(site, "/Agents", {"schemas": [CORE + "Agent"], **agent})
        secret = server.command("agent", "secret", id)["client_secret"]
        basic = "Basic " + base64.b64encode(f"{id}:{secret}".encode()).decode()
        form = b"grant_type=client_credentials"
        asked = _post(site, "/oauth/token", "application/x-www-form-urlencoded", basic, form)
        tokens.append(orjson.loads(_answer(site, asked, 200))["access_token"])
    return _Party(app, tokens, _key(site))


def _key(site: Site) -> RSAPublicKey:
    """By our metadata."""
    asked = f"GET /saml/metadata HTTP/1.1\r\nHost: {site.server.host}:{site.server.port}\r\n\r\n".encode()
    root = xml.parse(_answer(site, asked, 200), what="metadata")
    text = next(root.iter("{*}KeyDescriptor")).findtext(".//{*}X509Certificate", "")
    key = x509.load_der_x509_certificate(base64.b64decode(text)).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def _made(site: Site, path: str, body: Any) -> str:
    return str(orjson.loads(_answer(site, site.request("POST", path, body), 201))["id"])


def _answer(site: Site, request: bytes, status: int) -> bytes:
    [reply] = site.send([request]).replies
    if reply.status != status:
        raise Refused(f"{request.splitlines()[0].decode()}: {reply.status} {reply.body[:200]!r}")
    return reply.body


def _post(site: Site, path: str, kind: str, authorization: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {site.server.host}:{site.server.port}\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
