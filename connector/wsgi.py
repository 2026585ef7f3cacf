"""For WSGI servers: `connector.wsgi:create()` is the application, `serve` adds the worker thread to each web process."""

import gc

from flask import Flask

from connector import settings
from connector.app import create_app
from connector.core import logs
from connector.parts import assemble


def create() -> Flask:
    """The application, by the settings of the environment. Run `connector worker` beside it."""
    loaded = settings.load()
    logs.configure(loaded.log_level)
    return _settled(create_app(assemble(loaded)))


def create_with_worker() -> Flask:
    """The application and a worker thread: what `connector serve` runs in each of its processes."""
    loaded = settings.load()
    logs.configure(loaded.log_level)
    parts = assemble(loaded)
    app = _settled(create_app(parts))
    parts.worker().start()
    return app


def _settled(app: Flask) -> Flask:
    """What was made at the start stays: the garbage collector need not walk over it again and again, 50 ms at a time."""
    gc.freeze()
    return app
