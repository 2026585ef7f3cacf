"""Requests as bytes, against those that ldap3 makes of the same values."""

from collections.abc import Mapping
from typing import Any

import pytest
from ldap3 import BASE, DEREF_NEVER, SUBTREE
from ldap3.operation.add import add_operation
from ldap3.operation.delete import delete_operation
from ldap3.operation.modify import modify_operation
from ldap3.operation.modifyDn import modify_dn_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.convert import build_controls_list
from ldap3.protocol.rfc2696 import paged_search_control
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode

from connector.targets import ldap_ber as ber
from connector.targets.base import Rejected
from connector.targets.ldap_answers import equals

LONG = "x" * 70_000
DN = "uid=Zoë\\, 東京,ou=agents,dc=example,dc=com"


def theirs(number: int, kind: str, request: Any, controls: Any = None) -> bytes:
    made = LDAPMessage()
    made["messageID"] = MessageID(number)
    made["protocolOp"] = ProtocolOp().setComponentByName(kind, request)
    if controls:
        made["controls"] = build_controls_list(controls)
    return bytes(encode(made))


@pytest.mark.parametrize(
    "filter",
    [
        "(objectClass=*)",
        equals("uid", "a*(b)\\c\0é"),
        equals("cn", LONG),
        f"(&{equals('objectClass', 'person')}{equals('cn', 'x')})",
        f"(&(|{equals('a', '1')}(!{equals('b', '2')}))(modifyTimestamp>=20260101000000Z)(uSNChanged<=5))",
        "(2.5.4.3=x)",
    ],
)
@pytest.mark.parametrize("only_base", [True, False])
def test_a_search_is_encoded_as_ldap3_does_it(filter: str, only_base: bool) -> None:
    scope = BASE if only_base else SUBTREE
    request = search_operation(DN, filter, scope, DEREF_NEVER, ["*", "entryUUID"], 0, 0, False, True, True)

    ours = ber.search(DN, filter, ["*", "entryUUID"], only_base=only_base)

    assert ber.message(200, ours, []) == theirs(200, "searchRequest", request)


@pytest.mark.parametrize("number", [1, 127, 128, 255, 256, 32768, 2**31 - 1])
def test_numbers_and_controls_are_encoded_as_ldap3_does_it(number: int) -> None:
    controls = [build_control("1.2.3", True, b"\x30\x00", encode_control_value=False), paged_search_control(size=500)]
    page = ("1.2.840.113556.1.4.319", False, ber.page(500, b""))

    ours = ber.message(number, ber.delete(DN), [("1.2.3", True, b"\x30\x00"), page])

    assert ours == theirs(number, "delRequest", delete_operation(DN), controls)


@pytest.mark.parametrize("values", [{"cn": [b"x"]}, {"cn": [b"x", b"\xff\x00"], "description": [LONG.encode()]}])
def test_an_addition_is_encoded_as_ldap3_does_it(values: Mapping[str, list[bytes]]) -> None:
    assert ber.message(1, ber.add(DN, values), []) == theirs(1, "addRequest", add_operation(DN, values, True))


def test_a_change_is_encoded_as_ldap3_does_it() -> None:
    request = modify_operation(DN, {"member": [(0, [b"a"])], "title": [(2, [])], "cn": [(1, [b"b"])]}, True)

    ours = ber.modify(DN, [("member", 0, [b"a"]), ("title", 2, []), ("cn", 1, [b"b"])])

    assert ber.message(1, ours, []) == theirs(1, "modifyRequest", request)


def test_a_new_name_is_encoded_as_ldap3_does_it() -> None:
    request = modify_dn_operation(DN, "uid=new", True)

    assert ber.message(1, ber.rename(DN, "uid=new"), []) == theirs(1, "modDNRequest", request)


@pytest.mark.parametrize(
    "filter", ["", "uid=a", "(uid=a", "(uid=a*)", "(uid~=a)", "(&(uid=a)", "(uid=a)(uid=b)", "(uid:dn:=a)", "((uid=a))"]
)
def test_what_is_no_filter_or_a_kind_that_we_never_need_is_refused(filter: str) -> None:
    with pytest.raises(Rejected):
        ber.matching(filter)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 70_000])
def test_elements_are_read_as_they_were_written(length: int) -> None:
    data = ber.element(ber.SEQUENCE, ber.element(ber.OCTETS, b"x" * length), ber.element(ber.BOOLEAN, b"\xff"))

    assert ber.inside(data) == [(ber.OCTETS, b"x" * length), (ber.BOOLEAN, b"\xff")]
