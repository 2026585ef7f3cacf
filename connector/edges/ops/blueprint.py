"""/healthz, /readyz, /metrics and a front page that says where things are."""

from collections.abc import Callable, Iterable

import orjson
from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from connector import __version__
from connector.core.errors import ConnectorError
from connector.domain import targets
from connector.domain.unit import Domain, Unit

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Agent IdP Connector</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}
code{background:#f2f2f2;padding:0 .3em}</style>
</head><body><h1>Agent IdP Connector</h1><p>Version VERSION is running. Addresses to configure elsewhere:</p>
<table><tr><td>SCIM 2.0</td><td><code>BASE/scim/v2</code></td></tr>
<tr><td>OAuth token endpoint</td><td><code>BASE/oauth/token</code></td></tr>
<tr><td>OAuth metadata</td><td><a href="/.well-known/oauth-authorization-server">/.well-known/oauth-authorization-server</a></td></tr>
<tr><td>SAML metadata</td><td><a href="/saml/metadata">/saml/metadata</a></td></tr>
<tr><td>State</td><td><a href="/healthz">/healthz</a> <a href="/readyz">/readyz</a> <a href="/metrics">/metrics</a></td></tr></table>
</body></html>"""


Endings = Callable[[Unit], Iterable[tuple[str, str, float]]]


def blueprint(domain: Domain, *, base_url: str, check_schema: Callable[[], None], endings: Endings) -> Blueprint:
    """`endings` tells what ends some day: its holder, what it is, and when, in seconds since 1970."""
    edge = Blueprint("ops", __name__)
    page = _PAGE.replace("VERSION", __version__).replace("BASE", base_url)

    @edge.get("/")
    def front_page() -> Response:
        headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(page, content_type="text/html; charset=utf-8", headers=headers)

    @edge.get("/healthz")
    def healthz() -> Response:
        """200 while the process serves; asks nobody else."""
        return _json(200, {"status": "ok", "version": __version__})

    @edge.get("/readyz")
    def readyz() -> Response:
        """200 where the database answers and has this version's schema, else 503 with the reason."""
        try:
            check_schema()
        except ConnectorError as problem:
            return _json(503, {"status": "not ready", "reason": problem.detail}, {"Retry-After": "5"})
        return _json(200, {"status": "ready"})

    @edge.get("/metrics")
    def metrics() -> Response:
        registry = CollectorRegistry()
        pending = Gauge("connector_pending_pushes", "Agents that must be looked at", ["target"], registry=registry)
        failed = Gauge("connector_failed_pushes", "Agents that a person must look at", ["target"], registry=registry)
        blocked = Gauge(
            "connector_target_blocked", "1 while nothing is sent to the target", ["target"], registry=registry
        )
        ends = Gauge(
            "connector_ends_timestamp_seconds",
            "When a certificate or metadata that sign-on needs ends",
            ["holder", "what"],
            registry=registry,
        )
        with domain.view() as unit:
            for one in targets.states(unit):
                pending.labels(one.target.name).set(one.pending)
                failed.labels(one.target.name).set(one.failed)
                blocked.labels(one.target.name).set(one.state == "blocked")
            for holder, what, moment in endings(unit):
                ends.labels(holder, what).set(moment)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return edge


def _json(status: int, body: dict[str, str], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, content_type="application/json")
