"""The audit log shows every edit, deletion, insertion and reordering of what was sealed."""

import base64

import pytest
import sqlalchemy as sa

from connector.core.keys import KeyRing
from connector.domain import audit, clients
from connector.domain.audit import Sealer
from connector.domain.unit import SYSTEM


@pytest.fixture
def sealed(parts):
    """Ten events under two checkpoints."""
    sealer = Sealer(parts.domain, origin="test")
    for part in range(2):
        for number in range(5):
            with parts.domain.change(SYSTEM) as unit:
                clients.create(unit, f"client-{part}-{number}", frozenset({"scim"}))
        assert sealer.seal() == 5
    return parts.domain


def tamper(domain, statement):
    with domain.database.transaction() as tx:
        tx.execute(sa.text(statement))


def test_an_untouched_log_verifies(sealed):
    report = audit.verify(sealed)

    assert (report.events, report.sealed, report.checkpoints, report.findings) == (10, 10, 2, ())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET body = replace(body, 'client-0-1', 'client-9-9') WHERE leaf = 1",
        "UPDATE audit_event SET action = 'agent:created' WHERE leaf = 2",
        "UPDATE audit_event SET subject_id = 'other' WHERE leaf = 2",
        "DELETE FROM audit_event WHERE leaf = 3",
        "DELETE FROM audit_event WHERE leaf = 9",
        "INSERT INTO audit_event (id, time, action, subject_id, body, mac) SELECT 'evt-x', time, action, subject_id,"
        " replace(body, id, 'evt-x'), mac FROM audit_event WHERE leaf = 0",
        "UPDATE audit_checkpoint SET note = replace(note, 'test', 'tset') WHERE size = 5",
        "DELETE FROM audit_checkpoint WHERE size = 10",
        "DELETE FROM audit_checkpoint WHERE size = 5",
    ],
)
def test_tampering_is_found(sealed, statement):
    tamper(sealed, statement)

    assert audit.verify(sealed).findings


def test_two_events_that_changed_places_are_found(sealed):
    tamper(sealed, "UPDATE audit_event SET leaf = 100 WHERE leaf = 1")
    tamper(sealed, "UPDATE audit_event SET leaf = 1 WHERE leaf = 2")
    tamper(sealed, "UPDATE audit_event SET leaf = 2 WHERE leaf = 100")

    assert audit.verify(sealed).findings


def test_a_log_cut_off_at_a_checkpoint_is_found_by_one_that_was_kept_elsewhere(sealed):
    kept = audit.last_checkpoint(sealed)
    tamper(sealed, "DELETE FROM audit_event WHERE leaf >= 5")
    tamper(sealed, "DELETE FROM audit_checkpoint WHERE size = 10")

    assert audit.verify(sealed).findings == ()
    assert audit.verify(sealed, anchors=(kept,)).findings


def test_a_checkpoint_deleted_amid_others_is_named(sealed):
    with sealed.change(SYSTEM) as unit:
        clients.create(unit, "one-more", frozenset({"scim"}))
    sealed.database.clock.move(seconds=20)
    assert Sealer(sealed, origin="test").seal() == 1
    assert audit.verify(sealed).findings == ()

    tamper(sealed, "DELETE FROM audit_checkpoint WHERE size = 10")

    (finding,) = audit.verify(sealed).findings
    assert finding.where == "checkpoint of size 11"
    assert finding.problem.startswith("follows a checkpoint of size 10, which is not the one before it")


def test_a_checkpoint_kept_elsewhere_must_be_signed_by_us(sealed, tmp_path):
    kept = audit.last_checkpoint(sealed)
    stranger = KeyRing(tmp_path / "strangers")
    text, _, _ = kept.partition("\n\n")
    note = text + "\n"
    key = stranger.active("audit").private
    forged = f"{note}\n— test {base64.b64encode(bytes(4) + key.sign(note.encode())).decode()}\n"

    assert audit.verify(sealed, anchors=(kept,)).findings == ()
    for anchor in (forged, note, note + "\n— test AAAA\n"):
        (finding,) = audit.verify(sealed, anchors=(anchor,)).findings
        assert (finding.where, finding.problem) == ("checkpoint kept elsewhere, size 10", "its signature is not ours")


def test_what_is_no_checkpoint_is_said_to_be_none(sealed):
    for anchor in ("", "shopping list", "test\nten\nAAAA\n\n"):
        (finding,) = audit.verify(sealed, anchors=(anchor,)).findings
        assert "is not a checkpoint" in finding.problem


def test_two_sealers_do_not_seal_at_the_same_time(sealed):
    with sealed.change(SYSTEM) as unit:
        clients.create(unit, "one-more", frozenset({"scim"}))

    assert Sealer(sealed, origin="test").seal() == 0  # the first one holds the lease
