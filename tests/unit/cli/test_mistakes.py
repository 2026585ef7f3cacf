"""What is wrong with a deployment is told in a sentence that names it, before anything is made, and never as a traceback."""

import os
import pwd
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from connector.cli import listening, output
from connector.cli.main import main
from connector.core.errors import Misconfigured
from connector.settings import Settings
from tests.servers.pki import make_pki
from tests.servers.process import free_port


def refused(*arguments: str, **settings: str | Path) -> str:
    """What the command says, exit 1, where it has such settings."""
    environment = {f"CONNECTOR_{name.upper()}": str(value) for name, value in settings.items()}
    done = CliRunner().invoke(main, arguments, env=environment)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.output
    return done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = refused("serve", "--port", port, data_dir=tmp_path / "var")

    assert f"127.0.0.1 port {port}" in told and "Address already in use" in told and "--port" in told
    assert not (tmp_path / "var").exists()


def test_a_host_that_is_not_here(tmp_path: Path) -> None:
    assert "host.invalid port" in refused("serve", "--host", "host.invalid", data_dir=tmp_path)
    assert "192.0.2.1 port" in refused("serve", "--host", "192.0.2.1", data_dir=tmp_path)


@pytest.mark.parametrize(("host", "meant"), [("localhost", "127.0.0.1"), ("127.0.0.7", "127.0.0.7")])
def test_a_host_may_be_a_name(host: str, meant: str) -> None:
    assert listening.address(Settings(host=host, port=free_port())) == meant


def test_a_certificate_and_a_key_that_do_not_fit(tmp_path: Path) -> None:
    ours, other = make_pki(tmp_path / "ours"), make_pki(tmp_path / "other")
    port = str(free_port())

    for key in (other.server_key_file, ours.ca_file):
        told = refused("serve", "--port", port, tls_certificate=ours.server_certificate_file, tls_key=key)
        assert "tls_certificate and tls_key" in told and str(key) in told and "belong together" in told


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki")
    sealed, password = tmp_path / "sealed.pem", serialization.BestAvailableEncryption(b"password")
    key = serialization.load_pem_private_key(pki.server_key_file.read_bytes(), None)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    sealed.write_bytes(key.private_bytes(pem, form, password))

    listening.check_tls(Settings(tls_certificate=pki.server_certificate_file, tls_key=pki.server_key_file))
    with pytest.raises(Misconfigured, match="the key unencrypted"):
        listening.check_tls(Settings(tls_certificate=pki.server_certificate_file, tls_key=sealed))


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(None, "cannot be opened"), ("root:x:0:0:a file of something else entirely\n" * 9, "no SQLite database")],
    ids=["a folder that is not there", "another file"],
)
@pytest.mark.parametrize("command", [("db", "upgrade"), ("target", "list")], ids=" ".join)
def test_an_sqlite_file_that_cannot_be_used(
    tmp_path: Path, command: tuple[str, ...], content: str | None, wrong: str
) -> None:
    file = tmp_path / "folder" / "c.db"
    if content is not None:
        file.parent.mkdir()
        file.write_text(content)

    told = refused(*command, data_dir=tmp_path, database_url=f"sqlite:///{file}")

    assert wrong in told and str(file) in told


def test_a_postgresql_that_refuses_the_connection(tmp_path: Path) -> None:
    told = refused(
        "target", "list", data_dir=tmp_path, database_url=f"postgresql://u:pass-word@127.0.0.1:{free_port()}/x"
    )

    assert "the database does not answer" in told and "onnection refused" in told and "u:***@127.0.0.1" in told
    assert "pass-word" not in told


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    told = refused("target", "list", data_dir=tmp_path / "file")

    assert "CONNECTOR_DATA_DIR" in told and str(tmp_path / "file") in told


def test_files_that_are_not_there_or_hold_something_else(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"\xf9\xff")

    absent = refused("target", "list", data_dir=tmp_path, client_ca_file=tmp_path / "ca.pem")
    noise = refused("target", "list", data_dir=tmp_path, config=tmp_path / "noise")
    folder = refused("target", "list", data_dir=tmp_path, mappings_dir=tmp_path / "noise")

    assert "client_ca_file" in absent and str(tmp_path / "ca.pem") in absent
    assert str(tmp_path / "noise") in noise
    assert "CONNECTOR_MAPPINGS_DIR: must be a folder" in folder


def test_the_operator_is_whom_the_kernel_knows_and_not_whom_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")

    assert output.operator().name == pwd.getpwuid(os.getuid()).pw_name
