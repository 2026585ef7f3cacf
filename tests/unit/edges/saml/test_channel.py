"""Channel bindings in ECP: agent and application must see the same TLS connection."""

import base64

import pytest
from lxml import etree

from connector.edges.saml.channel import compare
from connector.edges.saml.errors import Declined
from tests.saml_world import World
from tests.unit.edges.saml.conftest import Agent, App
from tests.unit.edges.saml.test_sign_on import response_of, status_of

CB = "urn:oasis:names:tc:SAML:protocol:ext:channel-binding"
MINE, OTHER = base64.b64encode(b"one connection").decode(), base64.b64encode(b"another").decode()
END_POINT, EXPORTER = "tls-server-end-point", "tls-exporter"


def element(kind: str, value: str, attributes: str = "") -> str:
    return f'<cb:ChannelBindings xmlns:cb="{CB}" Type="{kind}"{attributes}>{value}</cb:ChannelBindings>'


def asked(app: App, *elements: str) -> str:
    return app.request(inside=f"<samlp:Extensions>{''.join(elements)}</samlp:Extensions>")


def sent(message: str, *elements: str) -> bytes:
    return (
        '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<S:Header>{''.join(elements)}</S:Header><S:Body>{message}</S:Body></S:Envelope>"
    ).encode()


def test_equal_bindings_sign_the_agent_in_and_are_confirmed(app: App, agent: Agent) -> None:
    insisted = element(END_POINT, MINE, ' xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" S:mustUnderstand="1"')

    answer = agent.ecp(sent(app.signed(asked(app, element(END_POINT, MINE))), insisted))

    assert status_of(response_of(answer)) == ["Success"]
    [confirmed] = etree.fromstring(answer.data).iter(f"{{{CB}}}ChannelBindings")
    assert (confirmed.get("Type"), confirmed.text) == (END_POINT, MINE)


@pytest.mark.parametrize(
    "header",
    [
        (),
        (element(END_POINT, OTHER),),
        (element(EXPORTER, MINE),),
        (element(END_POINT, OTHER), element(EXPORTER, MINE)),
    ],
)
def test_another_connection_or_none_is_refused_to_the_application(
    world: World, app: App, agent: Agent, header: tuple[str, ...]
) -> None:
    request = app.signed(asked(app, element(END_POINT, MINE)))

    assert status_of(response_of(agent.ecp(sent(request, *header)))) == ["Requester", "RequestDenied"]
    [event] = world.events("sign-on:refused")
    assert "channel bindings" in event["detail"]["reasons"][0]
    assert world.sessions(agent.id) == []


def test_bindings_of_one_kind_that_differ_are_not_outweighed_by_another_kind(app: App, agent: Agent) -> None:
    request = app.signed(asked(app, element(END_POINT, MINE), element(EXPORTER, MINE)))

    answer = agent.ecp(sent(request, element(END_POINT, OTHER), element(EXPORTER, MINE)))

    assert status_of(response_of(answer)) == ["Requester", "RequestDenied"]


def test_by_the_form_there_is_no_place_for_the_agents_side(world: World, app: App, agent: Agent) -> None:
    inside = f"<samlp:Extensions>{element(END_POINT, MINE)}</samlp:Extensions>"
    request = app.request(inside=inside, Destination="https://connector.example/saml/sso")

    assert status_of(response_of(agent.post(app.signed(request)))) == ["Requester", "RequestDenied"]


def test_an_application_that_does_not_ask_confirms_nothing(app: App, agent: Agent) -> None:
    answer = agent.ecp(sent(app.signed(app.request()), element(END_POINT, MINE)))

    assert status_of(response_of(answer)) == ["Success"]
    assert not list(etree.fromstring(answer.data).iter(f"{{{CB}}}ChannelBindings"))


@pytest.mark.parametrize(
    "header",
    [
        (element("", MINE),),
        (element(END_POINT, ""),),
        (element(END_POINT, "!"),),
        (element(END_POINT, MINE), element(END_POINT, MINE)),
    ],
)
def test_bindings_that_cannot_be_read_are_refused(app: App, agent: Agent, header: tuple[str, ...]) -> None:
    assert agent.ecp(sent(app.signed(app.request()), *header)).status_code == 500


def test_bindings_in_a_request_that_nobody_signed_prove_nothing() -> None:
    seen = {END_POINT: b"one connection"}

    with pytest.raises(Declined, match="do not match"):
        compare(seen, seen, signed=False)
