"""Our door, at which an IdP's answers are brought."""

import base64
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from connector.core.keys import KeyRing
from connector.core.secret import fingerprint
from connector.domain import people, workforce
from connector.domain.sign_in import Begun, Browser, Purpose, Unmet
from connector.domain.unit import SYSTEM, Domain
from connector.domain.vouched import Code, Refused
from connector.domain.workforce import Trust
from connector.edges.saml.signature import Signers
from connector.edges.saml.sp import sign_in
from connector.edges.saml.sp.provider import Sp
from connector.edges.saml.sp.refusal import NotAccepted
from connector.storage import audit, sign_ins
from connector.storage.db import Database
from connector.storage.sign_ins import Session
from tests.unit.edges.saml.verifier.believed import NOW, corp
from tests.workforce_idp import at_that_time, message_of

LIFE = timedelta(hours=8)


@dataclass
class Door:
    sp: Sp

    def leave(self, next: str = "/x", *, cookie: str | None = None, **purpose: Any) -> tuple[Any, Browser]:
        """(the request that is carried to the IdP, the browser that carries it)."""
        departure = sign_in.request(self.sp, "corp", Purpose(next, **purpose), cookie=cookie)
        relay_state = parse_qs(urlsplit(departure.address).query)["RelayState"][0]
        return message_of(departure.address), Browser(departure.cookie, relay_state)

    def bring(self, text: str | None, browser: Browser, *, recorded: bool = True) -> Begun | Unmet | Refused:
        encoded = base64.b64encode(text.encode()).decode() if text is not None else None
        return sign_in.answer(self.sp, encoded, browser, life=LIFE, recorded=lambda: recorded)

    def not_accepted(self, text: str | None, code: Code, sentence: str) -> None:
        with pytest.raises(NotAccepted, match=sentence) as caught:
            self.bring(text, Browser("x", "y"))
        assert caught.value.code is code
        assert self.events() == []

    def configure(self, **changes: Any) -> None:
        with self.sp.domain.change(SYSTEM) as unit:
            workforce.configure(unit, "corp", changes)

    def session(self, begun: Begun) -> Session:
        with self.sp.domain.view() as unit:
            found = sign_ins.by_token(unit.tx, fingerprint(begun.token))
        assert found is not None
        return found

    def events(self) -> list[tuple[str, str | None]]:
        """Sign-ins that were granted or refused."""
        with self.sp.domain.view() as unit:
            bodies = [orjson.loads(one.body) for one in audit.events(unit.tx) if one.action.startswith("sign-in:")]
        return [(one["action"], one["detail"].get("reason")) for one in bodies]


@pytest.fixture
def door(keys: KeyRing, migrated_file: Path, tmp_path: Path) -> Iterator[Door]:
    """Ours, which trusts corp, where ada is known."""
    file = tmp_path / "connector.db"
    shutil.copyfile(migrated_file, file)
    domain = Domain(Database(f"sqlite:///{file}", clock=lambda: NOW), keys)
    ids = (f"_id{number}" for number in itertools.count(1))
    with domain.change(SYSTEM) as unit:
        workforce.add(unit, "corp", Trust(corp().entity_id, corp().metadata().decode()))
        people.add(unit, {"userName": "ada", "displayName": "Ada"}, None)
    with at_that_time(NOW):
        yield Door(Sp(domain, "https://connector.example/", Signers(keys, "sp"), lambda: next(ids)))
    domain.database.close()
