"""Starts, watches and stops one foreground child process; every server of this package is built on it.

A daemon's own fork is never used: a detached process has to be found by name or by pid file, and both can hit a
process of somebody else. The child stays ours, so `wait()` reaps it and a signal reaches exactly it.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.servers import guardian

HOST = "127.0.0.1"
# Below the kernel's ephemeral range (32768 and up): no outgoing connection can take a port between choice and use,
# nor while a paused server is down.
_PORTS = range(20000, 32000)
_POLL_SECONDS = 0.01
_STOP_SECONDS = 10.0
_given: set[int] = set()


class ServerError(RuntimeError):
    """A server did not come up, or died; the message carries the tail of its log."""


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on, never given twice by this process.

    Chosen with `secrets`, because a plug-in that seeds `random` alike in every xdist worker would make all workers
    choose the same ports.
    """
    for _ in range(1000):
        port = secrets.choice(_PORTS)
        if port not in _given and _can_listen(port):
            _given.add(port)
            return port
    raise ServerError("no free port on 127.0.0.1")


def accepts_connections(port: int) -> bool:
    """Readiness of a server whose listening socket is the last thing it opens."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def tail(log: Path, lines: int = 40) -> str:
    """The end of a log file, for error messages."""
    if not log.exists():
        return f"({log} does not exist)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


class ServerProcess:
    """One command that can be started, stopped and started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], bool],
        timeout: float = 15.0,
        stop_signal: signal.Signals = signal.SIGTERM,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: str | None = None,
    ) -> None:
        """`account` is the system user and group the child runs as, for programs that refuse root."""
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._ready = ready
        self._timeout = timeout
        self._stop_signal = stop_signal
        self._env = env
        self._cwd = cwd
        self._account = account
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        if self._child is None:
            raise ServerError(f"{self.name} is not started")
        return self._child.pid

    def start(self) -> None:
        """Return when the server is ready; on failure nothing is left running."""
        if self.running:
            raise ServerError(f"{self.name} is already running")
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                user=self._account,
                group=self._account,
                extra_groups=None if self._account is None else [],
                # A process group of its own: a server that ends may signal its whole group, as Apache does,
                # and that would be the test run.
                start_new_session=True,
            )
        guardian.register(self._child.pid)
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask politely, wait, then kill this child; stopping twice is harmless."""
        if self.running:
            assert self._child is not None
            self._child.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """The sudden death of the server, as in a power cut.

        With the children it forked: they are in the group this child leads. Its id cannot have passed to a stranger,
        since the child is not reaped before `wait()`.
        """
        if self._child is None:
            return
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
        guardian.release(self._child.pid)
        self._child.wait()
        self._child = None

    def tail(self, lines: int = 40) -> str:
        return tail(self.log, lines)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            if not self.running:
                code = None if self._child is None else self._child.returncode
                raise ServerError(f"{self.name} ended with {code} before it was ready; its log ends:\n{self.tail()}")
            if self._ready():
                return
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} not ready after {self._timeout} s; its log ends:\n{self.tail()}")
            time.sleep(_POLL_SECONDS)


def _can_listen(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
