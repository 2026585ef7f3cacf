"""A stand-in for a vendor's API: a small stateful HTTP server in a thread of the test process.

A subclass adds the routes and enforces the vendor's rules. Tests may put faults in front of it: answers that are given instead,
for the next calls that fit. Every call is kept in `calls`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

Answer = Response | tuple[Any, int] | tuple[Any, int, dict[str, str]]


@dataclass
class Fault:
    """What to answer to the next `times` calls whose method and path fit. `instead` is False where the call is carried out first."""

    method: str
    path: str
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    instead: bool = True

    def fits(self) -> bool:
        return self.times > 0 and request.method == self.method and self.path in request.full_path

    def answer(self) -> Response:
        self.times -= 1
        made = jsonify(self.body) if not isinstance(self.body, str) else Response(self.body, mimetype="text/html")
        made.status_code = self.status
        made.headers.update(self.headers)
        return made


class Fake:
    """`url` is known once it is served; `lock` guards what a subclass keeps."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.app.json.sort_keys = False  # type: ignore[attr-defined]
        self.url = ""
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.bodies: list[Any] = []
        self.app.before_request(self._before)
        self.app.after_request(self._after)

    def route(self, method: str, path: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
        return self.app.route(path, methods=[method], endpoint=f"{method} {path}")

    def sent(self, method: str, part: str = "") -> list[str]:
        """The paths of the calls by that method whose path holds `part`."""
        made = [call.partition(" ") for call in self.calls]
        return [path for verb, _, path in made if verb == method and part in path]

    def refuse(self) -> Answer | None:
        """The answer to a caller whose credentials are wrong; None where they are right."""
        raise NotImplementedError

    def decorate(self, response: Response) -> None:
        """Add the headers that the vendor sends with every answer."""

    def _before(self) -> Any:
        with self.lock:
            self.calls.append(f"{request.method} {request.full_path.rstrip('?')}")
            self.bodies.append(request.get_json(silent=True))
            for fault in self.faults:
                if fault.instead and fault.fits():
                    return fault.answer()
            return self.refuse()

    def _after(self, response: Response) -> Response:
        with self.lock:
            self.decorate(response)
            late = next((fault for fault in self.faults if not fault.instead and fault.fits()), None)
            return late.answer() if late is not None else response


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The calls are kept in `calls`."""


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """The fake at a free port of this machine, until the end of the block."""
    server = make_server("127.0.0.1", 0, fake.app, threaded=True, request_handler=_Quiet)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
