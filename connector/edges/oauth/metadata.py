"""What we publish about ourselves: as an authorization server (RFC 8414), and as a protected resource (RFC 9728)."""

from collections.abc import Iterable
from typing import Any

from connector.core.jose import ASSERTION_ALGORITHMS
from connector.domain.clients import AGENT_SCOPE, SCOPES
from connector.edges.oauth.client_auth import METHODS


def authorization_server(base_url: str, prefix: str, grants: Iterable[str], *, only_pushed: bool) -> dict[str, Any]:
    """RFC 8414 section 2, with RFC 8705 section 3.3, RFC 9449 section 5.1, RFC 9207 section 3 and RFC 9126 section 5."""
    algorithms = list(ASSERTION_ALGORITHMS)
    found: dict[str, Any] = {
        "issuer": base_url,
        "authorization_endpoint": f"{base_url}{prefix}/authorize",
        "token_endpoint": f"{base_url}{prefix}/token",
        "pushed_authorization_request_endpoint": f"{base_url}{prefix}/par",
        "require_pushed_authorization_requests": only_pushed,
        "introspection_endpoint": f"{base_url}{prefix}/introspect",
        "revocation_endpoint": f"{base_url}{prefix}/revoke",
        "jwks_uri": f"{base_url}{prefix}/jwks",
        "grant_types_supported": list(grants),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": [*SCOPES, AGENT_SCOPE],
        "dpop_signing_alg_values_supported": algorithms,
        "tls_client_certificate_bound_access_tokens": True,
        "protected_resources": [base_url],
    }
    for endpoint in ("token", "introspection", "revocation"):
        found[f"{endpoint}_endpoint_auth_methods_supported"] = list(METHODS)
        found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = algorithms
    return found


def protected_resource(base_url: str, prefix: str) -> dict[str, Any]:
    """RFC 9728 section 2: our SCIM, SAML and credential endpoints are one resource, whose tokens have our issuer as audience."""
    return {
        "resource": base_url,
        "authorization_servers": [base_url],
        "jwks_uri": f"{base_url}{prefix}/jwks",
        "scopes_supported": [*SCOPES, AGENT_SCOPE],
        "bearer_methods_supported": ["header"],
        "resource_name": "Agent IdP Connector",
        "tls_client_certificate_bound_access_tokens": True,
        "dpop_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "dpop_bound_access_tokens_required": False,
    }
