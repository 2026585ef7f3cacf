"""Who asks at our SAML endpoints, in the terms of SAML: with the authentication context class that the proof amounts to."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509

from connector.domain.arrival import Arrival
from connector.domain.exchange import Subject
from connector.domain.sign_on import Behalf
from connector.domain.unit import Caller, Unit
from connector.edges.saml import names

Decide = Callable[[Unit, Caller, Subject, str], Behalf | None]
"""Whether the agent may act for that person or agent at that audience; Denied where it may not, None where that is itself."""


@dataclass(frozen=True)
class Visitor:
    """`context` is the class of the way in which the agent proved itself just now; `certificate` is what that was bound to.

    `subject` is for whom it wants to act, by its token or by what it asks for; `decide` says whether it may.
    """

    caller: Caller
    context: str
    certificate: x509.Certificate | None = None
    subject: Subject | None = None
    decide: Decide | None = None

    def behalf(self, unit: Unit, audience: str) -> Behalf | None:
        """For whom it acts at that application. Denied where it may not."""
        if self.subject is None:
            return None
        assert self.decide is not None
        return self.decide(unit, self.caller, self.subject, audience)


def visitor(arrival: Arrival, *, encrypted: bool, decide: Decide | None = None) -> Visitor:
    """`encrypted`: we are reached by https, so that a password did not travel in the open."""
    if arrival.method == "basic":
        context = names.CONTEXT_PROTECTED_PASSWORD if encrypted else names.CONTEXT_PASSWORD
    elif arrival.method == "tls":
        context = names.CONTEXT_TLS_CLIENT
    else:
        context = names.CONTEXT_UNSPECIFIED
    return Visitor(arrival.caller, context, arrival.certificate, arrival.subject, decide)
