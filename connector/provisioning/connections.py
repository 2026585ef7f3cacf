"""Open targets with their mappings: opened once, opened anew when their record changes or after they failed."""

import threading
from collections.abc import Sequence
from pathlib import Path

import orjson

from connector.core.errors import Misconfigured
from connector.domain import targets
from connector.domain.unit import Domain
from connector.mapping.load import load
from connector.mapping.schema import Mapping
from connector.provisioning.preview import Connected
from connector.storage.targets import TargetRecord


class Connections:
    """The targets of this deployment, by name. Safe to share between threads."""

    def __init__(self, domain: Domain, mapping_folders: Sequence[Path]) -> None:
        self._domain = domain
        self._folders = tuple(mapping_folders)
        self._open: dict[str, tuple[TargetRecord, Connected]] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> Connected:
        """The target, ready for calls. NotFound or Misconfigured where it cannot be."""
        with self._domain.view() as unit:
            record = targets.fetch(unit, name)
        return self.at(record)

    def at(self, record: TargetRecord) -> Connected:
        """The target of this record, as `open` gives it."""
        with self._lock:
            held = self._open.get(record.name)
            if held is not None and _same(held[0], record):
                return held[1]
            made = self.connect(record)
            self._open[record.name] = (record, made)
            return made

    def mapping(self, name: str) -> Mapping:
        """The mapping of the target, as `open` gives it."""
        return self.open(name).mapping

    def connect(self, record: TargetRecord) -> Connected:
        """A target from its record, not remembered: `connector target add` tries it before it is kept."""
        from connector.targets.registry import open_target  # ldap3 and requests: only who opens a target needs them

        mapping = load(record.mapping, self._folders)
        if mapping.target != record.kind:
            fault = f"the mapping {record.mapping!r} is for targets of kind {mapping.target!r}, not {record.kind!r}"
            raise Misconfigured(f"The target {record.name} cannot be opened.", [fault])
        options, clock = orjson.loads(record.options), self._domain.database.clock
        target = open_target(record.kind, record.name, options, object=mapping.object, clock=clock)
        return Connected(record.name, target, mapping)

    def forget(self, name: str) -> None:
        with self._lock:
            self._open.pop(name, None)


def _same(one: TargetRecord, other: TargetRecord) -> bool:
    return (one.kind, one.mapping, one.options, one.created) == (
        other.kind,
        other.mapping,
        other.options,
        other.created,
    )
