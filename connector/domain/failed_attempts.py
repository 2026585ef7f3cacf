"""How often a client has failed to authenticate from an address, as all processes together have seen it."""

from datetime import timedelta

from connector.core.clock import from_text, to_text
from connector.core.secret import fingerprint
from connector.domain.unit import Unit
from connector.storage import failed_attempts as store


def count(unit: Unit, client: str, address: str, *, window: timedelta) -> tuple[int, timedelta]:
    """One more: how many there are, and how long ago they began, which is less than that window."""
    moment = unit.tx.moment
    failures, since = store.count(unit.tx, _key(client, address), since=to_text(moment - window))
    return failures, moment - from_text(since)


def forget(unit: Unit, client: str, address: str) -> None:
    """It has authenticated."""
    store.forget(unit.tx, _key(client, address))


def _key(client: str, address: str) -> str:
    """Of one length, whatever was claimed; the address comes last, and holds no space."""
    return fingerprint(f"{client} {address}")
