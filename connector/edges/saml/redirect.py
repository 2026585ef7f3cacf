"""The HTTP-Redirect binding (bindings section 3.4): a compressed message in a query, a signature over the raw query."""

import base64
import zlib
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, unquote_plus

from connector.core.errors import Invalid
from connector.edges.saml import signature
from connector.edges.saml.names import REDIRECT_DEFLATE
from connector.edges.saml.signature import Signer

_MAX_MESSAGE = 64 * 1024
_quoted = partial(quote, safe="")
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


def read(raw: bytes, field: str = "SAMLRequest") -> Query:
    """The message in a query string, which must be the one that was sent, not one put together from its values.

    `field` is SAMLRequest or SAMLResponse: the one that is expected.
    """
    parts = _parts(raw)
    if [name for name in ("SAMLRequest", "SAMLResponse") if name in parts] != [field]:
        raise Invalid(f"the query must have exactly one {field}", field=field)
    if _optional(parts, "SAMLEncoding") not in (None, REDIRECT_DEFLATE):
        raise Invalid("SAMLEncoding is not known: only DEFLATE is", field="SAMLEncoding")
    message = _inflate(signature.octets_of(_value(parts, field), field), field)
    return Query(message, _optional(parts, "RelayState"), _detached(parts, field))


def address(location: str, field: str, message: bytes, relay_state: str | None, signer: Signer) -> str:
    """The address that carries a message of ours, signed."""
    deflater = zlib.compressobj(wbits=-15)
    packed = base64.b64encode(deflater.compress(message) + deflater.flush()).decode()
    parts = {field: packed, "RelayState": relay_state, "SigAlg": signer.algorithm}
    signed = "&".join(f"{name}={_quoted(value)}" for name, value in parts.items() if value is not None)
    value = base64.b64encode(signer.over(signed.encode())).decode()
    return f"{location}{'&' if '?' in location else '?'}{signed}&Signature={_quoted(value)}"


def _parts(raw: bytes) -> dict[str, str]:
    """The parameters of this binding, still encoded. Twice the same could be read as either: refused."""
    parts: dict[str, str] = {}
    if not raw.isascii():
        raise Invalid("the query has characters that must be percent-encoded")
    for pair in raw.decode().split("&"):
        name, _, value = pair.partition("=")
        if unquote_plus(name) in _OURS:
            if name not in _OURS or name in parts:  # an encoded name would be signed under another spelling
                raise Invalid(f"the query has {unquote_plus(name)} twice, or in another spelling")
            parts[name] = value
    return parts


def _optional(parts: dict[str, str], name: str) -> str | None:
    return _value(parts, name) if name in parts else None


def _value(parts: dict[str, str], name: str) -> str:
    try:
        return unquote_plus(parts[name], errors="strict")
    except UnicodeDecodeError as problem:
        raise Invalid(f"{name} is not UTF-8 text", field=name) from problem


def _detached(parts: dict[str, str], field: str) -> Detached | None:
    """Bindings 3.4.4.1: the message, RelayState, SigAlg in that order, in the sender's own encoding."""
    if "Signature" not in parts and "SigAlg" not in parts:
        return None
    if "Signature" not in parts or "SigAlg" not in parts:
        raise Invalid("the query has one of Signature and SigAlg without the other", field="Signature")
    signed = [f"{name}={parts[name]}" for name in (field, "RelayState", "SigAlg") if name in parts]
    return Detached(_value(parts, "SigAlg"), "&".join(signed).encode(), _value(parts, "Signature"))


def _inflate(compressed: bytes, field: str) -> bytes:
    """Raw DEFLATE (RFC 1951), bounded: a kilobyte can hold a gigabyte."""
    inflater = zlib.decompressobj(-15)
    try:
        message = inflater.decompress(compressed, _MAX_MESSAGE)
    except zlib.error as problem:
        raise Invalid(f"{field} is not DEFLATE-compressed", field=field) from problem
    if inflater.unconsumed_tail or not inflater.eof or inflater.unused_data:
        raise Invalid(f"{field} is larger than {_MAX_MESSAGE // 1024} KB, cut off, or followed by more", field=field)
    return message
