"""Who somebody is here, of whom a workforce IdP has spoken: a person who is known, or one who is made."""

import unicodedata
from dataclasses import replace
from typing import Any

from connector.core.errors import Conflict, Invalid
from connector.core.query import comparison_key
from connector.domain import people, workforce
from connector.domain.idp_settings import NAME_ID, IdpSettings
from connector.domain.unit import Caller, Unit
from connector.domain.vouched import Code, Refused, Vouched
from connector.storage import resources, searchable, tombstones
from connector.storage.resources import Record

_MAIL = (
    "email",
    "mail",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
_DISPLAY_NAME = (
    "displayName",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "cn",
    "urn:oid:2.5.4.3",
)


def person(unit: Unit, vouched: Vouched) -> Record | Refused:
    settings = workforce.settings(vouched.idp)
    values = (vouched.subject,) if settings.source == NAME_ID else vouched.attributes.get(settings.source, ())
    if len(values) != 1 or not values[0]:
        return Refused(Code.NOT_KNOWN, f"{settings.source} has {len(values)} values; it must have one")
    [value] = values
    if unicodedata.normalize("NFKC", value) != value or any(unicodedata.category(sign)[0] == "C" for sign in value):
        return Refused(
            Code.NOT_KNOWN, f"{settings.source} has characters that only look like others, or cannot be seen"
        )
    if settings.suffixes and not comparison_key(value).endswith(tuple(map(comparison_key, settings.suffixes))):
        return Refused(Code.NOT_KNOWN, f"this IdP does not speak for {value!r}: it ends with none of its suffixes")
    found = _matching(unit, settings.match, value)
    if len(found) > 1:
        return Refused(Code.AMBIGUOUS, f"several people have the {settings.match} {value!r}")
    if found:
        # the lock makes switching the person off wait for us: it then sees, and ends, the session that we open
        person = resources.by_id(unit.tx, "person", found[0], lock=True)
        return person or Refused(Code.NOT_KNOWN, f"the person with the {settings.match} {value!r} has just gone")
    return _new_person(unit, vouched, settings, value)


def _matching(unit: Unit, match: str, value: str) -> list[str]:
    if match == "email":
        holders = searchable.holders(unit.tx, "emails.value", comparison_key(value))
        known = resources.by_ids(unit.tx, holders)
        return [id for id in dict.fromkeys(holders) if known[id].kind == "person"]
    if match == "externalId":
        return resources.with_external_id(unit.tx, "person", value)
    named = resources.by_name(unit.tx, "person", value)
    return [named.id] if named else []


def _new_person(unit: Unit, vouched: Vouched, settings: IdpSettings, value: str) -> Record | Refused:
    """Whoever was deleted stays so: neither their name nor their address makes somebody new of them."""
    mail = value if settings.match == "email" else _first(vouched, _MAIL)
    gone = tombstones.known_by(unit.tx, "person", [value, vouched.subject, *([mail] if mail else [])])
    if gone:
        return Refused(Code.DELETED, f"{value!r} was deleted here: {', '.join(gone)}")
    if not settings.create_people:
        return Refused(Code.NOT_KNOWN, f"no person has the {settings.match} {value!r}")
    document: dict[str, Any] = {"userName": value, "displayName": _first(vouched, _DISPLAY_NAME) or value}
    if mail:
        document["emails"] = [{"value": mail, "type": "work", "primary": True}]
    by = Caller("idp", f"idp:{vouched.idp.name}", vouched.idp.name)
    try:
        with unit.tx.savepoint():
            return people.add(replace(unit, by=by), document, None)
    except (Conflict, Invalid) as problem:
        return Refused(Code.NOT_KNOWN, f"no person could be made of {value!r}: {problem.detail}")


def _first(vouched: Vouched, names: tuple[str, ...]) -> str | None:
    return next((vouched.attributes[name][0] for name in names if vouched.attributes.get(name)), None)
