"""The bench's instruments: reading answers, sending, and counting CPU."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.bench import processes
from tests.bench.answer import parse
from tests.bench.loader import Job, Run

BODY = b'{"id":"1"}'
WITH_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n" + BODY
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n6\r\n":"1"}\r\n0\r\n\r\n'


@pytest.mark.parametrize("answer", [WITH_LENGTH, CHUNKED], ids=["length", "chunked"])
def test_an_answer_is_read_when_its_last_byte_is_there_and_not_before(answer: bytes) -> None:
    early = [parse(bytearray(answer[:end]), ended=False) for end in range(len(answer))]

    assert set(early) == {None}
    assert parse(bytearray(answer), ended=False) == (200, BODY, True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
        (b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", (404, b"", False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", (200, b"{}", False)),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", (200, b"{}", False)),
    ],
    ids=["no body", "close", "old", "until the end"],
)
def test_whether_the_connection_stays_is_known(answer: bytes, expected: tuple[int, bytes, bool]) -> None:
    assert parse(bytearray(answer), ended=True) == expected


def serve(listener: socket.socket, answers_each: int) -> None:
    """Answers that many requests on a connection, then closes it without a word, as an idle server may."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            for _ in range(answers_each):
                if not connection.recv(1000):
                    break
                connection.sendall(WITH_LENGTH)


@pytest.mark.parametrize(("answers_each", "connects"), [(100, 1), (2, 3)], ids=["kept alive", "closed after two"])
def test_every_request_is_answered_once_and_new_connections_are_counted(answers_each: int, connects: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, answers_each), daemon=True).start()
        host, port = listener.getsockname()

        result = Run(Job(host, port, [b"GET / HTTP/1.1\r\n\r\n"] * 5, seconds=10, connections=1)).send()

    assert [(one.index, one.status, one.body) for one in result.replies] == [(n, 200, BODY) for n in range(5)]
    assert result.connects == connects


def test_a_server_that_does_not_listen_is_an_error_and_not_a_result() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

    with pytest.raises(ConnectionError):
        Run(Job(host, port, [b""], seconds=1)).send()


def test_the_cpu_of_a_tree_is_what_the_kernel_counts_for_its_processes() -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ntime.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, start_new_session=True) as root:
        assert root.stdout is not None
        root.stdout.readline()
        used = processes.cpu_seconds([root.pid])
        ticks = 0
        for pid in processes.tree([root.pid]):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        os.killpg(root.pid, 9)

    assert used == pytest.approx(ticks / os.sysconf("SC_CLK_TCK"), abs=0.1)
    assert used > 0.5


def test_the_cpu_of_this_process_is_its_own_process_time() -> None:
    before = time.process_time()

    assert processes.cpu_seconds([os.getpid()]) >= before


def test_memory_is_told_for_each_process() -> None:
    assert processes.pss_mib([os.getpid()])[os.getpid()] > 5
