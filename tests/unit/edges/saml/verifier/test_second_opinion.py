"""python3-saml judges what we believe: it objects to what it does not verify, or reads otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connector.edges.saml import xml
from connector.edges.saml.sp import response, second_opinion
from connector.edges.saml.sp.response import Expected, Judged
from tests.unit.edges.saml.verifier import forge
from tests.unit.edges.saml.verifier.believed import NOW, corp, expected, known, our_pair, written
from tests.workforce_idp import ACS, Says, at_that_time, encrypted


@pytest.fixture(autouse=True)
def the_time_of_day() -> Iterator[None]:
    """The other library reads it."""
    with at_that_time(NOW):
        yield


def ours(text: str, **changes: Any) -> Judged:
    return response.accept(xml.parse(text.encode(), what="Response"), expected(**changes))


def objection(text: str, judged: Judged | None = None, wanted: Expected | None = None) -> str | None:
    return second_opinion.objection(text.encode(), wanted or expected(), judged or ours(text))


def sealed(inside: str, *, sign: bool) -> str:
    whole = corp().response(encrypted(inside, our_pair().certificate), Says(request="_request"), NOW)
    return forge.signed(whole, corp().keys.key) if sign else whole


def assertion(*, sign: bool, **says: Any) -> str:
    made = corp().assertion(Says(**{"id": "_assertion", "request": "_request", **says}), NOW)
    return forge.signed(made, corp().keys.key) if sign else made


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_both_agree_on_what_is_signed(sign: str) -> None:
    assert objection(written(sign=sign, attributes={"groups": ("a", "b"), "empty": ()})) is None
    assert objection(written(sign=sign, name_id=" ada ", index=None)) is None


@pytest.mark.parametrize(("inner", "outer"), [(True, False), (True, True), (False, True)])
def test_both_agree_on_what_is_encrypted(inner: bool, outer: bool) -> None:
    assert objection(sealed(assertion(sign=inner), sign=outer)) is None


def test_every_key_of_the_idp_is_tried() -> None:
    both = known(
        keys=(forge.rsa_key("stranger").public_key(), corp().keys.key.public_key()),
        certificates=(our_pair().certificate_der, corp().keys.certificate_der),
    )

    for text in (written(), sealed(assertion(sign=False), sign=True)):
        assert objection(text, ours(text, idp=both), expected(idp=both)) is None


STRANGER = "python3-saml refuses it: Signature validation failed. SAML Response rejected"


def test_it_objects_where_it_verifies_no_signature() -> None:
    """Were our own verifier fooled: it has the certificates only."""
    fooled = expected(idp=known(certificates=(our_pair().certificate_der,)))

    assert objection(written(), wanted=fooled) == STRANGER
    assert objection(written(sign="response"), wanted=fooled) == STRANGER
    assert objection(sealed(assertion(sign=True), sign=False), wanted=fooled) == STRANGER
    unlike = "python3-saml does not verify the signature of the Response"
    assert objection(sealed(assertion(sign=False), sign=True), wanted=fooled) == unlike
    assert objection(sealed(assertion(sign=True), sign=True), wanted=fooled) == unlike


def test_it_objects_to_what_nobody_signed() -> None:
    judged = ours(written())
    unsigned = "python3-saml refuses it: No Signature found. SAML Response rejected"

    assert objection(written(sign="nothing"), judged) == unsigned
    open_ = ours(sealed(assertion(sign=True), sign=False))
    bare = replace(open_, opened=assertion(sign=False).encode())
    assert objection(sealed(assertion(sign=False), sign=False), bare) == unsigned


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"acs": ACS + "x"}, "was received at"),
        ({"audience": "https://other.example/"}, "not a valid audience"),
    ],
)
def test_it_looks_for_itself_whom_an_answer_is_for(changes: dict[str, Any], word: str) -> None:
    text = written(sign="both")

    assert word in (objection(text, ours(text), replace(expected(), **changes)) or "")


def test_it_looks_for_itself_who_issued_it() -> None:
    text = written()
    other = expected(idp=known(entity_id="https://other.example/"))

    assert "Invalid issuer" in (objection(text, ours(text), other) or "")


def test_it_looks_for_itself_which_request_is_answered() -> None:
    text = written()
    judged = ours(text)
    other = replace(judged, assertion=replace(judged.assertion, request="_other"))

    assert "does not match the ID of the AuthNRequest" in (objection(text, other) or "")


def test_it_reads_an_http_address_as_well() -> None:
    """Where we are tried out on one machine."""
    place = "http://127.0.0.1:8080/saml/acs"
    text = written(destination=place, recipient=place)
    wanted = replace(expected(), acs=place)
    judged = response.accept(xml.parse(text.encode(), what="Response"), wanted)

    assert objection(text, judged, wanted) is None


@pytest.mark.parametrize("sha1", ["signature", "digest"])
def test_it_does_not_take_sha1(sha1: str) -> None:
    judged = ours(written())
    weak = forge.signed(
        assertion(sign=False),
        corp().keys.key,
        algorithm=forge.DS + "rsa-sha1" if sha1 == "signature" else forge.MORE + "rsa-sha256",
        digest=forge.DS + "sha1" if sha1 == "digest" else forge.XENC + "sha256",
    )

    assert "deprecated" in (objection(corp().response(weak, Says(request="_request"), NOW), judged) or "").lower()


@pytest.mark.parametrize(
    "changes",
    [{"subject": "admin"}, {"subject": "ad"}, {"format": "urn:f"}, {"session_index": "other"}, {"session_index": None}],
)
def test_it_objects_where_it_reads_another_subject(changes: dict[str, Any]) -> None:
    text = written()
    judged = ours(text)

    found = objection(text, replace(judged, assertion=replace(judged.assertion, **changes)))

    assert found == "python3-saml reads another subject: ('ada', None, 'session-1')"


@pytest.mark.parametrize(
    "attributes", [{"groups": ("a", "admins")}, {"groups": ("admins",)}, {"others": ("a",)}, {"groups": ("c",)}]
)
def test_it_objects_where_it_reads_other_values(attributes: dict[str, tuple[str, ...]]) -> None:
    text = written(attributes={"groups": ("a", "b")})
    judged = ours(text)
    read = {"groups": ("a",), **attributes}

    found = objection(text, replace(judged, assertion=replace(judged.assertion, attributes=read)))

    [name] = attributes
    assert found == f"python3-saml reads other values of the attribute {name}"


def test_structures_and_a_name_that_comes_twice_are_nothing_to_object_to() -> None:
    statement = (
        '<saml:AttributeStatement><saml:Attribute Name="a"><saml:AttributeValue> 1 </saml:AttributeValue>'
        "<saml:AttributeValue><saml:NameID>x</saml:NameID></saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )
    more = statement.replace(" 1 ", "2")
    text = written(change=lambda one: one.replace("</saml:Assertion>", statement + more + "</saml:Assertion>"))

    assert ours(text).assertion.attributes == {"a": ("1", "2")}
    assert objection(text) is None


def test_whatever_it_trips_over_is_an_objection() -> None:
    text = written()

    assert objection("no XML", ours(text)) is not None
    nothing_inside = replace(ours(text), opened=b"<a/>")
    assert objection(text, nothing_inside) == "python3-saml refuses it: AssertionError"
    broken = replace(expected(), acs=None)  # type: ignore[arg-type]
    assert (objection(text, ours(text), broken) or "").startswith("python3-saml refuses it: ")
