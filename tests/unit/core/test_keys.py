"""Our own keys: made once, readable by us only, the newest signs, and none of them shows itself."""

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connector.core.errors import Invalid, Misconfigured, Unauthenticated
from connector.core.jose import Signer, unverified_header
from connector.core.keys import PURPOSES, KeyRing
from tests.conftest import Clock


@pytest.fixture
def folder(keys_dir: Path, tmp_path: Path, clock: Clock) -> Path:
    """A folder with keys of its own. Copied: making an RSA key takes long."""
    KeyRing(keys_dir, clock=clock)
    return Path(shutil.copytree(keys_dir, tmp_path / "keys"))


def test_the_keys_are_made_on_first_start_and_loaded_on_the_second(tmp_path: Path, clock: Clock) -> None:
    first = KeyRing(tmp_path / "new", clock=clock)
    second = KeyRing(tmp_path / "new", clock=clock)

    ids = {purpose: [key.id for key in first.all(purpose)] for purpose in PURPOSES}
    assert ids == {purpose: [key.id for key in second.all(purpose)] for purpose in PURPOSES}
    assert [len(ids[purpose]) for purpose in PURPOSES] == [1, 1, 1, 1]
    assert first.derive("x") == second.derive("x")


def test_each_purpose_has_its_kind_of_key(folder: Path) -> None:
    ring = KeyRing(folder)

    oauth, saml, sp, audit = (ring.active(purpose) for purpose in PURPOSES)
    assert isinstance(oauth.private, ec.EllipticCurvePrivateKey) and oauth.private.curve.name == "secp256r1"
    assert isinstance(saml.private, rsa.RSAPrivateKey) and saml.private.key_size == 2048
    assert isinstance(sp.private, rsa.RSAPrivateKey) and sp.private.key_size == 2048 and sp.certificate is not None
    assert isinstance(audit.private, ed25519.Ed25519PrivateKey)
    assert saml.certificate is not None and saml.certificate.public_key() == saml.private.public_key()


def test_nobody_else_can_read_the_files(folder: Path, tmp_path: Path, clock: Clock) -> None:
    KeyRing(tmp_path / "new", clock=clock)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir() if file.is_file()}
    assert set(modes.values()) == {0o600}
    folders = [tmp_path / "new", *(one for one in (tmp_path / "new").iterdir() if one.is_dir())]
    assert {stat.S_IMODE(one.stat().st_mode) for one in folders} == {0o700}


def test_the_newest_key_signs_and_the_older_ones_still_verify(folder: Path, clock: Clock) -> None:
    old = KeyRing(folder).active("oauth")
    (file,) = folder.glob("oauth-*.pem")
    file.rename(folder / "away.pem")
    clock.move(days=1)
    new = KeyRing(folder, clock=clock).active("oauth")
    (folder / "away.pem").rename(file)
    clock.move(minutes=10)  # a second key signs only once it was published for a while

    ring = KeyRing(folder, clock=clock)

    assert ring.active("oauth").id == new.id != old.id
    assert [key.id for key in ring.all("oauth")] == [old.id, new.id]


def test_derived_keys_differ_by_their_use(folder: Path) -> None:
    ring = KeyRing(folder)

    assert len(ring.derive("audit event")) == 32
    assert ring.derive("audit event") != ring.derive("something else")


def test_two_processes_that_start_together_make_one_set_of_keys(tmp_path: Path, clock: Clock) -> None:
    with ThreadPoolExecutor(2) as pool:
        rings = list(pool.map(lambda _: KeyRing(tmp_path / "new", clock=clock), range(2)))

    assert [len(ring.all(purpose)) for ring in rings for purpose in PURPOSES] == [1] * 8
    assert rings[0].active("saml").id == rings[1].active("saml").id


def test_a_key_that_cannot_be_read_is_named_and_not_replaced(folder: Path) -> None:
    (file,) = folder.glob("audit-*.pem")
    file.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")

    with pytest.raises(Misconfigured, match="A key cannot be read") as problem:
        KeyRing(folder)

    assert str(file) in problem.value.detail
    assert "nonsense" not in problem.value.detail + repr(problem.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match="The keys cannot be read") as problem:
        KeyRing(tmp_path / "file" / "keys")

    assert str(tmp_path / "file" / "keys") in problem.value.detail


def test_no_key_shows_itself(folder: Path) -> None:
    ring = KeyRing(folder)
    shown = repr(ring) + "".join(f"{key!r}{key}" for purpose in PURPOSES for key in ring.all(purpose))

    assert "PRIVATE" not in shown and "object at" not in shown
    assert ring.active("oauth").id in shown


def test_a_further_key_is_published_before_it_signs_and_other_processes_notice(folder: Path, clock: Clock) -> None:
    """RFC 7517 section 5 and RFC 9068 section 4: whoever keeps the key set has the new key before it is used."""
    here, elsewhere = Signer(KeyRing(folder, clock=clock)), Signer(KeyRing(folder, clock=clock))
    clock.move(days=1)
    old = {key["kid"] for key in elsewhere.public_set()["keys"]}
    made = KeyRing(folder, clock=clock).make("oauth")
    assert {key["kid"] for key in elsewhere.public_set()["keys"]} == old | {made.id}
    before = here.sign({"sub": "x"}, type="at+jwt")
    clock.move(minutes=10)
    after = here.sign({"sub": "x"}, type="at+jwt")
    assert (unverified_header(before)["kid"] in old, unverified_header(after)["kid"]) == (True, made.id)
    assert elsewhere.open(before, type="at+jwt") == elsewhere.open(after, type="at+jwt") == {"sub": "x"}


def test_what_a_retired_key_has_signed_is_dead(folder: Path, clock: Clock) -> None:
    """RFC 7515 section 6: stale keys verify nothing; the key that signs, or the only one that will, cannot be retired."""
    ring = KeyRing(folder, clock=clock)
    signer, old = Signer(ring), ring.active("oauth").id
    clock.move(days=1)
    token = signer.sign({"sub": "x"}, type="at+jwt")
    made = ring.make("oauth").id
    for id in (old, "unknown"):
        with pytest.raises(Invalid, match="no key"):
            ring.retire("oauth", id)
    clock.move(minutes=10)
    with pytest.raises(Invalid):
        ring.retire("oauth", made)
    version = signer.version()
    ring.retire("oauth", old)
    assert signer.version() > version
    with pytest.raises(Unauthenticated):
        signer.open(token, type="at+jwt")


def test_a_ca_is_made_only_when_somebody_asks(folder: Path, clock: Clock) -> None:
    ring = KeyRing(folder, clock=clock)
    assert ring.all("ca") == []
    made = ring.make("ca")
    assert made.certificate is not None and ring.active("ca").id == made.id
    assert KeyRing(folder, clock=clock).active("ca").certificate == made.certificate
