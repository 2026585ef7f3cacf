"""Whatever comes in: the Redirect decoder and the verifier refuse it as Invalid, and accept nothing that was not signed."""

import base64
import zlib
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.errors import Invalid
from connector.edges.saml import redirect, service_provider, signature, xml
from tests.unit.edges.saml.conftest import App

_NAMES = st.sampled_from(
    ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding", "SAML%52equest", "x"]
)


def _deflated(content: bytes) -> str:
    deflate = zlib.compressobj(wbits=-15)
    return quote_plus(base64.b64encode(deflate.compress(content) + deflate.flush()))


_VALUES = st.one_of(
    st.text(max_size=20).map(lambda text: text.encode()),
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda content: _deflated(content).encode()),
    st.binary(max_size=60).map(lambda content: quote_plus(base64.b64encode(content)).encode()),
    st.sampled_from([b"%ff", b"%", b"%zz", b"+", b"="]),
)


@given(st.lists(st.tuples(_NAMES, _VALUES), min_size=1, max_size=3, unique_by=lambda pair: pair[0]))
@settings(max_examples=300, deadline=None)
def test_a_query_is_read_as_it_was_sent_or_refused(pairs: list[tuple[str, bytes]]) -> None:
    raw = b"&".join(name.encode() + b"=" + value for name, value in pairs)
    try:
        found = redirect.read(raw)
    except Invalid:
        return
    assert [name for name, _ in pairs].count("SAMLRequest") == 1
    assert found.signature is None or b"SigAlg=" in found.signature.octets


@pytest.mark.parametrize("name", ["SAMLRequest", "RelayState", "SAMLEncoding", "SigAlg", "Signature"])
def test_a_value_that_is_no_text_is_refused(name: str) -> None:
    sent = {"SAMLRequest": _deflated(b"<a/>"), "SigAlg": "x", "Signature": "x"} | {name: "%ff"}
    with pytest.raises(Invalid, match=name):
        redirect.read("&".join(f"{key}={value}" for key, value in sent.items()).encode())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_request_says_what_was_signed_or_is_refused(app: App, data: st.DataObject) -> None:
    keys = service_provider.parsed(app.metadata).signing_keys
    message = app.signed(app.request(inside="<samlp:NameIDPolicy/>")).encode()
    original = xml.canonical(signature.verified(xml.parse(message, what="message"), keys))
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(len(message), start + 40)))
    other = data.draw(st.integers(0, len(message)))
    new = data.draw(st.one_of(st.binary(max_size=8), st.just(message[other : other + 60])))
    try:
        found = signature.verified(xml.parse(message[:start] + new + message[end:], what="message"), keys)
    except Invalid:
        return
    assert xml.canonical(found) == original


@pytest.mark.parametrize("content", [b"", b"<", b"\x00", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<a>" * 70 + b"</a>" * 70])
def test_what_no_parser_should_read_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        xml.parse(content, what="message")
