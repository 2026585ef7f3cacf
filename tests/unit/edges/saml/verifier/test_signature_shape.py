"""A signature has one shape: what has another is refused, though its value is good."""

import pytest

from tests.unit.edges.saml.verifier.forge import EC, ENVELOPED, PIECES, message, signed
from tests.unit.edges.saml.verifier.verifying import INSIDE, refused, verify

OTHER_NAMESPACE = '<x:InclusiveNamespaces xmlns:x="urn:x" PrefixList="samlp"/>'
INCLUSIVE = f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="saml"/>'
TRANSFORM = '<ds:Transform Algorithm="{}"/>'


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        ({"canonicalization": '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'},
         "not exclusive C14N"),
        ({"canonicalization": f'<ds:CanonicalizationMethod Algorithm="{EC}WithComments"/>'}, "not exclusive C14N"),
        ({"canonicalization": "<ds:CanonicalizationMethod/>"}, "not exclusive C14N"),
        ({"canonicalization": ""}, "SignedInfo is not"),
        ({"canonicalization": PIECES["canonicalization"] * 2}, "SignedInfo is not"),
        ({"canonicalization": f'<ds:CanonicalizationMethod Algorithm="{EC}"><x/></ds:CanonicalizationMethod>'},
         "parameters that are not known"),
        ({"method": '<ds:SignatureMethod Algorithm="{algorithm}"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>'},
         "not exclusive C14N"),
        ({"method": ""}, "SignedInfo is not"),
        ({"method": "<ds:SignatureMethod/>"}, "algorithm is not accepted"),
        ({"reference": PIECES["reference"] * 2}, "SignedInfo is not"),
        ({"reference": ""}, "SignedInfo is not"),
        ({"signed_info": "<ds:SignedInfo>{reference}{canonicalization}{method}</ds:SignedInfo>"}, "SignedInfo is not"),
        ({"signed_info": '<x:SignedInfo xmlns:x="urn:x">{canonicalization}{method}{reference}</x:SignedInfo>'}, "one SignedInfo"),
        ({"reference": '<x:Reference xmlns:x="urn:x" URI="{uri}">{transforms}{digest_method}{digest_value}</x:Reference>'},
         "SignedInfo is not"),
        ({"reference": "<ds:Reference>{transforms}{digest_method}{digest_value}</ds:Reference>"}, "does not refer"),
        ({"transforms": ""}, "Reference is not"),
        ({"transforms": PIECES["transforms"] * 2}, "Reference is not"),
        ({"transforms": "<ds:Transforms>{exclusive}</ds:Transforms>"}, "Transforms is not"),
        ({"transforms": "<ds:Transforms>{exclusive}{enveloped}</ds:Transforms>"}, "transforms are not"),
        ({"transforms": "<ds:Transforms>{enveloped}{exclusive}{exclusive}</ds:Transforms>"}, "Transforms is not"),
        ({"enveloped": TRANSFORM.format("http://www.w3.org/TR/1999/REC-xslt-19991116")}, "transforms are not"),
        ({"exclusive": TRANSFORM.format("http://www.w3.org/TR/1999/REC-xpath-19991116")}, "transforms are not"),
        ({"exclusive": TRANSFORM.format("http://www.w3.org/TR/2001/REC-xml-c14n-20010315")}, "transforms are not"),
        ({"enveloped": f'<ds:Transform Algorithm="{ENVELOPED}"><ds:XPath>1</ds:XPath></ds:Transform>'}, "transforms are not"),
        ({"exclusive": f'<ds:Transform Algorithm="{EC}">{OTHER_NAMESPACE}</ds:Transform>'}, "parameters that are not known"),
        ({"exclusive": f'<ds:Transform Algorithm="{EC}">{INCLUSIVE}{INCLUSIVE}</ds:Transform>'}, "parameters that are not known"),
        ({"digest_method": "<ds:DigestMethod/>"}, "digest algorithm is not accepted"),
        ({"digest_method": ""}, "Reference is not"),
        ({"digest_value": "<ds:DigestValue>{hashed}</ds:DigestValue>" * 2}, "Reference is not"),
        ({"digest_value": "<ds:DigestValue><x/>{hashed}</ds:DigestValue>"}, "DigestValue must hold text only"),
        ({"digest_value": "<ds:DigestValue>{hashed}!</ds:DigestValue>"}, "^DigestValue is not base64"),
        ({"digest_value": "<ds:DigestValue/>"}, "changed after it was signed"),
        ({"signature": "{signed_info}{signed_info}{value}"}, "one SignedInfo"),
        ({"signature": "{signed_info}{value}{value}"}, "one SignedInfo"),
        ({"signature": "{value}{signed_info}"}, "one SignedInfo"),
        ({"signature": "{signed_info}"}, "one SignedInfo"),
        ({"signature": "{signed_info}{value}<ds:KeyInfo/><ds:KeyInfo/>"}, "one SignedInfo"),
        ({"signature": "{signed_info}{value}<ds:Object/>"}, "one SignedInfo"),
        ({"signature": '{signed_info}{value}<x:KeyInfo xmlns:x="urn:x"/>'}, "one SignedInfo"),
        ({"value": "<ds:SignatureValue>!</ds:SignatureValue>"}, "^SignatureValue is not base64"),
        ({"value": '<x:SignatureValue xmlns:x="urn:x"/>'}, "one SignedInfo"),
    ],
)  # fmt: skip
def test_a_signature_of_another_shape_is_refused_though_its_value_is_good(
    pieces: dict[str, str], sentence: str
) -> None:
    refused(signed(message(INSIDE), **pieces), sentence)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_key_info_may_stand_anywhere_in_the_signature_and_is_not_looked_at(place: int) -> None:
    parts = ["{signed_info}", "{value}"]
    parts.insert(place, "<ds:KeyInfo><ds:KeyName>whatever</ds:KeyName></ds:KeyInfo>")

    assert verify(signed(message(), signature="".join(parts))).get("ID") == "_1"


@pytest.mark.parametrize("uri", ["", "_1", "#_2", "#", "#xpointer(id('_1'))", "#_1 ", "https://idp.example/#_1"])
def test_a_reference_to_anything_but_the_message_is_refused(uri: str) -> None:
    refused(signed(message(), uri=uri), "does not refer")


def test_a_message_without_an_id_cannot_be_referred_to() -> None:
    refused(signed(message().replace(' ID="_1"', ""), uri="#"), "does not refer")


def test_prefixes_that_are_signed_as_inclusive_are_kept_and_count() -> None:
    """As xsi:type needs them: the prefix stands in a value, where exclusive C14N does not look for it."""
    text = message('<x xmlns:a="urn:a" type="a:b"/>', id="_1")
    exclusive = (
        f'<ds:Transform Algorithm="{EC}"><ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="a samlp"/></ds:Transform>'
    )

    found = verify(signed(text, prefixes="a samlp", exclusive=exclusive))

    assert found[1].nsmap["a"] == "urn:a"
    refused(signed(text, prefixes="", exclusive=exclusive), "changed after it was signed")


def test_prefixes_of_signed_info_count() -> None:
    method = (
        f'<ds:CanonicalizationMethod Algorithm="{EC}">'
        f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="saml"/></ds:CanonicalizationMethod>'
    )

    assert verify(signed(message(), canonicalization=method, info_prefixes="saml")).get("ID") == "_1"
    refused(signed(message(), canonicalization=method), "does not verify")


def test_an_empty_list_of_prefixes_is_no_list() -> None:
    exclusive = f'<ds:Transform Algorithm="{EC}"><ec:InclusiveNamespaces xmlns:ec="{EC}"/></ds:Transform>'

    assert verify(signed(message(), exclusive=exclusive)).get("ID") == "_1"
