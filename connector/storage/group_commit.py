"""Writers of an SQLite database: one at a time among the threads and processes of one machine, and one commit for those who wait.

SQLite's own waiting sleeps and polls, up to 100 ms at a time; and a commit with its fsync costs more than most changes do. So the
writers of this process take turns in one open transaction, each in a savepoint, as long as others wait for their turn; then it is
committed once, and only then does any of them go on. As each waits for that commit, a group is never larger than there are threads.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.core.errors import Unavailable
from connector.core.logs import logger
from connector.storage.session import Session

log = logger()

_SECONDS = 1.0  # how long a member waits before it looks whether those behind it have gone without committing


class _Group:
    """Writers that share a transaction. `void`: it is not to be committed; `kept`: it has been."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.members = 0
        self.void = False
        self.kept = False
        self.done = threading.Event()


class GroupCommit:
    """Hands out turns in a transaction. Safe to share between threads; a forked process makes its own."""

    def __init__(
        self,
        database: str,
        begin: Callable[[], Session],
        commit: Callable[[Session], None],
        roll_back: Callable[[Session], None],
    ) -> None:
        self._processes = _ProcessQueue(f"{database}.lock")
        self._begin, self._commit, self._roll_back = begin, commit, roll_back
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._open: _Group | None = None  # changed only by who has the turn

    @contextmanager
    def turn(self) -> Iterator[Session]:
        """Whatever is written inside is durable when this ends, or undone where it raises."""
        self._take_turn()
        try:
            group = self._join()
        except BaseException:
            self._turn.release()
            raise
        try:
            yield group.session
        except BaseException:
            self._leave(group, undo=True)
            raise
        self._leave(group, undo=False)
        if not group.kept:
            raise Unavailable("the database could not keep the change; try again", retry_after=1)

    def _take_turn(self) -> None:
        with self._counting:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._counting:
                self._waiting -= 1

    def _join(self) -> _Group:
        if self._open is not None:
            self._open.session.driver.execute("SAVEPOINT member")
            return self._open
        self._processes.enter()
        try:
            self._open = _Group(self._begin())
        except BaseException:
            self._processes.leave()
            raise
        return self._open

    def _leave(self, group: _Group, *, undo: bool) -> None:
        """End the turn: undo what was done in it if need be, and commit unless somebody waits who will."""
        try:
            if group.members and undo:
                group.session.driver.execute("ROLLBACK TO member")
            if group.members:
                group.session.driver.execute("RELEASE member")
            group.void = undo and not group.members
        except sqlite3.Error:  # SQLite has given up the whole transaction, as it does where the disk fails
            log.exception("a transaction of several writers is lost", action="commit", members=group.members)
            group.void = True
        if not undo:
            group.members += 1
        if group.void or not self._waiting:
            self._close(group)
            return
        self._turn.release()
        if not undo:
            self._wait(group)

    def _wait(self, group: _Group) -> None:
        while not group.done.wait(_SECONDS):
            if self._turn.acquire(blocking=False):  # who waited was interrupted: nobody else is there to commit
                if self._open is group:
                    self._close(group)
                else:
                    self._turn.release()

    def _close(self, group: _Group) -> None:
        self._open = None
        try:
            if not group.void:
                self._commit(group.session)
                group.kept = True
        finally:
            try:
                if not group.kept:
                    self._roll_back(group.session)
            finally:
                self._processes.leave()
                self._turn.release()
                group.done.set()


class _ProcessQueue:
    """A lock on a file beside the database: processes wait for each other there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None
        self._owner = 0

    def enter(self) -> None:
        if self._file is None or self._owner != os.getpid():  # a forked child must not share its parent's lock
            self._file, self._owner = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), os.getpid()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def leave(self) -> None:
        assert self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_UN)
