"""What the verifier takes for signed: signatures that are good by their value, and of the one shape or not."""

import base64
from typing import Any

import pytest
import xmlsec  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from connector.core.errors import Invalid
from connector.edges.saml import signature, xml
from tests.servers.pki import self_signed
from tests.unit.edges.saml.verifier.believed import our_key, our_pair
from tests.unit.edges.saml.verifier.forge import (
    DS,
    MORE,
    NS,
    SAML,
    SAMLP,
    XENC,
    canonical,
    ec_key,
    message,
    rsa_key,
    signature_over,
    signed,
)
from tests.unit.edges.saml.verifier.verifying import INSIDE, KEYS, refused, verify

# -- algorithms and keys


@pytest.mark.parametrize("digest", [XENC + "sha256", MORE + "sha384", XENC + "sha512"])
@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha384", "rsa-sha512"])
def test_rsa_with_each_hash_that_is_taken_verifies_and_the_content_comes_back(algorithm: str, digest: str) -> None:
    text = message(INSIDE)

    found = verify(signed(text, algorithm=MORE + algorithm, digest=digest))

    assert canonical(found) == canonical(etree.fromstring(text))
    assert found.getroottree().getroot() is found


@pytest.mark.parametrize(
    ("curve", "algorithm"),
    [(ec.SECP256R1, "ecdsa-sha256"), (ec.SECP384R1, "ecdsa-sha384"), (ec.SECP521R1, "ecdsa-sha256")],
)
def test_ecdsa_verifies_whatever_the_size_of_the_curve(curve: Any, algorithm: str) -> None:
    text = signed(message(), ec_key(curve), algorithm=MORE + algorithm)

    assert verify(text, [ec_key(curve).public_key()]).get("ID") == "_1"
    refused(text, "does not verify", [ec_key(ec.SECP256K1).public_key()])


@pytest.mark.parametrize(
    "algorithm",
    [DS + "rsa-sha1", MORE + "rsa-sha224", MORE + "ecdsa-sha512", DS + "hmac-sha1", MORE + "hmac-sha256", "", "rsa-sha256"],
)  # fmt: skip
def test_another_signature_algorithm_is_refused_though_the_value_is_good(algorithm: str) -> None:
    refused(signed(message(), algorithm=algorithm, sign_with=algorithm or "sha256"), "algorithm is not accepted")


@pytest.mark.parametrize("digest", [DS + "sha1", MORE + "sha224", MORE + "sha256", "sha256"])
def test_another_digest_algorithm_is_refused_though_the_value_is_good(digest: str) -> None:
    refused(signed(message(), digest=digest), "digest algorithm is not accepted")


def test_a_key_of_the_other_kind_verifies_nothing() -> None:
    refused(signed(message(), ec_key(), algorithm=MORE + "rsa-sha256"), "does not verify", [ec_key().public_key()])
    refused(signed(message(), algorithm=MORE + "ecdsa-sha256"), "does not verify")


def test_a_short_rsa_key_verifies_nothing() -> None:
    short = rsa_key("short", 2047)

    refused(signed(message(), short), "does not verify", [short.public_key()])
    assert not signature.usable_key(short.public_key())
    assert signature.usable_key(rsa_key().public_key()) and signature.usable_key(ec_key().public_key())


def test_any_of_several_keys_may_have_signed() -> None:
    several = [rsa_key("other").public_key(), ec_key().public_key(), *KEYS]

    assert verify(signed(message()), several).get("ID") == "_1"
    assert verify(signed(message(), ec_key(), algorithm=MORE + "ecdsa-sha256"), several).get("ID") == "_1"
    refused(signed(message(), rsa_key("stranger")), "does not verify", several)


def test_an_ecdsa_value_of_another_length_verifies_nothing() -> None:
    octets, keys = b"octets", [ec_key().public_key()]
    value = signature_over(octets, ec_key(), "sha256")
    half = len(value) // 2

    signature.check_octets(MORE + "ecdsa-sha256", keys, octets, base64.b64encode(value).decode())
    for other in (value + b"\0", value[:-1], b"\0" + value, b"\0" + value[:half] + b"\0" + value[half:], b""):
        with pytest.raises(Invalid, match="does not verify"):
            signature.check_octets(MORE + "ecdsa-sha256", keys, octets, base64.b64encode(other).decode())


def test_a_detached_signature_is_over_those_octets_by_that_algorithm() -> None:
    value = base64.b64encode(signature_over(b"octets", rsa_key(), "sha256")).decode()

    signature.check_octets(MORE + "rsa-sha256", KEYS, b"octets", value)
    for algorithm, octets, sentence in (
        (MORE + "rsa-sha256", b"others", "does not verify"),
        (MORE + "rsa-sha512", b"octets", "does not verify"),
        (DS + "rsa-sha1", b"octets", "algorithm is not accepted"),
    ):
        with pytest.raises(Invalid, match=sentence):
            signature.check_octets(algorithm, KEYS, octets, value)
    with pytest.raises(Invalid, match="^Signature is not base64"):
        signature.check_octets(MORE + "rsa-sha256", KEYS, b"octets", value + "!")


def test_without_a_key_nothing_verifies() -> None:
    with pytest.raises(Invalid, match="no key is registered"):
        signature.verified(xml.parse(signed(message()).encode(), what="message"), [])


def test_what_was_changed_after_it_was_signed_is_refused() -> None:
    refused(signed(message(INSIDE)).replace(">text<", ">evil<"), "changed after it was signed")


def test_only_the_same_key_is_the_certificates_key() -> None:
    certificate: x509.Certificate = self_signed("agent").certificate
    own = certificate.public_key()

    assert signature.same_key(certificate, own)  # type: ignore[arg-type]
    assert not signature.same_key(certificate, ec_key().public_key())
    assert not signature.same_key(certificate, rsa_key().public_key())


# -- where the signature stands


@pytest.mark.parametrize(
    ("text", "at"),
    [(message(INSIDE), 0), (message(INSIDE), 2), (message(INSIDE, issuer=False), 1), (message("", issuer=False), 0)],
)
def test_a_signature_stands_behind_the_issuer_or_first_where_there_is_none(text: str, at: int) -> None:
    good = "saml:Issuer" not in text and at == 0

    if good:
        assert verify(signed(text, at=at)).get("ID") == "_1"
    else:
        refused(signed(text, at=at), "exactly one signature, its own")


def test_a_message_without_a_signature_is_refused() -> None:
    refused(message(INSIDE), "exactly one signature, its own")
    refused(f'<samlp:Response xmlns:samlp="{SAMLP}" ID="_1"/>', "exactly one signature, its own")
    refused(message(), "exactly one signature, its own")


def test_a_second_signature_of_its_own_is_refused() -> None:
    twice = signed(message(INSIDE)).replace("</samlp:Response>", f'<ds:Signature xmlns:ds="{DS}"/></samlp:Response>')

    refused(twice, "exactly one signature, its own")
    refused(twice, "exactly one signature, its own", nested=True)


def test_a_signature_deeper_in_the_content_is_content_only_where_that_is_expected() -> None:
    inner = f'<samlp:Extensions><ds:Signature xmlns:ds="{DS}"/></samlp:Extensions>'
    text = signed(message(inner))

    assert verify(text, nested=True).find("samlp:Extensions/ds:Signature", NS) is not None
    refused(text, "exactly one signature, its own")


def test_a_signature_that_is_only_deeper_is_not_the_messages_own() -> None:
    inner = signed(f'<saml:Assertion xmlns:saml="{SAML}" ID="_2"><saml:Issuer>x</saml:Issuer></saml:Assertion>')

    refused(message(inner), "exactly one signature, its own")
    refused(message(inner), "exactly one signature, its own", nested=True)


def test_the_signature_of_a_part_is_that_of_the_part_only() -> None:
    """An Assertion inside a Response: what comes back is the Assertion, and stands alone."""
    inner = signed(f'<saml:Assertion xmlns:saml="{SAML}" ID="_2"><saml:Issuer>x</saml:Issuer></saml:Assertion>')
    root = xml.parse(message(inner).encode(), what="message")

    found = signature.verified(root[1], KEYS)

    assert (found.get("ID"), found.getparent(), len(found)) == ("_2", None, 1)


@pytest.mark.parametrize("name", ["ID", "id", "Id", "iD", "xml:id"])
@pytest.mark.parametrize("outside", [False, True])
def test_an_id_that_is_there_twice_is_refused_wherever_it_is(name: str, outside: bool) -> None:
    twin = f'<x {name}="_2"/>'
    inner = signed(
        f'<saml:Assertion xmlns:saml="{SAML}" ID="_2"><saml:Issuer>x</saml:Issuer>{"" if outside else twin}</saml:Assertion>'
    )
    root = xml.parse(message(inner + (twin if outside else "")).encode(), what="message")

    with pytest.raises(Invalid, match="the same ID twice"):
        signature.verified(root[1], KEYS)


def test_equal_values_that_are_no_ids_are_nothing_special() -> None:
    text = signed(message('<a x="_1"/><b x="_1" ID="_3"/>'))

    assert verify(text).get("ID") == "_1"


@pytest.mark.parametrize("issuer", [True, False])
def test_the_text_around_the_signature_is_signed_too(issuer: bool) -> None:
    """As pretty printers leave it: the signature goes, the white space before and behind it stays."""
    root = etree.fromstring(message("<x/>", issuer=issuer))
    if issuer:
        root[0].tail = "\n before \n behind "
    else:
        root.text = "\n before \n behind "
    made = etree.fromstring(signed(etree.tostring(root).decode()))
    own = made.find("ds:Signature", NS)
    if issuer:
        made[0].tail, own.tail = "\n before ", "\n behind "
    else:
        made.text, own.tail = "\n before ", "\n behind "

    found = verify(etree.tostring(made).decode())

    assert "".join(found.itertext()).endswith("\n before \n behind ")
    assert canonical(found) == canonical(root)


def test_what_comes_back_is_not_what_came_in() -> None:
    given = xml.parse(signed(message(INSIDE)).encode(), what="message")

    found = signature.verified(given, KEYS)
    given.set("ID", "_later")

    assert found.get("ID") == "_1"
    assert not signature.present(found) and signature.present(given)


def test_a_signature_is_seen_anywhere_in_a_message() -> None:
    deep = f'<a><b><ds:Signature xmlns:ds="{DS}"/></b></a>'

    assert signature.present(xml.parse(deep.encode(), what="message"))
    assert signature.present(xml.parse(f'<ds:Signature xmlns:ds="{DS}"/>'.encode(), what="message"))
    assert not signature.present(xml.parse(b'<a xmlns="urn:x"><Signature/></a>', what="message"))


@pytest.mark.parametrize("text", ["AAAA", "AA\n AA", " AAAA\t", "", "AA=="])
def test_base64_may_have_white_space(text: str) -> None:
    assert signature.octets_of(text, "x") == base64.b64decode(text)


@pytest.mark.parametrize("text", ["AAA", "AA-_", "AAAA!", "AA==AA==", "=", "ÄÄÄÄ", "AA=A"])
def test_what_is_no_base64_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(Invalid, match="^Thing is not base64$") as caught:
        signature.octets_of(text, "Thing")
    assert caught.value.field == "Thing"


@pytest.mark.parametrize("issuer", [True, False])
def test_what_we_sign_is_believed_by_us_and_by_xmlsec(issuer: bool) -> None:
    key = our_key()
    text = canonical(etree.fromstring(message(INSIDE, issuer=issuer))).decode()

    made = signature.Signer(key).sign(text)

    assert canonical(verify(made, [key.private.public_key()])).decode() == text
    assert f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{signature.certificate_text(key)}</" in made
    root = etree.fromstring(made)
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(our_pair().certificate_pem, xmlsec.KeyFormat.CERT_PEM)
    context.verify(root.find("ds:Signature", NS))


def test_a_key_info_that_stands_alone_declares_its_prefix() -> None:
    made = etree.fromstring(signature.key_info("AAAA", f' xmlns:ds="{DS}"'))

    assert made.findtext("ds:X509Data/ds:X509Certificate", None, NS) == "AAAA"
