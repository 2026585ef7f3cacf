"""What we write is in canonical form as it stands: lxml brings it into the very same bytes, whatever names and values are in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.errors import Invalid
from connector.core.keys import SigningKey
from connector.domain.sign_on import Facts, Granted
from connector.edges.saml import assertion, canonical, delegation, encryption, messages, names, signature, xml
from connector.edges.saml.assertion import Letter, NameId
from connector.edges.saml.bundles import Attribute
from connector.edges.saml.signature import Signer
from tests.saml_world import World
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import Agent, App
from tests.unit.edges.saml.test_sign_on import response_of, status_of

KEYS = self_signed_rsa("idp")
SIGNER = Signer(SigningKey("saml", "test", "20270301T120000Z", KEYS.key, KEYS.certificate))
FACTS = Facts("agt-1", "agt-1", "bot", None, None, (), (), (), (), ())
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def allowed(sign: str) -> bool:
    """Char of XML 1.0, section 2.2, in its own words."""
    code = ord(sign)
    ranges = ((0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    return code in (0x9, 0xA, 0xD) or any(low <= code <= high for low, high in ranges)


# Every character that XML has, those that are escaped somewhere oftener than by chance.
TEXTS = st.text(
    st.sampled_from("&<>\"'\t\n\r \u0085\u2028\ufffd\U0001f916") | st.characters().filter(allowed), max_size=12
)


def assert_canonical(text: str) -> Any:
    root = xml.parse(text.encode(), what="message")
    assert xml.canonical(root, delegation.prefixes(text)).decode() == text
    return root


@st.composite
def assertions(draw: st.DrawFn) -> tuple[Letter, NameId, list[tuple[Attribute, tuple[str, ...]]], str]:
    """A letter, whom it is about, what is told, and the assertion in all its forms."""
    letter = Letter(draw(TEXTS), draw(TEXTS), draw(TEXTS), draw(st.none() | TEXTS), NOON)
    name_id = NameId(names.PERSISTENT, draw(TEXTS), letter.issuer, letter.audience)
    attribute = st.builds(Attribute, TEXTS, st.just("id"), st.just(names.ATTRIBUTE_URI), st.none() | TEXTS.filter(bool))
    told = draw(st.lists(st.tuples(attribute, st.lists(TEXTS, min_size=1, max_size=2).map(tuple)), max_size=2))
    delegates = [
        NameId(names.PERSISTENT, one, letter.issuer, letter.audience) for one in draw(st.lists(TEXTS, max_size=2))
    ]
    condition = (
        delegation.condition(delegates, instant="2027-03-01T12:00:00Z", method=names.BEARER) if delegates else ""
    )
    text = assertion.assertion(
        letter,
        "_1",
        name_id.alone(),
        Granted(FACTS, name_id.alone(), draw(TEXTS), NOON, NOON + timedelta(hours=1)),
        context=names.CONTEXT_UNSPECIFIED,
        released=told,
        holder=KEYS.certificate if draw(st.booleans()) else None,
        condition=condition,
    )
    return letter, name_id, told, text


@given(assertions())
def test_an_assertion_is_canonical_and_says_what_was_put_in(made: Any) -> None:
    letter, name_id, told, text = made

    root = assert_canonical(text)

    assert root.findtext("{*}Issuer", "") == letter.issuer
    assert (root.find("{*}Subject/{*}NameID").text or "") == name_id.value
    assert root.find("{*}Subject/{*}NameID").get("SPNameQualifier") == letter.audience
    data = root.find(".//{*}SubjectConfirmationData")
    assert (data.get("Recipient"), data.get("InResponseTo")) == (letter.recipient, letter.in_response_to)
    found = [(one.get("Name"), one.get("FriendlyName")) for one in root.iter("{*}Attribute")]
    assert found == [(one.name, one.friendly) for one, _ in told]
    assert [one.text or "" for one in root.iter("{*}AttributeValue")] == [
        value for _, values in told for value in values
    ]


@settings(max_examples=30)
@given(assertions(), st.booleans(), TEXTS)
def test_whatever_is_signed_or_encrypted_stays_canonical_and_verifies(made: Any, sealed: bool, detail: str) -> None:
    letter, _, _, text = made

    signed = SIGNER.sign(text, delegation.prefixes(text))
    carried = encryption.encrypted(signed, KEYS.key.public_key()) if sealed else signed
    response = assertion.response(letter, "_2", messages.status(names.SUCCESS, "a", detail=detail), carried)
    whole = SIGNER.sign(response, delegation.prefixes(response))

    assert_canonical(signed)
    keys = [KEYS.key.public_key()]
    content = signature.verified(assert_canonical(whole), keys, nested=True)
    assert xml.canonical(content, delegation.prefixes(response)).decode() == response
    alone = signature.verified(xml.parse(signed.encode(), what="Assertion"), keys)
    assert xml.canonical(alone, delegation.prefixes(text)).decode() == text


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=2))
def test_logout_messages_are_canonical(issuer: str, destination: str, indexes: list[str]) -> None:
    name_id = NameId(names.TRANSIENT, "x", issuer, destination).alone()
    status = messages.status(names.RESPONDER, names.REQUEST_DENIED)

    asked = messages.logout_request(
        id="_1", moment=NOON, issuer=issuer, destination=destination, name_id=name_id, indexes=indexes
    )
    told = messages.logout_response(id="_2", moment=NOON, issuer=issuer, request_id=destination, status=status)

    assert [one.text or "" for one in assert_canonical(SIGNER.sign(asked)).iter("{*}SessionIndex")] == indexes
    assert assert_canonical(SIGNER.sign(told)).get("InResponseTo") == destination


def test_every_character_that_xml_has_is_written_and_no_other() -> None:
    every = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x10000), 0x10000, 0x1F916, 0x10FFFF)]
    good = "".join(one for one in every if allowed(one))

    assert assert_canonical(f"<a>{canonical.text(good)}</a>").text == good
    assert assert_canonical(f'<a b="{canonical.attribute(good)}"></a>').get("b") == good
    for one in (*(sign for sign in every if not allowed(sign)), "\ud800", "\udfff"):
        for write in (canonical.text, canonical.attribute):
            with pytest.raises(Invalid, match=f"^mail has the character U\\+{ord(one):04X}, which XML cannot hold$"):
                write(f"x{one}", "mail")


@pytest.mark.parametrize("way", ["direct", "ecp"])
def test_an_agent_with_a_name_that_xml_cannot_hold_is_refused_and_nothing_is_granted(
    world: World, app: App, way: str
) -> None:
    agent = Agent(world, world.agent("odd", display_name="Odd \ufffe"))

    if way == "direct":
        answer = agent.ask(audience=app.entity_id)
        assert answer.status_code == 403
        assert answer.json["error_description"].endswith("has the character U+FFFE, which XML cannot hold")
    else:
        assert status_of(response_of(agent.ecp(app.signed(app.request())))) == ["Responder"]

    [event] = world.events("sign-on:refused")
    assert "urn:oid:2.16.840.1.113730.3.1.241 has the character U+FFFE" in event["detail"]["reasons"][0]
    assert not world.events("sign-on:granted")
    assert not world.sessions(agent.id)
