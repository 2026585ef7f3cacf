"""A directory that does not answer, or answers something else than LDAP."""

import socket
import threading
from collections.abc import Iterator

import pytest

from connector.targets.base import Target, Unreachable
from connector.targets.registry import open_target


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closing() -> Iterator[int]:
    """A port that hangs up on everyone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def target_at(monkeypatch: pytest.MonkeyPatch, url: str, **options: str) -> Target:
    monkeypatch.setenv("LDAP_PASSWORD", "ldap-secret")
    given = {"url": url, "bind_dn": "cn=x", "password": "env:LDAP_PASSWORD", "accounts_base": "dc=y"}
    return open_target("ldap", "t", given | {"connect_timeout": "1", "read_timeout": "1"} | options)


def test_a_directory_that_says_nothing_is_unreachable_in_time(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    for url, options in ((f"ldaps://localhost:{silent}", {}), (f"ldap://localhost:{silent}", {"start_tls": "true"})):
        with pytest.raises(Unreachable) as problem:
            target_at(monkeypatch, url, **options).check()

        assert "ldap-secret" not in str(problem.value)


def test_a_directory_that_hangs_up_is_unreachable(monkeypatch: pytest.MonkeyPatch, closing: int) -> None:
    for url, options in ((f"ldaps://localhost:{closing}", {}), (f"ldap://localhost:{closing}", {"start_tls": "true"})):
        with pytest.raises(Unreachable):
            target_at(monkeypatch, url, **options).check()


def test_nobody_listening_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable, match="refused"):
        target_at(monkeypatch, "ldaps://127.0.0.1:1").check()
