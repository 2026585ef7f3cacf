"""The load generator: prepared requests over a few keep-alive connections, in a process of its own.

One thread and one epoll. Requests are bytes before the clock starts; bodies are kept, and read by the caller after it
stops. It shares the machine with the servers, so it does as little as it can for each request and tells its own CPU.
"""

import contextlib
import multiprocessing
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Self

from tests.bench.answer import parse

SILENCE = 180.0  # seconds without any answer, after which what is under way counts as lost


@dataclass(frozen=True)
class Job:
    """Requests for one server; none begins later than `seconds` after the start."""

    host: str
    port: int
    requests: list[bytes]
    seconds: float
    connections: int = 8


@dataclass(frozen=True)
class Reply:
    """The answer to the request at `index`; status 0 where the connection ended without one."""

    index: int
    status: int
    ms: float
    body: bytes


@dataclass(frozen=True)
class Result:
    replies: list[Reply]
    elapsed: float
    cpu: float  # seconds the generator itself used
    connects: int  # as many as connections, where the server keeps them alive


@dataclass
class _Line:
    """One connection and the request that is under way on it."""

    sock: socket.socket | None = None
    index: int = -1
    begun: float = 0.0
    fresh: bool = True
    data: bytearray = field(default_factory=bytearray)


class Run:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._waiting: Iterator[int] = iter(range(len(job.requests)))
        self._epoll = select.epoll()
        self._lines: dict[int, _Line] = {}  # by file descriptor: those with a request under way
        self._replies: list[Reply] = []
        self._connects = 0
        self._start = 0.0

    def send(self) -> Result:
        """Send every request of the job once and return what came back."""
        lines = [_Line() for _ in range(min(self._job.connections, len(self._job.requests)))]
        for line in lines:
            self._connect(line)
        cpu, self._start = time.process_time(), time.perf_counter()
        for line in lines:
            self._next(line)
        while self._lines:
            events = self._epoll.poll(SILENCE)
            if not events:
                self._give_up()
            for descriptor, _ in events:
                self._receive(self._lines[descriptor])
        result = Result(
            self._replies, time.perf_counter() - self._start, time.process_time() - cpu, self._connects
        )  # fmt: skip
        self._epoll.close()
        return result

    def _connect(self, line: _Line) -> None:
        line.sock = socket.create_connection((self._job.host, self._job.port), timeout=SILENCE)
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.fresh = True
        self._connects += 1
        self._epoll.register(line.sock.fileno(), select.EPOLLIN)

    def _hang_up(self, line: _Line) -> None:
        if line.sock is not None:
            self._lines.pop(line.sock.fileno(), None)
            self._epoll.unregister(line.sock.fileno())
            line.sock.close()
            line.sock = None

    def _next(self, line: _Line) -> None:
        """Begin the next request on this connection, or let it rest where there is none or time is up."""
        now = time.perf_counter()
        index = next(self._waiting, None) if now - self._start <= self._job.seconds else None
        if index is None:
            self._hang_up(line)
            return
        line.index, line.begun = index, now
        self._send(line)

    def _send(self, line: _Line) -> None:
        line.data.clear()
        if line.sock is None:
            self._connect(line)
        assert line.sock is not None
        self._lines[line.sock.fileno()] = line
        with contextlib.suppress(ConnectionError):  # the read that follows sees the same
            line.sock.sendall(self._job.requests[line.index])

    def _receive(self, line: _Line) -> None:
        assert line.sock is not None
        try:
            piece = line.sock.recv(1 << 18)
        except ConnectionError:
            piece = b""
        line.data += piece
        answer = parse(line.data, ended=not piece)
        if answer is None and piece:
            return
        ms = (time.perf_counter() - line.begun) * 1000
        if answer is None:
            stale = not line.fresh and not line.data
            self._hang_up(line)
            if stale:  # an idle connection that the server had closed meanwhile: the request was never taken
                self._send(line)
                return
            self._replies.append(Reply(line.index, 0, ms, b""))
        else:
            status, body, keep = answer
            self._replies.append(Reply(line.index, status, ms, body))
            line.fresh = False
            if not keep or not piece:
                self._hang_up(line)
        self._next(line)

    def _give_up(self) -> None:
        self._replies += [Reply(line.index, 0, SILENCE * 1000, b"") for line in self._lines.values()]
        for line in list(self._lines.values()):
            self._hang_up(line)


def _serve(pipe: Connection) -> None:
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            try:
                pipe.send(Run(pipe.recv()).send())
            except OSError as problem:  # nobody listens there: the caller must hear it
                pipe.send(problem)


class Loader:
    """The generator's process. `send` returns when every answer is there."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # small, and nothing of this process in it
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()

    def send(self, job: Job) -> Result:
        """OSError where the server cannot be reached at all."""
        self._pipe.send(job)
        result = self._pipe.recv()
        if isinstance(result, OSError):
            raise result
        assert isinstance(result, Result)
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
