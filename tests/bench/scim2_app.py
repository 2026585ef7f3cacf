"""scim2-server for granian: `tests.bench.scim2_app:app`, data in memory, the bearer from BENCH_TOKEN.

Its own command answers with wsgiref: one HTTP/1.0 connection for each request and a listen queue of 5, which 8 connections
overflow; each dropped SYN waits a second for its repetition. So the bench serves the same application with a real server.
"""

import os
import secrets
from collections.abc import Iterable
from typing import Any

from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)


def _application() -> BearerTokenApplication:
    config = load_default_service_provider_config()
    config.authentication_schemes = [BEARER_TOKEN_SCHEME]
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )
    service = ScimService(provider, secret=secrets.token_urlsafe(32))
    return BearerTokenApplication(InMemoryStorage(), provider, service, bearer_tokens=[os.environ["BENCH_TOKEN"]])


_served = _application()


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """granian marks the input as terminated, whereupon scim2-server reads it with read(-1), which granian answers with an
    OverflowError, and so every request without a body with 500. Every body here has a length."""
    environ.pop("wsgi.input_terminated", None)
    return _served(environ, start_response)
