"""Options that every target with a REST API of its own has, and the parts that are made from them.

In: RestOptions, which the options of a target extend. Out: an HttpClient, and the problems that span several options.
"""

from dataclasses import dataclass

from connector.core import jose
from connector.core.clock import Clock
from connector.core.errors import Invalid, Misconfigured
from connector.core.http import HttpClient
from connector.core.secret import Secret
from connector.targets.line import address_problem
from connector.targets.options import ca_problem, option


def key_problems(key: Secret | None) -> list[str]:
    """What keeps the option private_key from signing; nothing where it is not given."""
    try:
        if key is not None:
            jose.sign_with(key.reveal(), {}, header={})
    except Invalid as problem:
        return [f"private_key: {problem.detail}"]
    return []


@dataclass(frozen=True, kw_only=True)
class WireOptions:
    """Trust, quota and times. A subclass adds its own options, and its checks in `problems`."""

    ca_file: str = option("file of the CA certificates to trust instead of the system's", default="")
    reserve: float = option("share of the rate limit that is left to others, such as sign-ins", default=0.5)
    page_size: int = option("objects asked for at once", default=100)
    connect_timeout: float = option("seconds to wait for a connection", default=5.0)
    read_timeout: float = option("seconds to wait for an answer", default=20.0)

    def __post_init__(self) -> None:
        if problems := self.problems():
            raise Misconfigured("", problems)

    def problems(self) -> list[str]:
        """Every problem that no single option shows."""
        found = [] if self.reserve < 1 else ["reserve: must be a share below 1, such as 0.5"]
        if untrusted := ca_problem(self.ca_file):
            found.append(untrusted)
        return found

    def address_problems(self, *names: str) -> list[str]:
        return [problem for name in names if (problem := address_problem(name, getattr(self, name)))]

    def http(self, clock: Clock) -> HttpClient:
        return HttpClient(
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            ca_file=self.ca_file or None,
            clock=clock,
        )


@dataclass(frozen=True, kw_only=True)
class RestOptions(WireOptions):
    """The same with sign-in by client credentials: a secret, or a key that signs assertions."""

    client_id: str = option("OAuth client id", default="")
    client_secret: Secret | None = option("reference to the OAuth client secret", default=None, is_secret=True)
    private_key: Secret | None = option(
        "reference to a private key (PEM) that signs client assertions, instead of client_secret",
        default=None,
        is_secret=True,
    )
    key_id: str = option("key id (kid) under which the server knows that key", default="")

    def problems(self) -> list[str]:
        return super().problems() + key_problems(self.private_key)

    def client_problems(self) -> list[str]:
        """What is missing for client credentials: client_id, and exactly one of client_secret and private_key."""
        if self.client_id and bool(self.client_secret) != bool(self.private_key):
            return []
        return ["client_id: give client_id and one of client_secret and private_key"]

    @property
    def key_header(self) -> dict[str, str]:
        return {"kid": self.key_id} if self.key_id else {}
