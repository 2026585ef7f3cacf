"""A worker takes the next rows when a push ends, and does not wait for its next look."""

import threading

from connector.domain.unit import SYSTEM
from connector.provisioning.worker import Worker
from tests.unit.provisioning.conftest import World


def test_more_work_than_threads_is_done_without_waiting_for_the_next_look(world: World) -> None:
    parts, told, done = world.parts, [], threading.Event()

    def tell(agent: str, _entity_id: str) -> None:
        told.append(agent)
        if len(told) == 9:
            done.set()

    worker = Worker(
        parts.domain, parts.connections, parts.push, tell, origin="test", threads=2, lease_seconds=60, poll_seconds=3600
    )
    with parts.domain.change(SYSTEM) as unit:
        for number in range(9):
            unit.tell_apps(f"agt-{number}", ["https://app.example"])

    loop = worker.start()

    assert done.wait(30)
    worker.stop()
    loop.join(30)
    assert not loop.is_alive()
    assert sorted(told) == [f"agt-{number}" for number in range(9)]
