"""The Redirect binding: the query is read as it was sent, and the signature is over the sender's own spelling."""

import base64
import zlib
from urllib.parse import parse_qsl, quote

import pytest

from connector.core.errors import Invalid
from connector.edges.saml import redirect, signature
from connector.edges.saml.redirect import Query
from tests.unit.edges.saml.verifier.forge import MORE, rsa_key, signature_over

DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
LIMIT = 64 * 1024


def deflated(content: bytes, *, behind: bytes = b"") -> str:
    squeeze = zlib.compressobj(wbits=-15)
    return quote(base64.b64encode(squeeze.compress(content) + squeeze.flush() + behind), safe="")


MESSAGE = deflated(b"<a/>")


def read(query: str, field: str = "SAMLRequest") -> Query:
    return redirect.read(query.encode(), field)


def refused(query: str | bytes, sentence: str, field: str = "SAMLRequest") -> Invalid:
    with pytest.raises(Invalid, match=sentence) as caught:
        redirect.read(query.encode() if isinstance(query, str) else query, field)
    return caught.value


@pytest.mark.parametrize("field", ["SAMLRequest", "SAMLResponse"])
def test_a_query_without_a_signature_has_a_message_and_what_goes_with_it(field: str) -> None:
    assert read(f"{field}={MESSAGE}", field) == Query(b"<a/>", None, None)
    found = read(f"x=1&RelayState=%2Fhome+page%C3%A4&{field}={MESSAGE}&SAMLEncoding={quote(DEFLATE)}", field)
    assert (found.message, found.relay_state, found.signature) == (b"<a/>", "/home page\u00e4", None)


def test_a_request_is_expected_where_nothing_else_is_said() -> None:
    assert redirect.read(f"SAMLRequest={MESSAGE}".encode()).message == b"<a/>"
    with pytest.raises(Invalid, match="exactly one SAMLRequest"):
        redirect.read(f"SAMLResponse={MESSAGE}".encode())


@pytest.mark.parametrize(
    ("query", "sentence", "field"),
    [
        ("", "^the query must have exactly one SAMLRequest$", "SAMLRequest"),
        (f"SAMLResponse={MESSAGE}", "exactly one SAMLRequest", "SAMLRequest"),
        (f"SAMLRequest={MESSAGE}&SAMLResponse={MESSAGE}", "exactly one SAMLRequest", "SAMLRequest"),
        (f"SAMLRequest={MESSAGE}&SAMLRequest={MESSAGE}", "has SAMLRequest twice", None),
        (f"SAMLRequest={MESSAGE}&SAML%52equest={MESSAGE}", "has SAMLRequest twice, or in another spelling", None),
        (f"SAML%52equest={MESSAGE}", "another spelling", None),
        (f"SAMLRequest={MESSAGE}&RelayState=1&RelayState=1", "has RelayState twice", None),
        (f"SAMLRequest={MESSAGE}&Relay%53tate=1", "has RelayState twice", None),
        (f"SAMLRequest={MESSAGE}&SigAlg=x&SigAlg=x&Signature=y", "has SigAlg twice", None),
        (f"SAMLRequest={MESSAGE}&SigAlg=x&Signature=y&Signature=y", "has Signature twice", None),
        (f"SAMLRequest={MESSAGE}&SAMLEncoding=x&SAMLEncoding=x", "has SAMLEncoding twice", None),
        (f"SAMLRequest={MESSAGE}&SAMLEncoding=urn:zip", "^SAMLEncoding is not known", "SAMLEncoding"),
        (f"SAMLRequest={MESSAGE}&SAMLEncoding=", "^SAMLEncoding is not known", "SAMLEncoding"),
        (f"SAMLRequest={MESSAGE}&Signature=x", "one of Signature and SigAlg without the other", "Signature"),
        (f"SAMLRequest={MESSAGE}&SigAlg=x", "one of Signature and SigAlg without the other", "Signature"),
        (f"SAMLRequest={MESSAGE}&RelayState=%ff", "^RelayState is not UTF-8 text", "RelayState"),
        (f"SAMLRequest={MESSAGE}&SigAlg=%ff&Signature=x", "^SigAlg is not UTF-8 text", "SigAlg"),
        (f"SAMLRequest={MESSAGE}&SigAlg=x&Signature=%ff", "^Signature is not UTF-8 text", "Signature"),
        ("SAMLRequest=!", "^SAMLRequest is not base64", "SAMLRequest"),
        ("SAMLRequest=", "SAMLRequest is larger than 64 KB, cut off", "SAMLRequest"),
        ("SAMLRequest", "SAMLRequest is larger than 64 KB, cut off", "SAMLRequest"),
        ("SAMLRequest=%2F%2F%2F%2F", "^SAMLRequest is not DEFLATE-compressed", "SAMLRequest"),
        (f"SAMLRequest={deflated(b'<a/>', behind=b'x')}", "followed by more", "SAMLRequest"),
        (f"SAMLRequest={deflated(b'<a/>')[:4]}", "cut off", "SAMLRequest"),
        (f"SAMLRequest={deflated(b'x' * (LIMIT + 1))}", "larger than 64 KB", "SAMLRequest"),
    ],
)  # fmt: skip
def test_a_query_that_could_be_read_in_two_ways_is_refused(query: str, sentence: str, field: str | None) -> None:
    assert refused(query, sentence).field == field


def test_a_response_is_named_where_one_is_expected() -> None:
    for query in ("", "SAMLResponse=!", "SAMLResponse=%2F%2F%2F%2F", f"SAMLResponse={deflated(b'x', behind=b'x')}"):
        problem = refused(query, "SAMLResponse", "SAMLResponse")
        assert problem.field == "SAMLResponse"


def test_characters_that_must_be_encoded_are_refused() -> None:
    refused(f"SAMLRequest={MESSAGE}&x=".encode() + b"\xc3\xa4", "must be percent-encoded")


def test_a_message_of_just_the_largest_size_is_inflated() -> None:
    assert len(read(f"SAMLRequest={deflated(b'x' * LIMIT)}").message) == LIMIT


@pytest.mark.parametrize("field", ["SAMLRequest", "SAMLResponse"])
@pytest.mark.parametrize("relay_state", ["", "&RelayState=%2fhome", "&RelayState="])
def test_the_signature_is_over_the_parts_in_their_order_in_the_senders_own_spelling(
    field: str, relay_state: str
) -> None:
    algorithm = "SigAlg=" + quote(MORE + "rsa-sha256", safe="").replace("%2F", "%2f")
    signed = f"{field}={MESSAGE}{relay_state}&{algorithm}"
    value = quote(base64.b64encode(signature_over(signed.encode(), rsa_key(), "sha256")), safe="")

    for query in (
        f"{signed}&Signature={value}",
        f"Signature={value}&x=1&{algorithm}{relay_state}&{field}={MESSAGE}&SAMLEncoding={quote(DEFLATE)}",
    ):
        found = read(query, field).signature
        assert found is not None
        assert (found.algorithm, found.octets) == (MORE + "rsa-sha256", signed.encode())
        signature.check_octets(found.algorithm, [rsa_key().public_key()], found.octets, found.value)


def test_an_empty_signature_is_a_signature_that_does_not_verify() -> None:
    found = read(f"SAMLRequest={MESSAGE}&SigAlg=&Signature=").signature

    assert found is not None and (found.algorithm, found.value) == ("", "")


class Signed:
    """Stands for our key: what is asked to be signed is kept."""

    algorithm = MORE + "rsa-sha256"

    def over(self, octets: bytes) -> bytes:
        return signature_over(octets, rsa_key(), "sha256")


@pytest.mark.parametrize("location", ["https://idp.example/sso", "https://idp.example/sso?a=b"])
@pytest.mark.parametrize("relay_state", [None, "", "a/b c&d"])
@pytest.mark.parametrize("field", ["SAMLRequest", "SAMLResponse"])
def test_an_address_of_ours_is_read_back_as_it_was_meant(location: str, relay_state: str | None, field: str) -> None:
    made = redirect.address(location, field, b"<a>\xc3\xa4</a>", relay_state, Signed())  # type: ignore[arg-type]

    assert made.startswith(location + ("&" if "?" in location else "?") + field + "=")
    raw = made.partition("?")[2]
    assert "/" not in raw and "+" not in raw, "each value is percent-encoded throughout"
    names = [name for name, _ in parse_qsl(raw, keep_blank_values=True) if name != "a"]
    assert names == [field, *(["RelayState"] if relay_state is not None else []), "SigAlg", "Signature"]
    found = redirect.read(raw.encode(), field)
    assert (found.message, found.relay_state) == (b"<a>\xc3\xa4</a>", relay_state)
    assert found.signature is not None
    signature.check_octets(
        found.signature.algorithm, [rsa_key().public_key()], found.signature.octets, found.signature.value
    )
