"""One writer of an SQLite database at a time, among the threads and processes of one machine."""

import fcntl
import os
import threading


class WriterQueue:
    """Writers of an SQLite database wait for each other here: SQLite's own waiting sleeps and polls, up to 100 ms at a time.

    A lock on a file beside the database queues the processes, a lock in memory the threads of this one.
    """

    def __init__(self, database: str) -> None:
        self._threads = threading.Lock()
        self._path = f"{database}.lock"
        self._file: int | None = None
        self._owner = 0

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            if self._file is None or self._owner != os.getpid():  # a forked child must not share its parent's lock
                self._file, self._owner = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), os.getpid()
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()
