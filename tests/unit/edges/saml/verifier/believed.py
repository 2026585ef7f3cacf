"""A workforce IdP that is believed here, what it writes, and what becomes of it: without a door, a database or a clock."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from connector.core.keys import SigningKey
from connector.domain.vouched import Code
from connector.edges.saml import xml
from connector.edges.saml.sp import response
from connector.edges.saml.sp.identity_provider import IdentityProvider
from connector.edges.saml.sp.refusal import NotAccepted
from connector.edges.saml.sp.response import Expected, Judged
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.unit.edges.saml.verifier import forge
from tests.workforce_idp import ACS, SP, Idp, Says, new_idp

NOW = datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@cache
def corp() -> Idp:
    return new_idp()


@cache
def our_pair() -> KeyPair:
    return self_signed_rsa("us")


def our_key() -> SigningKey:
    return SigningKey("sp", "ours", "20270101T000000Z", our_pair().key, our_pair().certificate)


def known(**changes: Any) -> IdentityProvider:
    """The IdP as its metadata describe it."""
    one = corp()
    values: dict[str, Any] = {
        "entity_id": one.entity_id,
        "sign_on": f"{one.base}/sso",
        "logouts": (),
        "keys": (one.keys.key.public_key(),),
        "certificates": (one.keys.certificate_der,),
        "valid_until": None,
    }
    return IdentityProvider(**values | changes)


def expected(*, now: datetime = NOW, idp: IdentityProvider | None = None) -> Expected:
    return Expected(idp or known(), ACS, SP, now, [our_key()])


def written(*, sign: str = "assertion", change: Any = None, wrap: Any = None, **says: Any) -> str:
    """A Response of that IdP. `change` is done to the text of the assertion and `wrap` to that of the Response, before signing.

    `sign` is assertion, response, both or nothing.
    """
    said = Says(**{"id": "_assertion", "request": "_request", **says})
    assertion = corp().assertion(said, NOW)
    assertion = change(assertion) if change else assertion
    if sign in ("assertion", "both"):
        assertion = forge.signed(assertion, corp().keys.key)
    whole = corp().response(assertion, said, NOW)
    whole = wrap(whole) if wrap else whole
    return forge.signed(whole, corp().keys.key) if sign in ("response", "both") else whole


def accepted(text: str, **changes: Any) -> Judged:
    return response.accept(xml.parse(text.encode(), what="Response"), expected(**changes))


def refused(text: str, code: Code, sentence: str, **changes: Any) -> None:
    with pytest.raises(NotAccepted, match=sentence) as caught:
        accepted(text, **changes)
    assert caught.value.code is code


def without(part: str) -> Any:
    """Takes an element out of a text, with all that is in it."""

    pattern = re.compile(rf"<{part}(?: [^>]*)?(?:/>|(?<!/)>.*?</{part}>)", re.DOTALL)

    def cut(text: str) -> str:
        assert pattern.search(text), f"{part} is not in {text}"
        return pattern.sub("", text, count=1)

    return cut


def replaced(old: str, new: str) -> Any:
    def change(text: str) -> str:
        assert old in text, f"{old} is not in {text}"
        return text.replace(old, new)

    return change
