"""Options of a directory target: what they mean, and which combinations are refused before anything is sent."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from connector.core.errors import Misconfigured
from connector.core.secret import Secret
from connector.targets.options import ca_problem, option

_OF_PEOPLE = (
    "uid",
    "cn",
    "sn",
    "givenName",
    "displayName",
    "mail",
    "employeeNumber",
    "employeeType",
    "departmentNumber",
)
_AD_OF_PEOPLE = ("sAMAccountName", "userPrincipalName", "cn", "sn", "givenName", "displayName", "mail", "employeeID")


@dataclass(frozen=True, kw_only=True)
class DirectoryOptions:
    """What every kind of directory needs."""

    url: str = option("the directory, such as ldaps://ldap.example (or ldap:// with start_tls)")
    bind_dn: str = option("name of the entry to sign in as")
    password: Secret = option("its password", is_secret=True)
    accounts_base: str = option("entry below which the accounts are")
    groups_base: str = option("entry below which the groups are; without it no groups are kept", default="")
    people_base: str = option("entry below which the people are; without it no owner is looked up", default="")
    people_attributes: tuple[str, ...] = option("attributes that are read of people", default=())
    groups_managed_by: str = option(
        "who is written down as the manager of a group that is made here: nobody, or the owner of its first member",
        default="nobody",
        choices=("nobody", "owner"),
    )
    start_tls: bool = option("begin in clear and turn to TLS before signing in (for ldap://)", default=False)
    ca_file: str = option("file with the CA certificates to trust instead of the system's", default="")
    connect_timeout: float = option("seconds to wait for a connection", default=5.0)
    read_timeout: float = option("seconds to wait for an answer", default=20.0)

    def __post_init__(self) -> None:
        if problems := self.problems():
            raise Misconfigured("The options have errors", problems)

    def problems(self) -> list[str]:
        problems = []
        try:
            parts = urlsplit(self.url)
            known = parts.scheme in ("ldap", "ldaps") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            known = None
        if not known or parts.path not in ("", "/") or parts.query or "@" in parts.netloc:
            problems.append("url: must be ldaps://host[:port], or ldap://host[:port] with start_tls")
        elif (parts.scheme == "ldaps") == self.start_tls:
            wrong = "ldaps:// is TLS already" if self.start_tls else "ldap:// would send the password in clear"
            problems.append(f"start_tls: {wrong}")
        if not self.password.reveal():
            problems.append("password: is empty, and an empty password signs nobody in")
        if problem := ca_problem(self.ca_file):
            problems.append(problem)
        return problems

    def context(self) -> ssl.SSLContext:
        """What checks the server's certificate, chain and name."""
        return ssl.create_default_context(cafile=self.ca_file or None)


@dataclass(frozen=True, kw_only=True)
class LdapOptions(DirectoryOptions):
    """Options of an LDAP target."""

    people_attributes: tuple[str, ...] = option(
        "attributes that are read of people", default=(*_OF_PEOPLE, "ou", "title", "manager")
    )
    placeholder: str = option("name of the member that an otherwise empty group has; needed with groups", default="")
    account_class: str = option("object class that every account has", default="inetOrgPerson")
    disabled_by: str = option(
        "how an account is locked: ppolicy (OpenLDAP's overlay), or nsAccountLock (389 Directory Server)",
        default="ppolicy",
        choices=("ppolicy", "nsAccountLock"),
    )
    changes: str = option(
        "how the directory tells what has changed: sync (RFC 4533), timestamps (no deletions), or none",
        default="none",
        choices=("none", "sync", "timestamps"),
    )

    def problems(self) -> list[str]:
        problems = super().problems()
        if self.groups_base and not self.placeholder:
            problems.append("placeholder: is needed with groups_base, as a groupOfNames must have a member")
        return problems


@dataclass(frozen=True, kw_only=True)
class ActiveDirectoryOptions(DirectoryOptions):
    """Options of a target in Active Directory."""

    people_attributes: tuple[str, ...] = option(
        "attributes that are read of people", default=(*_AD_OF_PEOPLE, "department", "title", "manager")
    )
    upn_suffix: str = option(
        "what follows the @ of a userPrincipalName that has none (default: the domain)", default=""
    )

    @property
    def domain(self) -> str:
        """The domain's own entry: the end of accounts_base that is made of DC levels."""
        levels = [level.strip() for level in self.accounts_base.split(",")]
        return ",".join(level for level in levels if level.lower().startswith("dc="))

    def problems(self) -> list[str]:
        problems = super().problems()
        if not self.domain:
            problems.append("accounts_base: must end with the domain, as in OU=Agents,DC=corp,DC=example")
        return problems

    @property
    def suffix(self) -> str:
        return self.upn_suffix or ".".join(level[3:] for level in self.domain.split(","))
