"""Options of a SCIM target, and what its profile makes of those that were left alone."""

from dataclasses import dataclass

from connector.core.errors import Invalid, Misconfigured
from connector.core.secret import Secret
from connector.targets.line import address_problem
from connector.targets.options import ca_problem, option
from connector.targets.scim_paths import parse_path
from connector.targets.scim_profiles import PROFILES, Profile
from connector.targets.sign_in import SignIn


@dataclass(frozen=True)
class ScimOptions:
    """Options of a SCIM target."""

    url: str = option("SCIM base URL, https (http only to this machine)")
    profile: str = option("make of the server; generic asks it what it can", default="generic", choices=tuple(PROFILES))
    token: Secret | None = option("reference to a static bearer token", default=None, is_secret=True)
    token_url: str = option("OAuth token endpoint for client credentials, instead of token", default="")
    client_id: str = option("OAuth client id", default="")
    client_secret: Secret | None = option("reference to the OAuth client secret", default=None, is_secret=True)
    scope: str = option("OAuth scopes to ask for, separated by spaces", default="")
    ca_file: str = option("file of the CA certificates to trust instead of the system's", default="")
    accounts_where: str = option("only these are our accounts, such as userType=Agent (default: all users)", default="")
    write: str = option(
        "how a change is sent; auto goes by the profile", default="auto", choices=("auto", "patch", "put")
    )
    look_before_create: bool = option("look for the userName before creating, for servers that do not", default=False)
    not_stored: tuple[str, ...] = option("attribute paths that the server drops, separated by commas", default=())
    page_size: int = option("accounts asked for at once", default=100)
    connect_timeout: float = option("seconds to wait for a connection", default=5.0)
    read_timeout: float = option("seconds to wait for an answer", default=20.0)

    def __post_init__(self) -> None:
        problems = [problem for name in ("url", "token_url") if (problem := address_problem(name, getattr(self, name)))]
        by_client = bool(self.token_url and self.client_id and self.client_secret)
        if by_client == (self.token is not None) or (self.token and (self.token_url or self.client_id)):
            problems.append("token: give either token, or all of token_url, client_id and client_secret")
        if self.accounts_where and not all(self.accounts_where.partition("=")):
            problems.append("accounts_where: write it as attribute=value")
        for path in self.not_stored:
            try:
                parse_path(path)
            except Invalid as problem:
                problems.append(f"not_stored: {problem.detail}")
        if untrusted := ca_problem(self.ca_file):
            problems.append(untrusted)
        if problems:
            raise Misconfigured("", problems)

    @property
    def known(self) -> Profile:
        return PROFILES[self.profile]

    @property
    def sign_in(self) -> SignIn:
        return SignIn(
            token=self.token,
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            scope=self.scope,
        )
