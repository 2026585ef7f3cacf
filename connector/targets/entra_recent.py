"""What this process has created at an Entra tenant a moment ago: Entra does not show it everywhere for minutes.

In: anchors and the unique values they were created with. Out: whether a "not there" may only mean "not yet". All targets of one
tenant in this process share one memory, since a target is opened anew after trouble.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

from connector.core.clock import Clock
from connector.targets.base import Missing, Propagating
from connector.targets.entra_wire import look_again
from connector.targets.line import NotThere

T = TypeVar("T")


class Recent:
    """Thread-safe. `of` gives the memory of a tenant."""

    _shared: ClassVar[dict[str, "Recent"]] = {}

    def __init__(self) -> None:
        self._created: dict[str, tuple[datetime, str]] = {}
        self._doubted: dict[str, datetime] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, tenant: str) -> "Recent":
        return cls._shared.setdefault(tenant, cls())

    def add(self, anchor: str, key: str, *, until: datetime) -> None:
        """Created under that unique value."""
        with self._lock:
            self._created[anchor] = (until, key)
            self._doubted.pop(key, None)

    def doubt(self, key: str, *, until: datetime) -> None:
        """A creation under that value was sent and its answer was lost."""
        with self._lock:
            self._doubted[key] = until

    def forget(self, anchor: str) -> None:
        with self._lock:
            self._created.pop(anchor, None)

    def holds(self, anchor: str, now: datetime) -> bool:
        with self._lock:
            self._created = {one: held for one, held in self._created.items() if held[0] > now}
            return anchor in self._created

    def anchor_of(self, key: str, now: datetime) -> str:
        with self._lock:
            held = (anchor for anchor, (until, value) in self._created.items() if value == key and until > now)
            return next(held, "") if key else ""

    def is_doubted(self, key: str, now: datetime) -> bool:
        with self._lock:
            self._doubted = {one: until for one, until in self._doubted.items() if until > now}
            return key in self._doubted


class Newborns:
    """The memory as a target uses it: with its clock and how long it takes Entra at most."""

    def __init__(self, tenant: str, clock: Clock, seconds: float) -> None:
        self._recent = Recent.of(tenant)
        self._clock = clock
        self._seconds = seconds

    def add(self, anchor: str, key: str = "") -> None:
        self._recent.add(anchor, key, until=self._clock() + timedelta(seconds=self._seconds))

    def doubt(self, key: str) -> None:
        self._recent.doubt(key, until=self._clock() + timedelta(seconds=self._seconds))

    def forget(self, anchor: str) -> None:
        self._recent.forget(anchor)

    def anchor_of(self, key: str) -> str:
        return self._recent.anchor_of(key, self._clock())

    def not_yet(self, words: str) -> Propagating:
        return Propagating(words, retry_after=look_again(self._seconds))

    def guard_doubt(self, key: str) -> None:
        """Propagating while an earlier creation under that value may still come to light."""
        if self._recent.is_doubted(key, self._clock()):
            raise self.not_yet(
                f"an earlier attempt to create {key!r} was not answered and may have gone through: looking again before "
                "another one is made"
            )

    def guard(self, *anchors: str) -> None:
        """Propagating where one of them was created a moment ago."""
        for anchor in anchors:
            if self._recent.holds(anchor, self._clock()):
                raise self.not_yet(f"Entra does not show {anchor} everywhere yet")

    def there(self, call: Callable[[], T], *anchors: str) -> T:
        """The call's result; its "not there" is Propagating where one of the anchors is new, else Missing."""
        try:
            return call()
        except NotThere:
            self.guard(*anchors)
            raise Missing(f"there is no {' with '.join(anchors)}") from None
