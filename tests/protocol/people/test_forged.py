"""Answers that somebody forged, unsigned, re-signed, wrapped or encrypted: nobody is signed in, and the audit log knows why."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from connector.parts import Parts
from tests.conftest import Clock
from tests.protocol.people.conftest import Told, Trust, refused
from tests.servers.pki import self_signed_rsa
from tests.workforce_idp import NS, BrowserOf, Idp, Says, encrypted, new_idp

# what is refused here is refused before anything of a session is stored: one database is enough
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("people_here"),
]


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
