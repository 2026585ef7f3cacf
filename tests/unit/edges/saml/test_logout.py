"""Applications are told of the end of an agent's sessions; what they answer decides whether they are asked again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onelogin.saml2  # type: ignore[import-untyped]
import pytest
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils  # type: ignore[import-untyped]

from connector.core.errors import Unavailable
from tests.saml_world import World
from tests.unit.edges.saml.conftest import SLO, Agent, App, soap
from tests.unit.targets.small_server import Reply, Request, SmallServer, serve

SCHEMAS = Path(onelogin.saml2.__file__).parent / "schemas"
NAMES = {"samlp": "urn:oasis:names:tc:SAML:2.0:protocol", "saml": "urn:oasis:names:tc:SAML:2.0:assertion"}


@pytest.fixture
def there() -> Iterator[SmallServer]:
    """Where the application takes LogoutRequests."""
    with serve({}) as server:
        yield server


@pytest.fixture
def ended(world: World, app: App, agent: Agent, there: SmallServer) -> str:
    """An agent that had two sessions and was then switched off; its id."""
    world.register("App", app.metadata.replace(SLO.encode(), f"{there.url}/slo".encode()))
    for number in range(2):
        assert agent.ecp(app.signed(app.request(ID=f"_{number}"))).status_code == 200
    assert world.deactivate(agent.id) == [app.entity_id]
    return agent.id


def answering(app: App, *codes: str, sign: bool = True, issuer: str | None = None, to: str | None = None) -> Any:
    """A callback that answers a LogoutRequest as the application would."""

    def answer(request: Request) -> Reply:
        id = to or etree.fromstring(request.body)[0][0].get("ID")
        status = ""
        for code in reversed(codes):
            status = f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{code}">{status}</samlp:StatusCode>'
        content = (
            f'<samlp:LogoutResponse xmlns:samlp="{NAMES["samlp"]}" xmlns:saml="{NAMES["saml"]}" ID="_a" Version="2.0" '
            f'IssueInstant="2027-03-01T12:00:00Z" InResponseTo="{id}"><saml:Issuer>{issuer or app.entity_id}'
            f"</saml:Issuer><samlp:Status>{status}</samlp:Status></samlp:LogoutResponse>"
        )
        return Reply(body=soap(app.signed(content) if sign else content).decode())

    return answer


def test_logout_request_is_signed_valid_and_names_what_was_issued(
    world: World, app: App, ended: str, there: SmallServer
) -> None:
    there.routes["POST /slo"] = answering(app, "Success")

    world.sender.tell(ended, app.entity_id)

    request = etree.fromstring(there.requests[0].body)[0][0]
    certificate = etree.fromstring(world.app.test_client().get("/saml/metadata").data).findtext(".//{*}X509Certificate")
    etree.XMLSchema(etree.parse(SCHEMAS / "saml-schema-protocol-2.0.xsd")).assertValid(
        etree.fromstring(etree.tostring(request))
    )
    assert OneLogin_Saml2_Utils.validate_sign(
        etree.tostring(request),
        cert=OneLogin_Saml2_Utils.format_cert(certificate),
        xpath="/samlp:LogoutRequest/ds:Signature",
        raise_exceptions=True,
    )
    sessions = world.sessions(ended)
    assert {one.text for one in request.iter("{*}SessionIndex")} == {one.session_index for one in sessions}
    assert etree.tostring(request.find("saml:NameID", NAMES), method="c14n", exclusive=True) == etree.tostring(
        etree.fromstring(sessions[0].name_id), method="c14n", exclusive=True
    )
    assert request.get("Reason") == "urn:oasis:names:tc:SAML:2.0:logout:admin"
    assert request.get("NotOnOrAfter") == "2027-03-01T12:05:00Z"


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        (("Success",), "Success"),
        (("Responder", "PartialLogout"), "PartialLogout"),
        (("Requester", "UnknownPrincipal"), "UnknownPrincipal"),
    ],
)
def test_application_that_ended_the_sessions_is_told(
    world: World, app: App, ended: str, there: SmallServer, codes: tuple[str, ...], outcome: str
) -> None:
    there.routes["POST /slo"] = answering(app, *codes)

    world.sender.tell(ended, app.entity_id)
    world.sender.tell(ended, app.entity_id)

    [event] = world.events("app:told")
    assert event["detail"] == {"application": app.entity_id, "sessions": 2, "outcome": outcome}
    assert all(one.told for one in world.sessions(ended)) and len(there.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda app: answering(app, "Responder"),
        lambda app: answering(app, "Success", to="_another"),
        lambda app: answering(app, "Success", issuer="https://evil.example/"),
        lambda app: Reply(body=soap("<a/>").decode()),
        lambda app: lambda request: Reply(body=answering(app, "Success")(request).body.replace("_a", "_b")),
        lambda app: Reply(500, "broken"),
        lambda app: Reply(body="<html>"),
    ],
)
def test_answer_that_does_not_say_so_is_asked_for_again(
    world: World, app: App, ended: str, there: SmallServer, answer: Any
) -> None:
    there.routes["POST /slo"] = answer(app)

    with pytest.raises(Unavailable):
        world.sender.tell(ended, app.entity_id)

    assert not any(one.told for one in world.sessions(ended))


def test_application_out_of_reach_is_unavailable_and_says_when_to_ask_again(
    world: World, app: App, ended: str, there: SmallServer
) -> None:
    there.trouble = Reply(503, headers={"Retry-After": "77"})

    with pytest.raises(Unavailable) as problem:
        world.sender.tell(ended, app.entity_id)

    assert problem.value.retry_after == 77


def test_denial_is_recorded_and_not_repeated(world: World, app: App, ended: str, there: SmallServer) -> None:
    there.routes["POST /slo"] = answering(app, "Responder", "RequestDenied")

    world.sender.tell(ended, app.entity_id)

    [event] = world.events("app:not-told")
    assert "RequestDenied" in event["detail"]["reason"]
    assert not any(one.told for one in world.sessions(ended))


def test_application_without_a_logout_endpoint_is_recorded_as_not_told(world: World, app: App, ended: str) -> None:
    world.register("App", app.metadata.replace(b"SingleLogoutService", b"ManageNameIDService"))

    world.sender.tell(ended, app.entity_id)

    [event] = world.events("app:not-told")
    assert event["detail"]["reason"] == "its metadata has no SingleLogoutService for SOAP"
    assert event["detail"]["until"] == "2027-03-01T13:00:00.000Z"
