"""The audit log as a transparency log: committed events are sealed into a Merkle tree whose roots we sign, and verified from it.

A checkpoint is a C2SP signed note: origin, size, root in base64, one extension line, an empty line, and an Ed25519 signature line.
The extension line, `after SIZE ROOT`, names the checkpoint before it, so that one that was deleted is missed.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.core.merkle import Tree, leaf_hash
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.storage import audit, leases
from connector.storage.audit import Checkpoint, EventRow

_LEASE_SECONDS = 10
_BATCH = 1000
_PART = 250


class Sealer:
    """Seals committed events. Any worker may hold one; the lease lets one at a time work."""

    def __init__(self, domain: Domain, *, origin: str) -> None:
        self._domain = domain
        self._holder = secrets.token_hex(8)
        self._origin = origin

    def seal(self) -> int:
        """Put what is committed and not sealed into the tree and sign a checkpoint; how many events.

        In small parts, so that who writes meanwhile does not wait long.
        """
        sealed, part = 0, _PART
        while part == _PART:
            part = self._seal_part()
            sealed += part
        return sealed

    def _seal_part(self) -> int:
        with self._domain.change(SYSTEM) as unit:
            until = to_text(unit.tx.moment + timedelta(seconds=_LEASE_SECONDS))
            if not leases.take(unit.tx, "sealer", self._holder, until):
                return 0
            events = audit.unsealed(unit.tx, _PART)
            if events:
                self._append(unit, events)
            return len(events)

    def _append(self, unit: Unit, events: list[EventRow]) -> None:
        tree = _continue(audit.last_checkpoint(unit.tx))
        before = Point(tree.size, tree.root())
        for event in events:
            assert event.seq is not None
            audit.place(unit.tx, event.seq, tree.size)
            tree.append(leaf_hash(event.body.encode()))
        frontier = orjson.dumps([node.hex() for node in tree.frontier]).decode()
        note = _sign(self._domain, self._origin, Point(tree.size, tree.root()), before)
        audit.add_checkpoint(unit.tx, Checkpoint(tree.size, frontier, note, unit.tx.now))


@dataclass(frozen=True)
class Point:
    """A size that the tree had, and its root then."""

    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.size} {base64.b64encode(self.root).decode()}"


_START = Point(0, Tree().root())


@dataclass(frozen=True)
class Finding:
    """What `verify` found wrong: at which event or checkpoint, and what."""

    where: str
    problem: str


@dataclass(frozen=True)
class Report:
    """The outcome of a verification: how much was looked at, and every finding."""

    events: int
    sealed: int
    checkpoints: int
    findings: tuple[Finding, ...]


def verify(domain: Domain, *, anchors: tuple[str, ...] = ()) -> Report:
    """Recompute the tree from the events and compare it with every checkpoint, and with those that were kept elsewhere."""
    findings: list[Finding] = []
    with domain.view() as unit:
        checkpoints = audit.checkpoints(unit.tx)
        kept = [(note, _parse(note, findings, "a checkpoint that was kept elsewhere")) for note in anchors]
        sizes = {one.size for one in checkpoints} | {told.point.size for _, told in kept if told}
        size, roots = _replay(domain, unit, sizes, findings)
        _check_chain(domain, checkpoints, roots, findings)
        for note, told in kept:
            if told is not None:
                where = f"checkpoint kept elsewhere, size {told.point.size}"
                _check_signature(domain, note, where, findings)
                if roots.get(told.point.size) != told.point.root:
                    findings.append(Finding(where, "the log is not the one that it was made from"))
        if size != (checkpoints[-1].size if checkpoints else 0):
            findings.append(
                Finding("the end of the log", "the last checkpoint does not cover exactly the sealed events")
            )
        waiting = _unsealed(unit)
        for event in waiting:
            _check_event(domain, event, findings)
    return Report(size + len(waiting), size, len(checkpoints), tuple(findings))


def _replay(domain: Domain, unit: Unit, sizes: set[int], findings: list[Finding]) -> tuple[int, dict[int, bytes]]:
    """Grow the tree anew from the sealed events: its size, and its root at each of `sizes`."""
    tree = Tree()
    roots = {0: tree.root()}
    for event in audit.sealed(unit.tx):
        _check_event(domain, event, findings)
        if event.leaf != tree.size:
            problem = f"stands at place {event.leaf}, where {tree.size} comes next: something is missing or added"
            findings.append(Finding(event.id, problem))
        tree.append(leaf_hash(event.body.encode()))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return tree.size, roots


def export(domain: Domain, *, after: int = 0, subject_id: str | None = None) -> Iterator[dict[str, Any]]:
    """Every event behind a sequence number, oldest first, with its place in the tree."""
    while True:
        with domain.view() as unit:
            rows = audit.events(unit.tx, after=after, subject_id=subject_id, limit=_BATCH)
        for row in rows:
            after = row.seq or after
            yield {"seq": row.seq, "leaf": row.leaf, **orjson.loads(row.body)}
        if len(rows) < _BATCH:
            return


def last_checkpoint(domain: Domain) -> str | None:
    """The newest signed checkpoint, to be kept elsewhere."""
    with domain.view() as unit:
        found = audit.last_checkpoint(unit.tx)
    return found.note if found else None


def _unsealed(unit: Unit) -> list[EventRow]:
    return audit.unsealed(unit.tx, 1_000_000)


def _continue(checkpoint: Checkpoint | None) -> Tree:
    if checkpoint is None:
        return Tree()
    return Tree(checkpoint.size, [bytes.fromhex(node) for node in orjson.loads(checkpoint.frontier)])


def _check_event(domain: Domain, event: EventRow, findings: list[Finding]) -> None:
    body = event.body.encode()
    if not hmac.compare_digest(hmac.digest(domain.mac_key, body, "sha256").hex().encode(), event.mac.encode()):
        findings.append(Finding(event.id, "was edited or inserted: its authentication code does not fit"))
        return
    told = orjson.loads(body)
    columns = (event.id, event.time, event.action, event.subject_id)
    if columns != (told["id"], told["time"], told["action"], told["subject"]["id"]):
        findings.append(Finding(event.id, "its columns were edited: they do not repeat what the event says"))


def _check_chain(
    domain: Domain, checkpoints: list[Checkpoint], roots: dict[int, bytes], findings: list[Finding]
) -> None:
    """Each checkpoint's signature and root, and that it follows the one before it."""
    before: Point | None = _START
    for checkpoint in checkpoints:
        where = f"checkpoint of size {checkpoint.size}"
        told = _parse(checkpoint.note, findings, where)
        if told is not None:
            if told.point.size != checkpoint.size or roots.get(checkpoint.size) != told.point.root:
                problem = "the events do not give its root: something was edited, deleted, inserted or moved"
                findings.append(Finding(where, problem))
            if before is not None and told.before != before:
                problem = f"follows a checkpoint of size {told.before.size}, which is not the one before it"
                findings.append(Finding(where, f"{problem}: one was deleted or inserted"))
            _check_signature(domain, checkpoint.note, where, findings)
        before = told.point if told else None


def _check_signature(domain: Domain, note: str, where: str, findings: list[Finding]) -> None:
    if not any(_signed_by(key.private, note) for key in domain.keys.all("audit")):
        findings.append(Finding(where, "its signature is not ours"))


@dataclass(frozen=True)
class _Told:
    """What a checkpoint says: its point, and the point of the checkpoint before it."""

    point: Point
    before: Point


def _parse(note: str, findings: list[Finding], where: str) -> _Told | None:
    try:
        _, size, root, after, end, *_ = note.split("\n")
        word, size_before, root_before = after.split(" ")
        if (word, end) != ("after", ""):
            raise ValueError(after)
        return _Told(_point(size, root), _point(size_before, root_before))
    except ValueError:
        findings.append(Finding(where, "is not a checkpoint of this log"))
        return None


def _point(size: str, root: str) -> Point:
    return Point(int(size), base64.b64decode(root, validate=True))


def _sign(domain: Domain, origin: str, point: Point, before: Point) -> str:
    key = domain.keys.active("audit").private
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("the audit key must be Ed25519", field="keys")
    root = base64.b64encode(point.root).decode()
    text = f"{origin}\n{point.size}\n{root}\nafter {before}\n"
    signature = _key_hash(origin, key.public_key()) + key.sign(text.encode())
    return f"{text}\n— {origin} {base64.b64encode(signature).decode()}\n"


def _signed_by(key: object, note: str) -> bool:
    text, _, line = note.partition("\n\n")
    try:
        _, origin, encoded = line.strip().split(" ")
        raw = base64.b64decode(encoded, validate=True)
        assert isinstance(key, Ed25519PrivateKey)
        key.public_key().verify(raw[4:], (text + "\n").encode())
    except (ValueError, InvalidSignature):
        return False
    return raw[:4] == _key_hash(origin, key.public_key())


def _key_hash(origin: str, key: Ed25519PublicKey) -> bytes:
    """The key id of a signed note: the first four bytes over name and key (C2SP signed-note)."""
    public = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
