"""Ends the servers of a test process that died without a teardown, as an xdist worker does when a run is aborted.

One small process per test process holds the read end of a pipe. The kernel closes the write end whatever way the test
process ends; what is still registered then is killed, each by its process group id, never by name.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable

_guardian: subprocess.Popen[bytes] | None = None


def register(group: int) -> None:
    _tell(f"+{group}")


def release(group: int) -> None:
    """Of a server that was stopped; at once, since its id may soon be another's."""
    _tell(f"-{group}")


def _tell(line: str) -> None:
    global _guardian
    if _guardian is None:
        # -S and -I: ready at once, and nothing of the test run's environment in it
        command = [sys.executable, "-I", "-S", __file__]
        _guardian = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        atexit.register(_dismiss, _guardian)
    assert _guardian.stdin is not None
    _guardian.stdin.write(f"{line}\n".encode())
    _guardian.stdin.flush()


def _dismiss(guardian: subprocess.Popen[bytes]) -> None:
    if guardian.stdin is not None:
        guardian.stdin.close()
    guardian.wait()


def _watch(lines: Iterable[str]) -> None:
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _watch(sys.stdin)
