"""The SCIM target tells trouble apart from absence."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connector.targets.base import NotAllowed, Target, Throttled, Unreachable
from connector.targets.registry import open_target


class _Server(ThreadingHTTPServer):
    answer: bytes = b""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[_Server, Target]]:
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("SCIM_TOKEN", "a-very-secret-token")
    url = f"http://127.0.0.1:{server.server_port}/scim"
    yield server, open_target("scim", "troubled", {"url": url, "token": "env:SCIM_TOKEN", "read_timeout": "0.5"})
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.0 500 x\r\n\r\n", Unreachable),
        (b"HTTP/1.0 503 x\r\nRetry-After: 7\r\n\r\n", Unreachable),
        (b"HTTP/1.0 429 x\r\nRetry-After: 7\r\n\r\n", Throttled),
        (b"HTTP/1.0 401 x\r\n\r\n", NotAllowed),
        (b"HTTP/1.0 404 x\r\nContent-Type: text/html\r\n\r\n<html>", Unreachable),
        (b"HTTP/1.0 200 x\r\n\r\n<html>", Unreachable),
        (b'HTTP/1.0 200 x\r\n\r\n{"id": "1', Unreachable),
        (b"", Unreachable),
    ],
)
def test_a_troubled_answer_is_never_taken_for_a_missing_account(
    troubled: tuple[_Server, Target], answer: bytes, error: type[Exception]
) -> None:
    server, target = troubled
    server.answer = answer

    with pytest.raises(error) as raised:
        target.read("1")

    assert "a-very-secret-token" not in str(raised.value) + repr(target)
    if error is Throttled:
        assert raised.value.retry_after == 7  # type: ignore[attr-defined]


def test_a_list_that_ends_early_raises_instead_of_looking_complete(troubled: tuple[_Server, Target]) -> None:
    server, target = troubled
    server.answer = b'HTTP/1.0 200 x\r\n\r\n{"totalResults": 3, "Resources": []}'

    with pytest.raises(Unreachable):
        list(target.accounts())
