"""What Active Directory allows and means, as tables and pure functions: names, states, protected entries, error codes.

Sources: [MS-ADTS], [MS-SAMR], and the Windows system error codes. A server that is milder than Windows does not make a name right.
"""

import hashlib
import re
import secrets
from typing import Final

from connector.targets.base import Rejected
from connector.targets.ldap_answers import Entry

DISABLED: Final = 0x2  # of userAccountControl ([MS-ADTS] 2.2.16)
NORMAL_ACCOUNT: Final = 0x200
GLOBAL_SECURITY_GROUP: Final = "-2147483646"  # of groupType ([MS-ADTS] 2.2.12)
_LOGON_NAME, _COMMON_NAME = 20, 64  # characters; Windows holds users to the first one, whatever the schema says
_NOT_IN_NAMES = re.compile(r'["/\\\[\]:;|=,+*?<>\x00-\x1f]')
_FIRST_OF_OTHERS = 1000  # relative identifiers below it are Windows' own ([MS-SAMR] 3.1.1.9.2)
_CODE = re.compile(r"^([0-9A-Fa-f]{8}):")
_SIGN_IN_CODE = re.compile(r"\bdata ([0-9a-fA-F]+)")

_SIGN_IN: Final = {
    "525": "there is no such account to sign in with",
    "52e": "the name or the password to sign in with is wrong",
    "530": "the account to sign in with may not sign in at this time",
    "531": "the account to sign in with may not sign in from this machine",
    "532": "the password to sign in with has expired",
    "533": "the account to sign in with is disabled",
    "701": "the account to sign in with has expired",
    "773": "the password to sign in with must be changed first",
    "775": "the account to sign in with is locked after too many wrong passwords",
}
IN_GROUP_ALREADY, NOT_IN_GROUP, IS_PRIMARY_GROUP = "00000562", "00000561", "0000055E"
_CODES: Final = {
    "00000005": "the account that we sign in with may not do this",
    "0000052D": "the password is not strong enough for the domain's password policy",
    "00000524": "the name is taken",
    "00000525": "a member is not there",
    IS_PRIMARY_GROUP: "the group is the account's primary group, which an account cannot leave",
    "0000200A": "the domain's schema has no such attribute",
    "0000200B": "a value is not one that the attribute takes, such as one that is too long",
    "00002016": "cn is changed by giving the account another name",
    "00002071": "the sAMAccountName is taken",
    "00002082": "a value is too long",
    "00002098": "the account that we sign in with may not do this",
    "000020B5": "an entry that a value names, such as the manager, is not there",
    "000021C7": "a name that must be the only one in the forest is taken",
    "000021C8": "the userPrincipalName is taken",
}


def explain(code: int, told: str) -> str:
    """What a refusal means, in plain words; "" where the message says it."""
    sign_in = _SIGN_IN_CODE.search(told)
    if code == 49 and sign_in:
        return _SIGN_IN.get(sign_in[1].lower(), "")
    return _CODES.get(error_code(told), "")


def error_code(told: str) -> str:
    found = _CODE.match(told)
    return found[1].upper() if found else ""


def logon_name(value: str) -> str:
    """A sAMAccountName as Windows takes it for a user. Rejected where it would not."""
    wrong = ""
    if not value.strip():
        wrong = "is needed: a server invents one for an account without"
    elif len(value) > _LOGON_NAME:
        wrong = f"{value!r} has {len(value)} characters; Windows takes at most {_LOGON_NAME}"
    elif bad := _NOT_IN_NAMES.search(value) or re.search("@", value):
        wrong = f"{value!r} holds {bad[0]!r}, which Windows does not take"
    elif value.endswith("."):
        wrong = f"{value!r} ends with a dot, which Windows does not take"
    if wrong:
        raise Rejected(f"sAMAccountName {wrong}", attribute="sAMAccountName")
    return value


def common_name(value: str) -> str:
    if len(value) > _COMMON_NAME:
        wrong = f"cn {value!r} has {len(value)} characters; Active Directory takes at most {_COMMON_NAME}"
        raise Rejected(wrong, attribute="cn")
    return value


def group_logon_name(name: str) -> str:
    """The sAMAccountName of a group: its name where Windows takes that, else one made from it that stays the same."""
    return other_logon_name(name) if _NOT_IN_NAMES.search(name) or name.endswith(".") else name


def other_logon_name(name: str) -> str:
    """One that is made from a name, for when that itself is taken or not possible."""
    return f"{_NOT_IN_NAMES.sub('-', name)[:50]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def new_password() -> str:
    """A password that nobody knows or needs: Windows enables no account without one. It has every kind of character."""
    return f"{secrets.token_urlsafe(60)}aA1!"


def control_of(entry: Entry) -> int:
    """userAccountControl. Rejected where it may not be read: no state would be better than a wrong one."""
    value = entry.first("userAccountControl")
    if not value:
        raise Rejected(f"the userAccountControl of {entry.dn} may not be read", attribute="userAccountControl")
    return int(value)


def relative_id(sid: str) -> int:
    """The last part of a security identifier; 0 where there is none."""
    return int(sid.rpartition("-")[2] or 0)


def why_protected(entry: Entry) -> str:
    """Why an entry must never be adopted or changed; "" where it may be ([MS-ADTS] 3.1.1.6.1.2, AdminSDHolder)."""
    identity, name = relative_id(entry.first("objectSid")), entry.first("sAMAccountName").lower()
    if 0 < identity < _FIRST_OF_OTHERS or entry.first("isCriticalSystemObject") == "TRUE":
        return "it is one of the domain's own"
    if name == "krbtgt" or name.startswith("krbtgt_"):
        return "it holds the keys of the domain"
    if entry.first("adminCount") not in ("", "0"):
        return "it has or had the rights of an administrator (adminCount)"
    return ""
