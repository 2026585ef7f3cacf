"""A small real HTTP server whose answers a test writes: what a broken or busy SCIM service looks like on the wire."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCIM = "application/scim+json"


@dataclass
class Reply:
    """One answer; `cut` sends only half of the body, `hang` waits so long first, `drop` closes without a word."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: float = 0.0
    drop: bool = False


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float = field(default_factory=time.monotonic)


@dataclass
class SmallServer:
    """`routes` maps "GET /Users" to a reply, a list of replies to be given in turn (the last stays), or a function.

    `trouble`, while it is set, is the answer to everything.
    """

    url: str
    routes: dict[str, Any]
    requests: list[Request] = field(default_factory=list)
    trouble: Reply | None = None

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.trouble is not None:
            return self.trouble
        found = self.routes.get(f"{request.method} {request.path.partition('?')[0]}", Reply(404, error(404)))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        reply: Reply = found(request) if isinstance(found, Callable) else found  # type: ignore[arg-type]
        return reply

    def sent(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]


def error(status: int, detail: str = "", kind: str = "") -> dict[str, Any]:
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status)}
    return body | ({"detail": detail} if detail else {}) | ({"scimType": kind} if kind else {})


def listed(resources: list[dict[str, Any]], total: int | None = None) -> dict[str, Any]:
    return {"totalResults": len(resources) if total is None else total, "Resources": resources}


@contextmanager
def serve(
    routes: dict[str, Any], *, port: int = 0, certificate: tuple[Path, Path] | None = None
) -> Iterator[SmallServer]:
    """On that port, over TLS where a certificate and its key are given."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    scheme = "http" if certificate is None else "https"
    small = SmallServer(f"{scheme}://127.0.0.1:{server.server_address[1]}", routes)
    server.small = small  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield small
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def handle(self) -> None:
        with suppress(ssl.SSLError):  # a client that does not trust our certificate
            super().handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        body = json.loads(raw) if raw[:1] == b"{" else raw.decode()
        small: SmallServer = self.server.small  # type: ignore[attr-defined]
        reply = small.answer(Request(self.command, self.path, dict(self.headers), body))
        time.sleep(reply.hang)
        self.close_connection = True
        if reply.drop:
            return
        is_text = isinstance(reply.body, str)
        content = b"" if reply.body is None else (reply.body if is_text else json.dumps(reply.body)).encode()
        with suppress(OSError):  # the caller may have hung up meanwhile
            (self.send_response_only if "Date" in reply.headers else self.send_response)(reply.status)
            for name, value in ({"Content-Type": "text/html" if is_text else SCIM} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if reply.cut else content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 (the names that http.server calls)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
