"""An agent at one of our doors, as it has proved itself just now: by one of several ways, each of which another edge may know."""

from dataclasses import dataclass
from typing import Literal

from cryptography import x509

from connector.domain.exchange import Subject
from connector.domain.unit import Caller

Method = Literal["basic", "token", "private_key_jwt", "tls"]


@dataclass(frozen=True)
class Arrival:
    """Who it is, and how it proved that. `certificate` is that of the TLS connection, where the proof was about it.

    That is the certificate that stood for the agent itself, or that its access token is bound to: no other one beside.
    `subject` is for whom else it acts, where its access token says so.
    """

    caller: Caller
    method: Method
    certificate: x509.Certificate | None = None
    subject: Subject | None = None
