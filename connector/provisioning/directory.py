"""People and groups from a workforce IdP: read there, kept in step here. The anchor is the only thing that is trusted to stay.

In: a target whose mapping has a `directory`. Out: people and groups of ours, links to theirs, and cases where a person must decide.
The directory is the authority for what it gives: the mapped fields of a person, whether they are active, and who is in its groups.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.core.errors import ConnectorError, Denied, Invalid
from connector.core.query import comparison_key
from connector.domain import groups as our_groups
from connector.domain import people as our_people
from connector.domain import resources
from connector.domain.events import Action
from connector.domain.groups import MemberChange
from connector.domain.schema import ENTERPRISE
from connector.domain.unit import Caller, Domain, Unit
from connector.mapping.schema import Directory
from connector.provisioning.correlate import Doubt
from connector.provisioning.preview import Connected
from connector.provisioning.record import open_case
from connector.provisioning.survey import Progress
from connector.storage import cases, groups, links, searchable, tombstones
from connector.storage.links import Link
from connector.storage.resources import by_ids, by_name
from connector.targets.base import Account, Capability, DirectoryTarget, Missing

_BATCH = 200
_TEXTS = ("displayName", "title")
_NAMES = ("givenName", "familyName")
_ENTERPRISE = ("department", "employeeNumber")


@dataclass
class Synced:
    """What a run did: counts by what was done, and what it could not do, by anchor."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        if number:
            self.counts[what] = self.counts.get(what, 0) + number


class DirectorySync:
    """Brings people and groups of a target in step."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def run(self, at: Connected, by: Caller, progress: Progress, *, allow: int = 0) -> Synced:
        """Read everything, then write. A read that fails, or a brake (Denied), writes nothing.

        Nobody is deleted: who is gone there is switched off here. More than the mapping's guard lets go at once need `allow`.
        """
        source, rules = self._source(at)
        there = {}
        for one in source.people():
            there[one.id] = one
            progress("people read", 1)
        members = {} if rules.groups is None else dict(_groups(source, rules.groups, progress))
        with self._domain.view() as unit:
            held = {link.remote_id: link.resource_id for link in links.of_target(unit.tx, at.name)}
            ours = by_ids(unit.tx, held.values())
        linked = {anchor: id for anchor, id in held.items() if id in ours and ours[id].kind == "person"}
        leaving = {id for anchor, id in linked.items() if ours[id].active and not _is_active(there.get(anchor))}
        _brake(len(linked), there, len(leaving), at.mapping.policies.guard.allowed(len(linked)), allow)
        done = Synced()
        anchors = list(there)
        for start in range(0, len(anchors), _BATCH):
            with self._domain.change(by) as unit:
                for anchor in anchors[start : start + _BATCH]:
                    self._person(unit, at.name, rules, there[anchor], held.get(anchor), done)
            progress("people compared", len(anchors[start : start + _BATCH]))
        for anchor, id in linked.items():
            if anchor not in there and ours[id].active:
                with self._domain.change(by.because(f"no longer in {at.name}")) as unit:
                    _switch_off(unit, id)
                    done.count("people gone")
        for anchor, (name, inside) in members.items():
            with self._domain.change(by) as unit:
                self._group(unit, at.name, anchor, name, inside, held.get(anchor), done)
            progress("groups compared", 1)
        with self._domain.change(by) as unit:
            unit.record(Action.DIRECTORY_READ, "target", at.name, counts=done.counts, problems=len(done.problems))
        return done

    @staticmethod
    def _source(at: Connected) -> tuple[DirectoryTarget, Directory]:
        if at.mapping.directory is None:
            raise Invalid(f"the mapping of {at.name} has no directory: nothing is read from there", field="target")
        if not isinstance(at.target, DirectoryTarget) or Capability.DIRECTORY not in at.target.capabilities:
            raise Invalid(
                f"{at.name} cannot show its people; see the page of its kind in docs/targets/", field="target"
            )
        return at.target, at.mapping.directory

    def _person(
        self, unit: Unit, target: str, rules: Directory, account: Account, held: str | None, done: Synced
    ) -> None:
        document = _document(rules.people, account)
        try:
            if not document.get("userName"):
                raise Invalid(f"{rules.people['userName']} is empty, which userName is taken from", field="userName")
            id = held or self._known(unit, target, rules, account, document, done)
            if id == "":
                return
            if id is None:
                record = our_people.add(unit, _merged({}, document), None)
                links.save(unit.tx, Link(record.id, target, account.id, links.UNKNOWN))
                done.count("people added")
                return
            if tombstones.among(unit.tx, [id]):
                done.count("people deleted here, left alone")
                return
            before = resources.fetch(unit, "person", id, lock=True)
            after = our_people.amend(unit, before, _merged(orjson.loads(before.document), document), before.external_id)
            if held is None:
                links.save(unit.tx, Link(id, target, account.id, links.UNKNOWN))
                done.count("people adopted")
            elif after is not before:
                done.count("people changed")
        except ConnectorError as problem:  # one person who does not fit is no reason to leave out the others
            done.problems[account.id] = problem.detail

    def _known(
        self, unit: Unit, target: str, rules: Directory, account: Account, document: dict[str, Any], done: Synced
    ) -> str | None:
        """The person of ours that this one is by the mapping's match; None for a new one, "" where a person must say."""
        named = by_name(unit.tx, "person", document["userName"])
        name = {named.id} if named is not None else set()
        fits = name if rules.match == "userName" else set()
        if rules.match == "email" and document.get("emails"):
            email = document["emails"][0]["value"]
            fits = set(searchable.holders(unit.tx, "emails.value", comparison_key(email)))
        if not fits and not name:
            return None
        if len(fits) != 1 or not name <= fits or links.linked(unit.tx, target, fits):
            found = ", ".join(sorted(fits | name))
            why = f"{document['userName']!r} in the directory may be {found}, and match is {rules.match}"
            open_case(unit, target, account.id, Doubt("disputed", {account.id: document["userName"]}, why))
            done.count("people in doubt")
            return ""
        cases.settle(unit.tx, target, account.id)
        return fits.pop()

    def _group(
        self, unit: Unit, target: str, anchor: str, name: str, inside: set[str], held: str | None, done: Synced
    ) -> None:
        """Membership as differences: who is known there and here joins or leaves; members from elsewhere stay."""
        known = {link.remote_id: link.resource_id for link in links.of_target(unit.tx, target)}
        present = by_ids(unit.tx, [known[one] for one in inside if one in known])
        wanted = {id for id, one in present.items() if one.kind in ("person", "agent")}
        try:
            if held is None:
                taken = by_name(unit.tx, "group", name)
                if taken is not None and links.find(unit.tx, taken.id, target) is not None:
                    raise Invalid(f"there are two groups {name!r} in the directory", field="displayName")
                record = taken or our_groups.add(unit, {"displayName": name}, None, sorted(wanted))
                links.save(unit.tx, Link(record.id, target, anchor, links.UNKNOWN))
                done.count("groups adopted" if taken else "groups added")
            else:
                if tombstones.among(unit.tx, [held]) or held not in by_ids(unit.tx, [held]):
                    return
                record = resources.fetch(unit, "group", held, lock=True)
            now = groups.member_ids(unit.tx, record.id)
            join, leave = wanted - now, (now - wanted) & set(known.values())
            changes = [MemberChange("add", tuple(sorted(join)))] if join else []
            changes += [MemberChange("remove", tuple(sorted(leave)))] if leave else []
            document = {**orjson.loads(record.document), "displayName": name}
            our_groups.amend(unit, record, document, record.external_id, changes)
            done.count("members joined", len(join))
            done.count("members left", len(leave))
        except ConnectorError as problem:
            done.problems[anchor] = problem.detail


def _groups(source: DirectoryTarget, prefix: str, progress: Progress) -> Iterator[tuple[str, tuple[str, set[str]]]]:
    """Anchor to name and anchors of the members, of each group whose name begins so."""
    for group in source.groups():
        if not group.name.lower().startswith(prefix.lower()):
            continue
        try:
            yield group.id, (group.name, set(source.members(group.id)))
        except Missing:
            continue  # it went while we read
        progress("groups read", 1)


def _brake(linked: int, there: Mapping[str, Account], leaving: int, allowed: int, allow: int) -> None:
    if linked and not there:
        raise Denied(f"the directory showed nobody, though {linked} people are linked: an empty read is not believed")
    if leaving > max(allowed, allow):
        raise Denied(
            f"{leaving} of {linked} people would be switched off, and {allowed} may be at once. Nothing was written. "
            f"If that is right, run it again with --allow {leaving}",
            field="allow",
        )


def _is_active(account: Account | None) -> bool:
    return account is not None and account.active


def _switch_off(unit: Unit, id: str) -> None:
    before = resources.fetch(unit, "person", id, lock=True)
    our_people.amend(unit, before, {**orjson.loads(before.document), "active": False}, before.external_id)


def _document(fields: Mapping[str, str], account: Account) -> dict[str, Any]:
    """The person as SCIM has it (RFC 7643 section 4.1), of the mapped fields only."""
    held = {name.lower(): value for name, value in account.attributes.items()}
    values = {name: _text(held.get(attribute.lower())) for name, attribute in fields.items()}
    document: dict[str, Any] = {"active": account.active, "userName": values.get("userName")}
    document |= {name: values[name] for name in _TEXTS if name in values}
    for holder, names in (("name", _NAMES), (ENTERPRISE, _ENTERPRISE)):
        parts = {name: values[name] for name in names if name in values}
        if parts:
            document[holder] = parts
    if "email" in values:
        document["emails"] = [{"value": values["email"], "type": "work", "primary": True}] if values["email"] else None
    return document


def _merged(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What the directory says over what we have; an empty value clears. What it does not speak of stays."""
    merged = dict(before)
    for name, value in given.items():
        whole = _merged(before.get(name) or {}, value) if isinstance(value, dict) else value
        if whole in (None, {}, []):
            merged.pop(name, None)
        else:
            merged[name] = whole
    return merged


def _text(value: Any) -> str | None:
    """The first value, as text."""
    one = value[0] if isinstance(value, list) and value else value
    return None if one in (None, "", []) else str(one)
