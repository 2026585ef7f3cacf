"""What Windows means and allows where it is stricter than, or says it otherwise than, the server that the other tests have."""

import pytest

from connector.targets import active_directory_rules as rules
from connector.targets.base import Rejected
from connector.targets.ldap_answers import Entry, sid, sid_bytes

USER = "S-1-5-21-1612201353-3336216201-4123452943-1105"


@pytest.mark.parametrize(
    ("code", "told", "means"),
    [
        (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563", "is wrong"),
        (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 532, v4563", "has expired"),
        (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 701, v4563", "has expired"),
        (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 773, v4563", "be changed"),
        (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 775, v4563", "is locked"),
        (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 7ff, v4563", ""),
        (53, "0000052D: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM), data 0", "not strong enough"),
        (19, "000021C8: AtrErr: DSID-03200EFC, #1: 0: 000021C8", "userPrincipalName is taken"),
        (53, "0000055E: SvcErr: DSID-031A1263, problem 5003 (WILL_NOT_PERFORM), data 0", "primary group"),
        (19, "said in other words", ""),
    ],
)
def test_error_codes_are_put_in_plain_words(code: int, told: str, means: str) -> None:
    said = rules.explain(code, told)

    assert (means in said) if means else said == ""


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"objectSid": [USER]}, ""),
        ({"objectSid": [USER], "adminCount": ["0"], "sAMAccountName": ["krbtgt-helper"]}, ""),
        ({"objectSid": [USER.replace("-1105", "-500")]}, "domain's own"),
        ({"objectSid": [USER.replace("-1105", "-999")]}, "domain's own"),
        ({"objectSid": ["S-1-5-32-544"]}, "domain's own"),
        ({"objectSid": [USER], "isCriticalSystemObject": ["TRUE"]}, "domain's own"),
        ({"objectSid": [USER], "sAMAccountName": ["KRBTGT_4711"]}, "keys of the domain"),
        ({"objectSid": [USER], "adminCount": ["1"]}, "administrator"),
    ],
)
def test_protected_entries_are_known(attributes: dict[str, list[str]], why: str) -> None:
    said = rules.why_protected(Entry("CN=x", attributes))

    assert (why in said) if why else said == ""


def test_a_state_that_may_not_be_read_is_an_error_and_not_enabled() -> None:
    with pytest.raises(Rejected, match="may not be read"):
        rules.control_of(Entry("CN=x", {}))


@pytest.mark.parametrize("name", ["finance: bots", "ends.", "a/b", "x" * 60 + ":"])
def test_a_group_name_that_windows_does_not_take_becomes_one_that_stays_the_same(name: str) -> None:
    made = rules.group_logon_name(name)

    assert made == rules.group_logon_name(name) != rules.group_logon_name(name + ":")
    assert len(made) <= 64 and not set(made) & set('"/\\[]:;|=,+*?<>')
    assert rules.group_logon_name("finance bots") == "finance bots"


def test_passwords_differ_and_have_every_kind_of_character() -> None:
    one, other = rules.new_password(), rules.new_password()

    assert one != other
    assert 60 < len(one) < 127
    for kind in (str.isupper, str.islower, str.isdigit, lambda letter: not letter.isalnum()):
        assert any(map(kind, one))


def test_security_identifiers_are_the_same_there_and_back() -> None:
    assert sid(sid_bytes(USER)) == USER
