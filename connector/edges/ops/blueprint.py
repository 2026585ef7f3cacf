"""/healthz, /readyz and /metrics."""

from collections.abc import Callable, Iterable

import orjson
from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from connector import __version__
from connector.core.errors import ConnectorError
from connector.domain import targets
from connector.domain.unit import Domain, Unit

Endings = Callable[[Unit], Iterable[tuple[str, str, float]]]


def blueprint(domain: Domain, *, check_schema: Callable[[], None], endings: Endings) -> Blueprint:
    """`endings` tells what ends some day: its holder, what it is, and when, in seconds since 1970."""
    edge = Blueprint("ops", __name__)

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
