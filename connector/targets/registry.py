"""The only file that names the implementations: kind of target to its options and its maker.

In: a kind, the target's name and its options as an operator gave them. Out: an object that keeps the Target protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from connector.core.clock import Clock, utc_now
from connector.core.errors import Misconfigured
from connector.targets.active_directory import ActiveDirectoryTarget
from connector.targets.base import Target
from connector.targets.entra_agents import EntraAgents
from connector.targets.entra_users import EntraUsers
from connector.targets.entra_wire import EntraOptions
from connector.targets.keycloak import KeycloakClients, KeycloakUsers
from connector.targets.keycloak_wire import KeycloakOptions
from connector.targets.ldap import LdapTarget
from connector.targets.ldap_options import ActiveDirectoryOptions, LdapOptions
from connector.targets.memory import MemoryOptions, MemoryTarget
from connector.targets.okta_agents import OktaAgents
from connector.targets.okta_users import OktaUsers
from connector.targets.okta_wire import OktaOptions
from connector.targets.options import read_options
from connector.targets.pingone import PingOneTarget
from connector.targets.pingone_wire import PingOneOptions
from connector.targets.scim import ScimTarget
from connector.targets.scim_options import ScimOptions
from connector.targets.scim_profiles import AGENT


@dataclass(frozen=True)
class Kind:
    """One implementation: its options class, and the kinds of object that agents can be there, the usual one first.

    Each of them is made from the target's name, its options and the clock.
    """

    options: type[Any]
    objects: Mapping[str, Callable[[str, Any, Clock], Target]]


KINDS: dict[str, Kind] = {
    "entra": Kind(EntraOptions, {"user": EntraUsers, "agent": EntraAgents}),
    "keycloak": Kind(KeycloakOptions, {"user": KeycloakUsers, "client": KeycloakClients}),
    "active_directory": Kind(
        ActiveDirectoryOptions, {"user": lambda name, options, _: ActiveDirectoryTarget(name, options)}
    ),
    "ldap": Kind(LdapOptions, {"entry": lambda name, options, _: LdapTarget(name, options)}),
    "memory": Kind(MemoryOptions, {"account": lambda name, options, _: MemoryTarget(name, options)}),
    "okta": Kind(OktaOptions, {"user": OktaUsers, "agent": OktaAgents}),
    "pingone": Kind(PingOneOptions, {"user": PingOneTarget}),
    "scim": Kind(
        ScimOptions,
        {"user": ScimTarget, "agent": lambda name, options, clock: ScimTarget(name, options, clock, AGENT)},
    ),
}


@dataclass(frozen=True)
class OptionHelp:
    """One option as `connector target add --help` and the console show it; `default` is None where it is required."""

    name: str
    help: str
    default: str | None
    secret: bool
    choices: tuple[str, ...]


def describe(kind: str) -> tuple[OptionHelp, ...]:
    """The options of a kind of target. Misconfigured for a kind that does not exist."""
    return tuple(
        OptionHelp(
            one.name,
            one.metadata["help"],
            None if one.default is MISSING else _shown(one.default),
            one.metadata["secret"],
            one.metadata["choices"],
        )
        for one in fields(_kind(kind).options)
    )


def open_target(
    kind: str, name: str, options: Mapping[str, str], *, object: str = "", clock: Clock = utc_now
) -> Target:
    """The target, ready for calls; nothing is sent yet. Misconfigured lists every problem of the options.

    `object` is what agents are to be there (see Kind.objects), the usual kind of object where it is empty.
    """
    implementation = _kind(kind)
    wanted = object or next(iter(implementation.objects))
    if wanted not in implementation.objects:
        there = ", ".join(implementation.objects)
        raise Misconfigured("The target cannot be opened", [f'{kind} has no objects "{wanted}"; there are: {there}'])
    return implementation.objects[wanted](name, read_options(implementation.options, options, target=name), clock)


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise Misconfigured("The target cannot be opened", [f'no kind "{kind}"; there are: {", ".join(sorted(KINDS))}'])
    return KINDS[kind]


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    return ",".join(default) if isinstance(default, tuple) else str(default or "")
