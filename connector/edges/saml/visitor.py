"""Who asks at our SAML endpoints, in the terms of SAML: with the authentication context class that the proof amounts to."""

from dataclasses import dataclass

from cryptography import x509

from connector.domain.arrival import Arrival
from connector.domain.unit import Caller
from connector.edges.saml import names


@dataclass(frozen=True)
class Visitor:
    """`context` is the class of the way in which the agent proved itself just now; `certificate` is what that was bound to."""

    caller: Caller
    context: str
    certificate: x509.Certificate | None = None


def visitor(arrival: Arrival, *, encrypted: bool) -> Visitor:
    """`encrypted`: we are reached by https, so that a password did not travel in the open."""
    if arrival.method == "basic":
        context = names.CONTEXT_PROTECTED_PASSWORD if encrypted else names.CONTEXT_PASSWORD
    elif arrival.method == "tls":
        context = names.CONTEXT_TLS_CLIENT
    else:
        context = names.CONTEXT_UNSPECIFIED
    return Visitor(arrival.caller, context, arrival.certificate)
