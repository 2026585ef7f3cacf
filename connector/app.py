"""The composition root: opens database and keys, builds the edges and the worker, and puts them together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError

from connector.core import ids, native
from connector.core.clock import Clock, utc_now
from connector.core.errors import ConnectorError
from connector.core.http import HttpClient
from connector.core.ids import NewId, new_id
from connector.core.jose import Signer
from connector.core.keys import KeyRing
from connector.core.logs import logger
from connector.domain.tokens import Tokens
from connector.domain.unit import Domain
from connector.edges.oauth import blueprint as oauth
from connector.edges.oauth import client_auth
from connector.edges.oauth import errors as oauth_errors
from connector.edges.ops import blueprint as ops
from connector.edges.saml import blueprint as saml
from connector.edges.scim import blueprint as scim
from connector.mapping.load import shipped_folder
from connector.provisioning.connections import Connections
from connector.provisioning.push import Push
from connector.provisioning.worker import Worker
from connector.settings import Settings
from connector.storage.db import Database

_MAX_BODY = 4 * 1024 * 1024
log = logger()


@dataclass(frozen=True)
class Parts:
    """The parts of one deployment, in one process."""

    settings: Settings
    domain: Domain
    connections: Connections
    push: Push

    @property
    def mapping_folders(self) -> list[Path]:
        """Where mappings are looked for: the operator's folder first, then ours."""
        own = [self.settings.mappings_dir] if self.settings.mappings_dir else []
        return [*own, shipped_folder()]

    def worker(self) -> Worker:
        """A worker of this deployment, not yet started."""
        settings = self.settings
        logout = saml.logout_sender(
            self.domain, base_url=settings.url, entity_id=settings.saml_entity_id, http=HttpClient(read_timeout=10)
        )
        return Worker(
            self.domain,
            self.connections,
            self.push,
            logout.tell,
            origin=settings.url.partition("//")[2],
            threads=settings.push_threads,
            lease_seconds=settings.lease_seconds,
            poll_seconds=settings.poll_seconds,
            checkpoint_file=settings.data_dir / "checkpoint.txt" if settings.data_dir.is_dir() else None,
        )


def assemble(settings: Settings, *, clock: Clock = utc_now, new_id: NewId = new_id) -> Parts:
    """Open database and keys. Misconfigured where something does not fit."""
    native.check()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database, clock=clock, new_id=new_id)
    domain = Domain(database, KeyRing(settings.keys, clock=clock))
    own = [settings.mappings_dir] if settings.mappings_dir else []
    return Parts(settings, domain, Connections(domain, [*own, shipped_folder()]), Push(domain, settings.url))


def create_app(parts: Parts) -> Flask:
    """The WSGI application with every edge."""
    settings, domain = parts.settings, parts.domain
    signer = Signer(domain.keys)
    tokens = Tokens(domain, signer, issuer=settings.url)
    app = Flask("connector", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.url_map.strict_slashes = False
    app.register_blueprint(scim.blueprint(domain, base_url=settings.url, authenticate=tokens.caller))
    app.register_blueprint(oauth.blueprint(domain, base_url=settings.url, tokens=tokens, signer=signer))
    app.register_blueprint(
        saml.blueprint(
            domain,
            base_url=settings.url,
            entity_id=settings.saml_entity_id,
            authenticate=lambda header: tokens.agent(header, client_auth.decode_basic),
        )
    )
    app.register_blueprint(ops.blueprint(domain, base_url=settings.url, check_schema=domain.database.check_schema))
    _correlate(app)
    _render_errors(app)
    return app


def _correlate(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        ids.correlation_id.set(ids.correlation_from(request.headers.get("traceparent")))

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["Correlation-Id"] = ids.correlation_id.get()
        return response


Render = Callable[[ConnectorError | HTTPException], Response]
_RENDERERS: tuple[tuple[str, Render], ...] = (
    (scim.PREFIX, scim.render_error),
    ("/scim", scim.render_error),
    ("", oauth_errors.render_error),  # plain JSON for everything that has no form of its own
)


def _render_errors(app: Flask) -> None:
    def render(error: ConnectorError | HTTPException) -> Response:
        return next(render for prefix, render in _RENDERERS if request.path.startswith(prefix))(error)

    @app.errorhandler(ConnectorError)
    def ours(error: ConnectorError) -> Response:
        return render(error)

    @app.errorhandler(HTTPException)
    def frameworks(error: HTTPException) -> Response:
        return render(error)

    @app.errorhandler(Exception)  # the WSGI boundary: nothing may leave without a correlation id
    def unexpected(error: Exception) -> Response:
        log.exception("a request failed unexpectedly", action="request", method=request.method, path=request.path)
        return render(InternalServerError("something went wrong on our side"))
