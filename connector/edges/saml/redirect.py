"""The HTTP-Redirect binding, inbound (bindings section 3.4): a compressed message, a signature over the raw query."""

import zlib
from dataclasses import dataclass
from urllib.parse import unquote_plus

from connector.core.errors import Invalid
from connector.edges.saml import signature
from connector.edges.saml.names import REDIRECT_DEFLATE

_MAX_MESSAGE = 64 * 1024
_OURS = ("SAMLRequest", "SAMLResponse", "SAMLEncoding", "RelayState", "SigAlg", "Signature")


@dataclass(frozen=True)
class Detached:
    """A signature beside the message: over `octets`, exactly as they stood in the query."""

    algorithm: str
    octets: bytes
    value: str


@dataclass(frozen=True)
class Query:
    message: bytes
    relay_state: str | None
    signature: Detached | None


def read(raw: bytes) -> Query:
    """The message in a query string, which must be the one that was sent, not one put together from its values."""
    parts = _parts(raw)
    if "SAMLRequest" not in parts or "SAMLResponse" in parts:
        raise Invalid("the query must have exactly one SAMLRequest", field="SAMLRequest")
    if _value(parts, "SAMLEncoding") not in (None, REDIRECT_DEFLATE):
        raise Invalid("SAMLEncoding is not known: only DEFLATE is", field="SAMLEncoding")
    message = _inflate(signature.octets_of(_value(parts, "SAMLRequest") or "", "SAMLRequest"))
    return Query(message, _value(parts, "RelayState"), _detached(parts))


def _parts(raw: bytes) -> dict[str, str]:
    """The parameters of this binding, still encoded. Twice the same could be read as either: refused."""
    parts: dict[str, str] = {}
    try:
        pairs = raw.decode("ascii").split("&")
    except UnicodeDecodeError as problem:
        raise Invalid("the query has characters that must be percent-encoded") from problem
    for pair in pairs:
        name, _, value = pair.partition("=")
        if unquote_plus(name) in _OURS:
            if name not in _OURS or name in parts:  # an encoded name would be signed under another spelling
                raise Invalid(f"the query has {unquote_plus(name)} twice, or in another spelling")
            parts[name] = value
    return parts


def _value(parts: dict[str, str], name: str) -> str | None:
    if name not in parts:
        return None
    try:
        return unquote_plus(parts[name], errors="strict")
    except UnicodeDecodeError as problem:
        raise Invalid(f"{name} is not UTF-8 text", field=name) from problem


def _detached(parts: dict[str, str]) -> Detached | None:
    """Bindings 3.4.4.1: SAMLRequest, RelayState, SigAlg in that order, in the sender's own encoding."""
    if "Signature" not in parts and "SigAlg" not in parts:
        return None
    if "Signature" not in parts or "SigAlg" not in parts:
        raise Invalid("the query has one of Signature and SigAlg without the other", field="Signature")
    signed = [f"{name}={parts[name]}" for name in ("SAMLRequest", "RelayState", "SigAlg") if name in parts]
    return Detached(_value(parts, "SigAlg") or "", "&".join(signed).encode(), _value(parts, "Signature") or "")


def _inflate(compressed: bytes) -> bytes:
    """Raw DEFLATE (RFC 1951), bounded: a kilobyte can hold a gigabyte."""
    inflater = zlib.decompressobj(-15)
    try:
        message = inflater.decompress(compressed, _MAX_MESSAGE)
    except zlib.error as problem:
        raise Invalid("SAMLRequest is not DEFLATE-compressed", field="SAMLRequest") from problem
    if inflater.unconsumed_tail or not inflater.eof or inflater.unused_data:
        raise Invalid(
            f"SAMLRequest is larger than {_MAX_MESSAGE // 1024} KB, cut off, or followed by more", field="SAMLRequest"
        )
    return message
