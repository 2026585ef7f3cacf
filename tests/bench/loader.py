"""The load generator: prepared requests over a few keep-alive connections, in a process of its own.

One thread and one selector. Requests are bytes before the clock starts; bodies are kept, and read by the caller after it stops.
"""

import contextlib
import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Self

_SILENCE = 30.0  # seconds without any answer, after which what is under way counts as lost


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


@dataclass
class _Line:
    """One connection and the request that is under way on it."""

    sock: socket.socket | None = None
    index: int = -1
    begun: float = 0.0
    fresh: bool = True
    data: bytearray = field(default_factory=bytearray)


def send(job: Job) -> Result:
    """Send the requests of a job, each once, and return what came back."""
    selector = selectors.DefaultSelector()
    waiting = iter(range(len(job.requests)))
    replies: list[Reply] = []
    cpu, start = time.process_time(), time.perf_counter()
    busy = {
        id(line): line
        for line in (_Line() for _ in range(job.connections))
        if _next(job, line, waiting, selector, start)
    }
    while busy:
        events = selector.select(_SILENCE)
        if not events:
            replies += [Reply(line.index, 0, _SILENCE * 1000, b"") for line in busy.values()]
            break
        for key, _ in events:
            line: _Line = key.data
            reply = _receive(job, line, selector)
            if reply is None:
                continue
            replies.append(reply)
            if not _next(job, line, waiting, selector, start):
                del busy[id(line)]
                _hang_up(line, selector)
    result = Result(replies, time.perf_counter() - start, time.process_time() - cpu)
    for line in busy.values():
        _hang_up(line, selector)
    selector.close()
    return result


def _next(job: Job, line: _Line, waiting: Iterator[int], selector: selectors.BaseSelector, start: float) -> bool:
    if time.perf_counter() - start > job.seconds:
        return False
    index = next(waiting, None)
    if index is None:
        return False
    line.index, line.begun = index, time.perf_counter()
    _send(job, line, selector)
    return True


def _send(job: Job, line: _Line, selector: selectors.BaseSelector) -> None:
    line.data.clear()
    line.fresh = line.sock is None
    if line.sock is None:
        line.sock = socket.create_connection((job.host, job.port), timeout=_SILENCE)
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(line.sock, selectors.EVENT_READ, line)
    with contextlib.suppress(ConnectionError):  # the read that follows sees the same
        line.sock.sendall(job.requests[line.index])


def _receive(job: Job, line: _Line, selector: selectors.BaseSelector) -> Reply | None:
    assert line.sock is not None
    try:
        piece = line.sock.recv(1 << 18)
    except ConnectionError:
        piece = b""
    line.data += piece
    answer = parse(line.data, ended=not piece)
    if answer is None and piece:
        return None
    ms = (time.perf_counter() - line.begun) * 1000
    if answer is None:
        stale = not line.fresh and not line.data
        _hang_up(line, selector)
        if stale:  # an idle connection that the server had closed meanwhile: the request was never taken
            _send(job, line, selector)
            return None
        return Reply(line.index, 0, ms, b"")
    status, body, keep = answer
    if not keep or not piece:
        _hang_up(line, selector)
    return Reply(line.index, status, ms, body)


def _hang_up(line: _Line, selector: selectors.BaseSelector) -> None:
    if line.sock is not None:
        selector.unregister(line.sock)
        line.sock.close()
        line.sock = None


def parse(data: bytearray, *, ended: bool) -> tuple[int, bytes, bool] | None:
    """Status, body, and whether the connection stays; None while the answer is incomplete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *rest = bytes(data[:end]).split(b"\r\n")
    status = int(first.split(b" ", 2)[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in rest)}
    keep = headers.get(b"connection", b"").lower() != b"close" and not first.startswith(b"HTTP/1.0")
    if status == 204:
        return status, b"", keep
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = _chunks(bytes(data[end + 4 :]))
        return None if body is None else (status, body, keep)
    length = headers.get(b"content-length")
    if length is None:
        return (status, bytes(data[end + 4 :]), False) if ended else None
    if len(data) < end + 4 + int(length):
        return None
    return status, bytes(data[end + 4 : end + 4 + int(length)]), keep


def _chunks(data: bytes) -> bytes | None:
    body, at = b"", 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].split(b";")[0], 16)
        if len(data) < end + 2 + size + 2:
            return None
        if size == 0:
            return body
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
    return None


def _serve(pipe: Connection) -> None:
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            pipe.send(send(pipe.recv()))


class Loader:
    """`send` in another process, so that the caller's own work never takes time from the generator."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, job: Job) -> Result:
        self._pipe.send(job)
        result: Result = self._pipe.recv()
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
