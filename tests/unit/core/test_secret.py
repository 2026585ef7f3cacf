"""Secrets are given by reference, shown by nothing, and made of 256 random bits."""

import re
from pathlib import Path

import pytest

from connector.core.errors import Invalid
from connector.core.secret import Secret, fingerprint, new_secret, resolve


def test_a_secret_shows_itself_to_nobody_but_who_asks() -> None:
    secret = Secret("hunter2")

    shown = f"{secret} {secret!r} {[secret]} { ({'a': secret}) } {secret!s:>20}"
    assert "hunter2" not in shown
    assert "hunter2" not in str(vars(type(secret))) and not hasattr(secret, "__dict__")
    assert secret.reveal() == "hunter2"


def test_a_secret_is_read_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_TOKEN", "from the environment ")
    (tmp_path / "token").write_text(" from a file\r\n")

    assert resolve("env:IDP_TOKEN", field="token").reveal() == "from the environment "
    assert resolve(f"file:{tmp_path / 'token'}", field="token").reveal() == " from a file"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:NOT_SET_ANYWHERE", "token: the environment variable NOT_SET_ANYWHERE is not set"),
        ("file:/not/there", "token: cannot read /not/there: No such file or directory"),
        ("hunter2", "token must be a reference, env:NAME or file:PATH"),
        ("env:", "token must be a reference"),
        ("vault:hunter2", "token must be a reference"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_naming_the_field_and_not_the_value(
    reference: str, words: str
) -> None:
    with pytest.raises(Invalid, match=re.escape(words)) as problem:
        resolve(reference, field="token")

    assert problem.value.field == "token"
    assert "hunter2" not in problem.value.detail


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")

    with pytest.raises(Invalid, match="token: .*is not text"):
        resolve(f"file:{tmp_path / 'token'}", field="token")


def test_new_secrets_carry_their_prefix_and_256_bits() -> None:
    made = {new_secret("acs") for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"acs_[A-Za-z0-9_-]{43}", one) for one in made)


def test_a_fingerprint_is_stable_and_not_the_secret() -> None:
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert re.fullmatch(r"[0-9a-f]{64}", fingerprint("a"))
