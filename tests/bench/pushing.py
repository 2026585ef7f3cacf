"""What the bench of pushes pushes with: a deployment, agents in it, and processes that work off what is due."""

import multiprocessing
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import sqlalchemy as sa

from connector.core.logs import configure
from connector.domain import agents, targets
from connector.domain.unit import SYSTEM
from connector.parts import Parts, assemble
from connector.provisioning import applied
from connector.provisioning.facts import People
from connector.provisioning.plan import Found
from connector.settings import Settings
from connector.storage import links
from connector.storage import tables as t
from connector.storage.links import Link
from connector.targets.base import Account
from connector.targets.memory import MemoryTarget

_SECONDS = 1800
_BATCH = 1000


def open_parts(folder: Path, url: str = "") -> Parts:
    """A fresh deployment that does nothing by the clock."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"database_url": url} if url else {}
    parts = assemble(Settings(data_dir=folder, reconcile_hours=0, follow_seconds=0, **given))
    parts.domain.database.upgrade()
    return parts


def add_target(parts: Parts, kind: str, mapping: str, options: dict[str, str], *, threads: int | None = None) -> None:
    with parts.domain.change(SYSTEM) as unit:
        targets.add(unit, "bench", kind, mapping, options, threads=threads)


def register(parts: Parts, names: list[str]) -> list[str]:
    with parts.domain.change(SYSTEM) as unit:
        return [agents.register(unit, {"agentUserName": name, "displayName": name}, None).id for name in names]


def push_all(settings: Settings, *, processes: int) -> tuple[float, float]:
    """Work off all that is due, in so many processes; seconds it took, and seconds of CPU that they used."""
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(processes + 1), context.Queue()
    running = [context.Process(target=_drain, args=(settings, start, told)) for _ in range(processes)]
    for one in running:
        one.start()
    start.wait(60)
    begun = time.perf_counter()
    answers = [told.get(timeout=_SECONDS) for _ in running]
    took = time.perf_counter() - begun
    for one in running:
        one.join(30)
    assert all(done for done, _ in answers), f"not done within {_SECONDS} seconds"
    return took, sum(cpu for _, cpu in answers)


def _drain(settings: Settings, start: Barrier, told: "Queue[tuple[bool, float]]") -> None:
    configure("warning")
    parts = assemble(settings)
    worker = parts.worker()
    parts.connections.open("bench")  # a worker that runs has loaded long ago what it needs for its target
    start.wait(60)
    before = time.process_time()
    told.put((worker.drain(seconds=_SECONDS), time.process_time() - before))


def make_unchanged(parts: Parts, count: int) -> None:
    """Agents with accounts in memory that are as they should be, made without pushing: there, a creation compares all accounts."""
    at = parts.connections.open("bench")
    assert isinstance(at.target, MemoryTarget)
    for start in range(0, count, _BATCH):
        ids = register(parts, [f"bench-{n}" for n in range(start, min(count, start + _BATCH))])
        with parts.domain.change(SYSTEM) as unit:
            for one in parts.push.gather(unit, ids, "bench"):
                wanted = parts.push.decide(one, at, Found(None), People(at.mapping, at.target)).wanted.account
                assert wanted is not None
                made = Account(f"mem-{one.id}", wanted.name, wanted.active, wanted.attributes)
                at.target.store.accounts[made.id] = made
                managed, mapping = at.mapping.managed, at.mapping.digest
                memory = applied.remember(wanted, made, managed=managed, groups=(), mine=(), mapping=mapping)
                links.save(unit.tx, Link(one.id, "bench", made.id, memory.dumps()))
            unit.tx.execute(sa.update(t.outbox).values(done=t.outbox.c.wanted))
