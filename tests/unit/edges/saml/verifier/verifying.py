"""What the verifier makes of a message that is signed with the key of forge."""

from typing import Any

import pytest

from connector.core.errors import Invalid
from connector.edges.saml import signature, xml
from tests.unit.edges.saml.verifier.forge import rsa_key

KEYS = [rsa_key().public_key()]
INSIDE = "<samlp:Extensions><x xmlns='urn:x'>text</x></samlp:Extensions>"


def verify(text: str, keys: Any = None, **options: bool) -> Any:
    return signature.verified(xml.parse(text.encode(), what="message"), keys or KEYS, **options)


def refused(text: str, sentence: str, keys: Any = None, **options: bool) -> Invalid:
    with pytest.raises(Invalid, match=sentence) as caught:
        verify(text, keys, **options)
    return caught.value
