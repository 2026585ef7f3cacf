"""What a refused caller is told in headers, whichever protocol it speaks: RFC 6750, RFC 9449 section 7.1, RFC 9470 section 3."""

import re

from connector.core.errors import BadProof, Denied, StepUpRequired, Unauthenticated


def headers_of(
    error: Unauthenticated | Denied, *, realm: str, schemes: tuple[str, ...] = ("Bearer",)
) -> dict[str, str]:
    """WWW-Authenticate, and DPoP-Nonce where a nonce is wanted. `schemes` are offered where nothing more is to be said."""
    if isinstance(error, BadProof):
        headers = {"WWW-Authenticate": _challenge("DPoP", error=error.code, error_description=error.detail)}
        return {**headers, "DPoP-Nonce": error.nonce} if error.nonce else headers
    if isinstance(error, StepUpRequired):
        wanted = {"error": "insufficient_user_authentication", "error_description": error.detail}
        if error.acr_values:
            wanted["acr_values"] = " ".join(error.acr_values)
        if error.max_age is not None:
            wanted["max_age"] = str(error.max_age)
        return {"WWW-Authenticate": _challenge("Bearer", realm=realm, **wanted)}
    if isinstance(error, Denied):
        if not error.scope:
            return {}
        return {"WWW-Authenticate": _challenge("Bearer", realm=realm, error="insufficient_scope", scope=error.scope)}
    return {"WWW-Authenticate": ", ".join(_challenge(scheme, realm=realm) for scheme in schemes)}


def with_metadata(challenge: str, url: str) -> str:
    """RFC 9728 section 5.1: the challenge says where our metadata are, and with them the authorization server."""
    return re.sub(r"\b(Bearer|DPoP) ", lambda found: f'{found[0]}resource_metadata="{url}", ', challenge)


def _challenge(scheme: str, **parameters: str) -> str:
    """One challenge; what cannot stand in a quoted string of a header (RFC 6750 section 3) is left out."""
    quoted = [f'{name}="{"".join(sign for sign in text if _fits(sign))}"' for name, text in parameters.items()]
    return f"{scheme} {', '.join(quoted)}"


def _fits(sign: str) -> bool:
    return " " <= sign <= "~" and sign not in '"\\'
