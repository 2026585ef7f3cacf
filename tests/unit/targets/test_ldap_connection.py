"""What a directory may send that it should not, and how it may be cut into pieces."""

import socket
from collections.abc import Iterator

import ldap3
import pytest
from ldap3.core.exceptions import LDAPSessionTerminatedByServerError, LDAPSocketOpenError, LDAPSocketReceiveError

from connector.targets import ldap_ber as ber
from connector.targets.ldap_connection import LdapConnection

DONE, ENTRY, REFERENCE, EXTENDED = 0x65, 0x64, 0x73, 0x78


@pytest.fixture
def pair() -> Iterator[tuple[LdapConnection, socket.socket]]:
    """A connection that is open already, and the directory's end of it."""
    ours, theirs = socket.socketpair()
    connection = LdapConnection(ldap3.Server("ldap://unused.invalid"), "cn=x", "secret", read_timeout=5)
    connection.socket = ours
    with ours, theirs:
        yield connection, theirs


def octets(text: bytes) -> bytes:
    return ber.element(ber.OCTETS, text)


def message(number: int, *parts: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.element(ber.INTEGER, bytes([number])), *parts)


def done(code: int = 0, told: bytes = b"") -> bytes:
    return ber.element(DONE, ber.element(ber.ENUMERATED, bytes([code])), octets(b""), octets(told))


def entry(dn: bytes, name: bytes, *values: bytes) -> bytes:
    attribute = ber.element(ber.SEQUENCE, octets(name), ber.element(ber.SET, *map(octets, values)))
    return ber.element(ENTRY, octets(dn), ber.element(ber.SEQUENCE, attribute))


def test_an_answer_is_read_however_it_is_cut(pair: tuple[LdapConnection, socket.socket]) -> None:
    connection, directory = pair
    sent = message(1, entry(b"uid=a", b"photo", b"\xff\x00", b"x" * 300)) + message(1, ber.element(REFERENCE, b""))
    sent += message(1, done(32, b"not h\xe9re"))
    for at in range(0, len(sent), 7):
        directory.sendall(sent[at : at + 7])

    answer = connection.exchange(ber.delete("uid=a"))

    assert [(one.dn, one.attributes) for one in answer.entries] == [
        (b"uid=a", {"photo": [b"\xff\x00", b"x" * 300]}),
    ]
    assert answer.references == 1
    assert (answer.result.code, answer.result.told) == (32, "not h\ufffdre")


def test_two_calls_share_what_came_at_once(pair: tuple[LdapConnection, socket.socket]) -> None:
    connection, directory = pair
    directory.sendall(message(1, done(0)) + message(2, done(68)))

    assert [connection.exchange(ber.delete("x")).result.code for _ in range(2)] == [0, 68]


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 100,
        message(1),
        message(7, done()),
        message(1, ber.element(0x6F, b"")),
        message(1, ber.element(DONE, b"")),
        message(1, ber.element(ENTRY, octets(b"uid=a"))),
        message(1, ber.element(ENTRY, b"\x04\x05ab")),
    ],
    ids=["http", "empty", "to another", "unknown", "no result", "half an entry", "too short"],
)
def test_what_is_no_answer_of_ldap_is_an_error(pair: tuple[LdapConnection, socket.socket], sent: bytes) -> None:
    connection, directory = pair
    directory.sendall(sent)

    with pytest.raises(LDAPSocketReceiveError):
        connection.exchange(ber.delete("x"))


@pytest.mark.parametrize(
    "sent", [b"", message(1, entry(b"uid=a", b"uid", b"a")), message(1, done())[:-1], message(0, ber.element(EXTENDED))]
)
def test_an_answer_that_breaks_off_is_an_error_and_no_shorter_answer(
    pair: tuple[LdapConnection, socket.socket], sent: bytes
) -> None:
    connection, directory = pair
    directory.sendall(sent)
    directory.shutdown(socket.SHUT_WR)

    with pytest.raises(LDAPSessionTerminatedByServerError):
        connection.exchange(ber.delete("x"))


def test_a_closed_connection_is_an_error(pair: tuple[LdapConnection, socket.socket]) -> None:
    connection, _ = pair
    connection.socket = None

    with pytest.raises(LDAPSocketOpenError):
        connection.exchange(ber.delete("x"))
