"""Answers that somebody forged, wrapped, replayed or redirected: nobody is signed in, and the audit log knows why."""

import base64
import re
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from lxml import etree

from connector.domain import workforce
from connector.domain.unit import SYSTEM
from connector.edges.saml.sp import second_opinion
from connector.parts import Parts
from tests.conftest import Clock
from tests.protocol.people.conftest import Trust
from tests.protocol.people.test_sign_in import Told, code_of
from tests.servers.pki import self_signed_rsa
from tests.workforce_idp import NS, BrowserOf, Idp, Says, encrypted, new_idp

Wrap = Callable[[Any, str], Any]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is refused here is refused before anything of a session is stored: one database is enough."""
    return f"sqlite:///{tmp_path / 'connector.db'}"


@pytest.fixture(autouse=True)
def people_here(trust: Trust, idp: Idp, ada: str, add_person: Callable[..., str]) -> None:
    add_person("admin")
    trust(idp)


def refused(answer: Any, told: Told, code: str, *, known: bool = True) -> None:
    assert code_of(answer) == code
    events = [*told("sign-in:refused"), *told("sign-in:disputed")]
    assert [one["detail"]["code"] for one in events] == ([code] if known else [])
    assert told("sign-in:granted") == []


# -- signature wrapping (Somorovsky and others, USENIX Security 2012): the signed assertion moves, an evil one takes its place


def _evil(root: Any, name: str = "admin") -> tuple[Any, Any]:
    """(the signed assertion, a copy of it that names somebody else and has no signature)."""
    original = root.find("saml:Assertion", NS)
    evil = etree.fromstring(etree.tostring(original))
    evil.set("ID", "_evil")
    evil.find("saml:Subject/saml:NameID", NS).text = name
    evil.remove(evil.find("ds:Signature", NS))
    return original, evil


def _second_before(root: Any) -> None:
    original, evil = _evil(root)
    original.addprevious(evil)


def _second_behind(root: Any) -> None:
    original, evil = _evil(root)
    original.addnext(evil)


def _original_in_evil(root: Any) -> None:
    original, evil = _evil(root)
    root.replace(original, evil)
    evil.append(original)


def _signature_moved_to_evil(root: Any) -> None:
    original, evil = _evil(root)
    signature = original.find("ds:Signature", NS)
    root.replace(original, evil)
    evil.insert(1, signature)
    signature.append(original)


def _original_in_signature_object(root: Any) -> None:
    original, evil = _evil(root)
    signature = original.find("ds:Signature", NS)
    original.remove(signature)
    root.replace(original, evil)
    evil.insert(1, signature)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(original)


def _original_in_extensions(root: Any) -> None:
    original, evil = _evil(root)
    root.replace(original, evil)
    extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
    extensions.append(original)
    root.insert(1, extensions)


def _original_in_status_detail(root: Any) -> None:
    original, evil = _evil(root)
    root.replace(original, evil)
    etree.SubElement(root.find("samlp:Status", NS), f"{{{NS['samlp']}}}StatusDetail").append(original)


def _same_id(root: Any) -> None:
    original, evil = _evil(root)
    evil.set("ID", original.get("ID"))
    root.replace(original, evil)
    evil.find("saml:Conditions", NS).append(original)


@pytest.mark.parametrize(
    "wrap",
    [
        _second_before,
        _second_behind,
        _original_in_evil,
        _signature_moved_to_evil,
        _original_in_signature_object,
        _original_in_extensions,
        _original_in_status_detail,
        _same_id,
    ],
)
def test_a_wrapped_assertion_signs_nobody_in(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, wrap: Callable[[Any], None]
) -> None:
    root = etree.fromstring(idp.answer(Says(request=browser.begin().request), clock.now))
    wrap(root)

    refused(browser.bring(etree.tostring(root).decode()), told, "signature")


def test_a_wrapped_response_signs_nobody_in(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    root = etree.fromstring(idp.answer(Says(request=browser.begin().request), clock.now, sign="response"))
    evil = etree.fromstring(etree.tostring(root))
    evil.set("ID", "_evil")
    evil.find(".//saml:NameID", NS).text = "admin"
    signature = evil.find("ds:Signature", NS)
    for one in list(signature):
        if one.tag.endswith("KeyInfo"):
            signature.remove(one)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(root)

    refused(browser.bring(etree.tostring(evil).decode()), told, "signature")


# -- signatures


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: re.sub("<ds:Signature.*?</ds:Signature>", "", text, flags=re.DOTALL),  # stripped
        lambda text: text.replace(">ada<", ">admin<"),
        lambda text: text.replace("session-1", "session-2"),
        lambda text: re.sub("<ds:SignatureValue>.{8}", "<ds:SignatureValue>AAAAAAAA", text),
        lambda text: text.replace("rsa-sha256", "hmac-sha256"),
        lambda text: text.replace("xml-exc-c14n#", "xml-exc-c14n#WithComments"),
        lambda text: re.sub('URI="#[^"]*"', 'URI=""', text),
    ],
)
def test_a_spoiled_signature_signs_nobody_in(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, spoil: Callable[[str], str]
) -> None:
    text = idp.answer(Says(request=browser.begin().request), clock.now)
    assert spoil(text) != text

    refused(browser.bring(spoil(text)), told, "signature")


def test_an_unsigned_answer_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    refused(browser.bring(idp.answer(Says(request=browser.begin().request), clock.now, sign="none")), told, "signature")


def test_sha1_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    says = Says(request=browser.begin().request)
    assertion = idp.signed(idp.assertion(says, clock.now), sha1=True)

    refused(browser.bring(idp.response(assertion, says, clock.now)), told, "signature")


def test_the_key_of_another_idp_is_refused(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    other = new_idp("other", entity_id="https://other.example/idp")
    trust(other, "other")
    says = Says(request=browser.begin().request)
    forged = idp.response(idp.signed(idp.assertion(says, clock.now), keys=other.keys), says, clock.now)

    refused(browser.bring(forged), told, "signature")


def test_a_key_that_comes_with_the_message_is_not_believed(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told
) -> None:
    says = Says(request=browser.begin().request)
    stranger = self_signed_rsa("stranger")  # add_sign puts its certificate into KeyInfo
    forged = idp.response(idp.signed(idp.assertion(says, clock.now), keys=stranger), says, clock.now)

    refused(browser.bring(forged), told, "signature")


def test_an_issuer_other_than_the_signer_is_refused(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    other = new_idp("other", entity_id="https://other.example/idp")
    trust(other, "other")
    says = Says(request=browser.begin().request, issuer=other.entity_id)

    refused(browser.bring(idp.answer(says, clock.now)), told, "signature")


def test_an_assertion_of_another_issuer_in_a_response_of_ours_is_refused(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told
) -> None:
    says = Says(request=browser.begin().request)
    assertion = idp.signed(idp.assertion(Says(request=says.request, issuer="https://other.example/"), clock.now))

    refused(browser.bring(idp.response(assertion, says, clock.now)), told, "signature")


def test_an_encrypted_assertion_without_a_signature_is_refused(
    browser: BrowserOf, parts: Parts, idp: Idp, clock: Clock, told: Told
) -> None:
    """Everybody can encrypt to us."""
    says = Says("admin", browser.begin().request)
    certificate = parts.domain.keys.active("sp").certificate
    assert certificate is not None
    sealed = encrypted(idp.assertion(says, clock.now), certificate)

    refused(browser.bring(idp.response(sealed, says, clock.now)), told, "signature")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("xmlenc11#aes256-gcm", "xmlenc#aes256-cbc"),
        lambda text: text.replace("rsa-oaep-mgf1p", "rsa-1_5"),
        lambda text: re.sub("(<xenc:CipherValue>).{8}", r"\1AAAAAAAA", text),
        lambda text: re.sub("<xenc:EncryptedKey>.*</xenc:EncryptedKey>", "", text),
    ],
)
def test_an_encryption_that_we_do_not_take_is_refused_in_one_and_the_same_way(
    browser: BrowserOf, parts: Parts, idp: Idp, clock: Clock, told: Told, spoil: Callable[[str], str]
) -> None:
    says = Says(request=browser.begin().request)
    certificate = parts.domain.keys.active("sp").certificate
    assert certificate is not None
    sealed = encrypted(idp.signed(idp.assertion(says, clock.now)), certificate)

    refused(browser.bring(idp.response(spoil(sealed), says, clock.now)), told, "decryption")


# -- for whom, where, when, and which request


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"audience": "https://other.example/sp"}, "not-for-us"),
        ({"audience": None}, "not-for-us"),
        ({"recipient": "https://other.example/acs"}, "not-for-us"),
        ({"recipient": "https://connector.example/saml/acs/x"}, "not-for-us"),
        ({"recipient": None}, "not-for-us"),
        ({"destination": "https://connector.example/saml/acs/x"}, "not-for-us"),
        ({"conditions": "<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>"}, "not-for-us"),
        ({"conditions": '<saml:Condition xmlns:x="urn:x" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x:T"/>'}, "malformed"),
        ({"minutes": 0}, "time"),
        ({"minutes": -1}, "time"),
        ({"before": -4}, "time"),
        ({"session_minutes": 0}, "time"),
        ({"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}, "idp-refused"),
        ({"wrapper_request": "_another"}, "unsolicited"),
        ({"name_id": "<saml:x/>admin"}, "malformed"),
        ({"name_id": ""}, "malformed"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_refused(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, says: dict[str, Any], code: str
) -> None:
    answer = idp.answer(Says(request=browser.begin().request, **says), clock.now, sign="response")

    refused(browser.bring(answer), told, code)


@pytest.mark.parametrize("extra", ["<!-- -->", "<?x y?>", "<![CDATA[]]><!---->"])
def test_a_name_is_not_cut_where_a_comment_is(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, extra: str
) -> None:
    """Canonical form has no comments: the signature stays good (CVE-2017-11427 and its kin)."""
    says = Says("admin@evil.example", browser.begin().request)
    answer = idp.answer(says, clock.now).replace("admin@evil", f"admin{extra}@evil")

    refused(browser.bring(answer), told, "malformed", known=False)


def test_a_request_named_in_the_unsigned_wrapper_only_is_refused(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    """As SimpleSAMLphp once took it (CVE-2026-49284)."""
    trust(idp, unsolicited=True)
    browser.begin()

    refused(browser.bring(idp.answer(Says(wrapper_request=browser.request), clock.now)), told, "unsolicited")


def test_an_answer_to_no_request_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    browser.begin()

    refused(browser.bring(idp.answer(Says(), clock.now)), told, "unsolicited")


def test_an_answer_to_no_request_is_taken_where_that_was_chosen(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    trust(idp, unsolicited=True)

    answer = browser.bring(idp.answer(Says(), clock.now), relay_state="https://evil.example/")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    [event] = told("sign-in:granted")
    assert event["detail"]["unsolicited"] is True


def test_an_answer_is_taken_once(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    answer = idp.answer(Says(request=browser.begin().request), clock.now)
    assert browser.bring(answer).status_code == 303

    again = browser.bring(answer)

    assert code_of(again) == "replayed"


def test_an_unsolicited_assertion_is_taken_once(
    app: Flask, browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock
) -> None:
    trust(idp, unsolicited=True)
    answer = idp.answer(Says(), clock.now)
    assert browser.bring(answer, relay_state="x").status_code == 303

    assert code_of(BrowserOf(app).bring(answer, relay_state="x")) == "replayed"


def test_an_answer_to_the_request_of_another_browser_is_refused(
    app: Flask, browser: BrowserOf, idp: Idp, clock: Clock, told: Told
) -> None:
    """Login CSRF: the attacker begins, and has the victim's browser finish as the attacker."""
    attacker = BrowserOf(app).begin()
    answer = idp.answer(Says("admin", attacker.request), clock.now)

    refused(browser.bring(answer, relay_state=attacker.relay_state), told, "other-browser")
    assert not browser.signed_in
    assert code_of(attacker.bring(answer)) == "replayed", "the request is used up"


def test_another_relay_state_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    answer = idp.answer(Says(request=browser.begin().request), clock.now)

    refused(browser.bring(answer, relay_state="/another"), told, "other-browser")


def test_an_answer_that_took_too_long_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    browser.begin()
    begun = clock.now
    clock.move(minutes=16)
    from tests.workforce_idp import at_that_time

    with at_that_time(begun + timedelta(minutes=16)):
        refused(browser.bring(idp.answer(Says(request=browser.request), clock.now)), told, "replayed")


# -- which IdP


def test_an_idp_that_is_off_signs_nobody_in(
    browser: BrowserOf, parts: Parts, idp: Idp, clock: Clock, told: Told
) -> None:
    answer = idp.answer(Says(request=browser.begin().request), clock.now)
    with parts.domain.change(SYSTEM) as unit:
        workforce.configure(unit, "corp", {"active": False})

    refused(browser.bring(answer), told, "idp-disabled")
    assert code_of(browser.get("/saml/sp/login?idp=corp")) == "unknown-idp"


def test_switching_an_idp_off_signs_out_whom_it_had_signed_in(
    browser: BrowserOf, parts: Parts, idp: Idp, clock: Clock
) -> None:
    browser.begin().bring(idp.answer(Says(request=browser.request), clock.now))
    assert browser.signed_in

    with parts.domain.change(SYSTEM) as unit:
        workforce.configure(unit, "corp", {"active": False})

    assert not browser.signed_in


def test_metadata_that_have_ended_sign_nobody_in(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    trust(idp, metadata=idp.metadata(valid_until=clock.now + timedelta(minutes=1)))
    browser.begin()
    clock.move(minutes=2)

    refused(browser.bring(idp.answer(Says(request=browser.request), clock.now)), told, "idp-metadata-expired")


def test_an_idp_that_was_not_added_leaves_no_event(browser: BrowserOf, clock: Clock, told: Told) -> None:
    stranger = new_idp("stranger", entity_id="https://stranger.example/")
    browser.begin()

    answer = browser.bring(stranger.answer(Says("admin", browser.request), clock.now))

    refused(answer, told, "unknown-idp", known=False)


# -- documents


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE x [<!ENTITY a "admin">]><samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>',
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>',
        "<x/>",
        "no XML",
        "",
    ],
)
def test_what_is_no_response_is_refused(browser: BrowserOf, told: Told, content: str) -> None:
    browser.begin()

    refused(browser.bring(content), told, "malformed", known=False)


def test_what_is_no_base64_is_refused(browser: BrowserOf) -> None:
    assert code_of(browser.post("/saml/acs", SAMLResponse="<>", RelayState="x")) == "malformed"
    assert code_of(browser.post("/saml/acs")) == "malformed"


def test_a_huge_answer_is_not_read(browser: BrowserOf) -> None:
    assert browser.post("/saml/acs", SAMLResponse="A" * 500_000).status_code == 413


def test_two_readers_that_differ_sign_nobody_in(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python3-saml holds the schema against it: an attribute that is in no schema. Our verifier does not mind it."""
    says = Says(request=browser.begin().request)
    assertion = idp.assertion(says, clock.now).replace("<saml:Subject>", '<saml:Subject not-in-the-schema="x">')

    answer = browser.bring(idp.response(idp.signed(assertion), says, clock.now))

    refused(answer, told, "disputed")
    [event] = told("sign-in:disputed")
    assert "python3-saml refuses it" in event["detail"]["reason"]


def test_the_second_opinion_reads_for_itself(idp: Idp, clock: Clock, browser: BrowserOf, parts: Parts) -> None:
    """Were our own reading wrong, it would be noticed."""
    from dataclasses import replace

    from connector.edges.saml import xml
    from connector.edges.saml.sp import identity_provider, response
    from tests.workforce_idp import ACS, SP

    says = Says(request=browser.begin().request, attributes={"groups": ("staff",)})
    text = idp.answer(says, clock.now)
    expected = response.Expected(identity_provider.parsed(idp.metadata()), ACS, SP, clock.now, [])
    judged = response.accept(xml.parse(text.encode(), what="Response"), expected)
    encoded = base64.b64encode(text.encode()).decode()

    def with_reading(**changes: Any) -> str | None:
        return second_opinion.objection(
            encoded, expected, replace(judged, assertion=replace(judged.assertion, **changes))
        )

    assert with_reading() is None
    assert "another subject" in (with_reading(subject="admin") or "")
    assert "another subject" in (with_reading(session_index="session-2") or "")
    assert "attributes" in (with_reading(attributes={"groups": ("admins",)}) or "")


def test_forms_need_the_csrf_token_of_the_session(browser: BrowserOf, idp: Idp, clock: Clock) -> None:
    browser.begin().bring(idp.answer(Says(request=browser.request), clock.now))

    assert browser.post("/saml/sp/logout").status_code == 403
    assert browser.post("/saml/sp/logout", csrf="x").status_code == 403
    assert browser.signed_in


def test_a_redirect_bomb_is_not_inflated(browser: BrowserOf) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = base64.b64encode(deflate.compress(b"x" * 10_000_000) + deflate.flush()).decode()

    answer = browser.client.get("/saml/sp/slo", query_string={"SAMLRequest": bomb, "SigAlg": "x", "Signature": "x"})

    assert code_of(answer) == "malformed"
