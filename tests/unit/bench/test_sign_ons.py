"""Assertions of the bench are read, not counted."""

import base64
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from connector.core.keys import SigningKey
from connector.domain.sign_on import Facts, Granted
from connector.edges.saml import assertion, names
from connector.edges.saml.assertion import Letter, NameId
from connector.edges.saml.signature import Signer
from tests.bench.loader import Reply
from tests.bench.sign_ons import _Party, direct
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.unit.bench.test_judging import site
from tests.unit.edges.saml.conftest import App

IDP, STRANGER = self_signed_rsa("idp"), self_signed_rsa("stranger")
APP = App(self_signed_rsa("app"))
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def reply(index: int, *, audience: str = APP.entity_id, session: str | None = None, by: KeyPair | None = IDP) -> Reply:
    name_id = NameId(names.PERSISTENT, "agt-1", "idp", audience).alone()
    facts = Facts("agt-1", "agt-1", "bot", None, None, (), (), (), (), ())
    granted = Granted(facts, name_id, session or f"ses-{index}", NOON, NOON + timedelta(hours=1))
    letter = Letter("idp", audience, "https://app.example/acs", None, NOON)
    text = assertion.assertion(letter, "_1", name_id, granted, context=names.CONTEXT_UNSPECIFIED, released=[])
    if by is not None:
        text = Signer(SigningKey("saml", "x", "20270301T120000Z", by.key, by.certificate)).sign(text)
    encoded = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return Reply(index, 200, 1.0, orjson.dumps({"assertion": encoded}))


@pytest.mark.parametrize(
    ("lie", "wrong"),
    [
        ({}, 0),
        ({"audience": "https://other.example"}, 1),
        ({"session": "ses-0"}, 1),
        ({"by": STRANGER}, 1),
        ({"by": None}, 1),
    ],
)
def test_an_assertion_that_is_not_what_was_asked_for_is_wrong(lie: dict[str, object], wrong: int) -> None:
    party = _Party(APP, ["token"] * 4, IDP.key.public_key())  # type: ignore[arg-type]
    work = direct(site(lambda method, path: (200, None)), party, 3)

    assert work.wrong([reply(0), reply(1), reply(2, **lie)]) == wrong  # type: ignore[arg-type]


def test_an_answer_that_cannot_be_read_is_wrong() -> None:
    party = _Party(APP, ["token"] * 4, IDP.key.public_key())  # type: ignore[arg-type]
    work = direct(site(lambda method, path: (200, None)), party, 2)

    assert work.wrong([reply(0), Reply(1, 200, 1.0, b'{"assertion": "nonsense"}')]) == 1
