"""A process that pushes agents and is killed (SIGKILL) on the way: right before or right after a write or a commit.

In: a line of JSON for each push (see `Case`). Out: for each a line of JSON, the points that it passed and whether it was killed. Each push
happens in a fork of this process, so that what is imported is imported once.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connector.domain.unit import Caller, Domain, Unit
from connector.parts import assemble
from connector.settings import Settings
from connector.targets import registry  # noqa: F401  (a push would import it, each fork anew)
from connector.targets.ldap_wire import LdapWire

_WRITES = ("add", "modify", "rename", "delete")


@dataclass(frozen=True)
class Case:
    """`kill_at` is the number of the point at which the process dies, from 1; `now` is what its clock says."""

    settings: dict[str, Any]
    agent: str
    target: str
    now: str
    kill_at: int


class Points:
    """Counts what a push does that lasts: each write at the directory and each commit has a point before and one after it."""

    def __init__(self, kill_at: int, told: int) -> None:
        self._left, self._told = kill_at, told

    def passed(self, name: str) -> None:
        os.write(self._told, f"{name}\n".encode())
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            self.passed(f"before {write.__name__}")
            answer = write(*given, **named)
            self.passed(f"after {write.__name__}")
            return answer

        return watched

    def around_commits(self) -> Callable[[Domain, Caller], Any]:
        change = Domain.change

        @contextmanager
        def watched(domain: Domain, by: Caller) -> Iterator[Unit]:
            with change(domain, by) as unit:
                yield unit
                self.passed("before commit")
            self.passed("after commit")

        return watched


def push(case: Case, told: int) -> None:
    points = Points(case.kill_at, told)
    for name in _WRITES:
        setattr(LdapWire, name, points.around(getattr(LdapWire, name)))
    Domain.change = points.around_commits()  # type: ignore[method-assign, assignment]
    parts = assemble(Settings(**case.settings), clock=lambda: datetime.fromisoformat(case.now))
    problem = parts.attempts.now(case.agent, case.target).problem
    if problem is not None:
        raise RuntimeError(problem)


def main() -> None:
    for line in sys.stdin.buffer:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)  # what it logs is no answer of ours
            try:
                push(Case(**orjson.loads(line)), write)
            except BaseException as problem:
                print(f"{type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            points = told.read().splitlines()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(orjson.dumps({"status": status, "points": points}).decode(), flush=True)


if __name__ == "__main__":
    main()
