"""Sessions of people who have signed in: who they are now, what they may do, and the end of it.

Knows no cookies: a session is asked for by its token, of which only the fingerprint is kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from connector.core.clock import from_text
from connector.core.secret import fingerprint
from connector.domain import idp_settings
from connector.domain.events import Action
from connector.domain.idp_settings import OWNER
from connector.domain.unit import Caller, Unit
from connector.storage import groups, owners, resources, sign_ins, workforce
from connector.storage.resources import Record
from connector.storage.sign_ins import Session

__all__ = ["Ended", "Session", "SignedIn"]

BROWSER = Caller("system", "system", "browser")  # on whose behalf is known only once its session is found
_SEEN_EVERY = timedelta(minutes=1)  # so much may a session end too early; each request need not write


@dataclass(frozen=True)
class SignedIn:
    """A person at the door, as of now. `roles`: admin, approver, auditor, owner. `csrf` is what each form of theirs must carry.

    `proven` is when they have proved themselves to their IdP, None where nobody knows (domain.sign_in).
    """

    session_id: str
    person_id: str
    user_name: str
    display_name: str
    idp: str
    roles: frozenset[str]
    proven: datetime | None
    context: str | None
    csrf: str

    @property
    def caller(self) -> Caller:
        """Who asks, for units of work."""
        return Caller("person", self.person_id, self.user_name)

    def has_proved(self, since: datetime | None) -> bool:
        """Whether they are known to have proved themselves from that moment on; None asks for nothing."""
        return since is None or (self.proven is not None and self.proven >= since)


@dataclass(frozen=True)
class Ended:
    """A session that has ended: what its IdP must be told."""

    idp: str
    name_id: str
    session_index: str | None


def current(unit: Unit, token: str, *, idle: timedelta) -> SignedIn | None:
    """The person whose session that is; None where there is none, where it has ended, or where the person was switched off."""
    session = sign_ins.by_token(unit.tx, fingerprint(token))
    if session is None or session.expires <= unit.tx.now or from_text(session.seen) + idle <= unit.tx.moment:
        return None
    person = resources.by_id(unit.tx, "person", session.person_id)
    if person is None or not person.active:
        return None
    return SignedIn(
        session_id=session.id,
        person_id=person.id,
        user_name=person.name,
        display_name=_display_name(person),
        idp=session.idp,
        roles=_roles(unit, session),
        proven=from_text(session.proven) if session.proven else None,
        context=session.context,
        csrf=fingerprint("csrf:" + token),  # whoever can make it has the cookie
    )


def is_to_be_marked(unit: Unit, token: str) -> bool:
    """Whether it is time to note that the session is in use."""
    session = sign_ins.by_token(unit.tx, fingerprint(token))
    return session is not None and from_text(session.seen) + _SEEN_EVERY <= unit.tx.moment


def mark(unit: Unit, session_id: str) -> None:
    """Note that the session is in use."""
    sign_ins.seen(unit.tx, session_id)


def sign_out(unit: Unit, token: str) -> Ended | None:
    """End the session; None where there is none."""
    session = sign_ins.by_token(unit.tx, fingerprint(token))
    if session is None:
        return None
    sign_ins.end(unit.tx, session.id)
    _record(unit, [session], by="person")
    return Ended(session.idp, session.name_id, session.session_index)


def end_of_person(unit: Unit, person_id: str, *, by: str) -> None:
    _record(unit, sign_ins.end_of_person(unit.tx, person_id), by=by)


def end_of_idp(unit: Unit, idp: str, *, by: str) -> None:
    _record(unit, sign_ins.end_of_idp(unit.tx, idp), by=by)


def end_of_subject(unit: Unit, idp: str, subject: str, indexes: list[str]) -> int:
    """The IdP ends what it has begun: sessions of that NameID, of these indexes or all of them. How many there were."""
    ended = sign_ins.end_of_subject(unit.tx, idp, subject, indexes)
    _record(unit, ended, by="idp")
    return len(ended)


def agents_of(unit: Unit, person_id: str) -> list[Record]:
    """The agents that this person owns, in order of name."""
    held = owners.of_agents(unit.tx, owners.agents_of(unit.tx, person_id))
    owned = [id for id, some in held.items() if any(o.holder_id == person_id and o.role == "owner" for o in some)]
    return sorted(resources.by_ids(unit.tx, owned).values(), key=lambda one: one.name)


def _roles(unit: Unit, session: Session) -> frozenset[str]:
    """From what the IdP said then, from our groups as they are now, and from the agents that the person owns now."""
    idp = workforce.by_name(unit.tx, session.idp)
    table = idp_settings.from_json(idp.settings).role_groups if idp else ()
    joined = groups.nested(unit.tx, [session.person_id]).get(session.person_id, []) if table else []
    roles = frozenset(session.roles.split()) | idp_settings.given(table, [id for id, _, _ in joined])
    return roles | {OWNER} if agents_of(unit, session.person_id) else roles


def _display_name(person: Record) -> str:
    return str(orjson.loads(person.document).get("displayName") or person.name)


def _record(unit: Unit, ended: Iterable[Session], *, by: str) -> None:
    for one in ended:
        unit.record(Action.SIGN_IN_ENDED, "person", one.person_id, session=one.id, idp=one.idp, by=by)
