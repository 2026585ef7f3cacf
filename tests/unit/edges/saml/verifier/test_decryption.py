"""What an encrypted assertion is opened with: the algorithms that are taken, each with its key's size, and nothing else."""

from typing import Any

import pytest

from connector.core.errors import Invalid
from connector.core.keys import SigningKey
from connector.edges.saml import xml
from connector.edges.saml.sp import decryption
from tests.unit.edges.saml.verifier import forge, sealing
from tests.unit.edges.saml.verifier.believed import our_key
from tests.unit.edges.saml.verifier.sealing import (
    CBC,
    GCM,
    MGF1P,
    OAEP,
    PLAIN,
    SECRET,
    XENC,
    XENC11,
    by_cbc,
    by_gcm,
    method,
    value,
    wrapped,
)

NONE_OF_OURS = "^the assertion cannot be decrypted with any of our keys$"
NOT_AES = "^the assertion is not encrypted with AES and at least one EncryptedKey$"


def sealed(content: str, *keys: str) -> Any:
    return xml.parse(sealing.sealed(content, *keys).encode(), what="message")


def opened(element: Any, *, keys: list[SigningKey] | None = None, authentic: bool = False) -> bytes:
    return decryption.decrypted(element, [our_key()] if keys is None else keys, authentic=authentic)


def refused(element: Any, sentence: str = NONE_OF_OURS, **options: Any) -> None:
    with pytest.raises(Invalid, match=sentence):
        opened(element, **options)


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("kind", ["gcm", "cbc"])
def test_aes_with_a_key_of_its_own_size_is_opened(kind: str, size: int) -> None:
    algorithm = f"{XENC11 if kind == 'gcm' else XENC}aes{size * 8}-{kind}"
    encrypt = by_gcm if kind == "gcm" else by_cbc
    for length in (16, 24, 32):
        made = sealed(method(algorithm) + value(encrypt(SECRET[:length])), wrapped(SECRET[:length]))
        if length == size:
            assert opened(made, authentic=True) == PLAIN
        else:
            refused(made, authentic=True)


@pytest.mark.parametrize("algorithm", ["aes128-cbc", "aes192-cbc", "aes256-cbc"])
def test_cbc_is_opened_only_where_it_was_signed_as_it_is(algorithm: str) -> None:
    """A padding oracle: who may try other octets learns what is inside."""
    size = int(algorithm[3:6]) // 8
    made = sealed(method(XENC + algorithm) + value(by_cbc(SECRET[:size])), wrapped(SECRET[:size]))

    assert opened(made, authentic=True) == PLAIN
    refused(made, "^the assertion is encrypted with CBC: use GCM, or sign the Response as well$")


@pytest.mark.parametrize(
    ("scheme", "hash", "mask"),
    [
        (method(MGF1P), "1", "1"),
        (method(MGF1P, '<d:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>'), "1", "1"),
        (method(MGF1P, f'<d:DigestMethod Algorithm="{XENC}sha256"/>'), "256", "1"),
        (method(OAEP, f'<d:DigestMethod Algorithm="{forge.MORE}sha384"/><n:MGF Algorithm="{XENC11}mgf1sha384"/>'), "384", "384"),
        (method(OAEP, f'<d:DigestMethod Algorithm="{XENC}sha512"/><n:MGF Algorithm="{XENC11}mgf1sha512"/>'), "512", "512"),
        (method(OAEP, f'<n:MGF Algorithm="{XENC11}mgf1sha256"/>'), "1", "256"),
        (method(OAEP, f'<n:MGF Algorithm="{XENC11}mgf1sha1"/><d:DigestMethod Algorithm="{XENC}sha256"/>'), "256", "1"),
        (method(OAEP), "1", "1"),
    ],
)  # fmt: skip
def test_oaep_with_each_hash_that_is_taken_is_opened(scheme: str, hash: str, mask: str) -> None:
    key = wrapped(SECRET, scheme=scheme, hash=hash, mask=mask)

    assert opened(sealed(method(GCM) + value(by_gcm(SECRET)), key)) == PLAIN


KIND = "^the assertion's key is encrypted with RSA-OAEP of a kind that is not known$"
NO_OAEP = "^the assertion's key is not encrypted with RSA-OAEP$"


@pytest.mark.parametrize(
    ("scheme", "sentence"),
    [
        (method(XENC + "rsa-1_5"), NO_OAEP),
        (method(XENC + "kw-aes256"), NO_OAEP),
        ("<e:EncryptionMethod/>", NO_OAEP),
        ("<e:Nothing/>", NO_OAEP),
        (method(MGF1P) * 2, "^EncryptedKey has more than one EncryptionMethod$"),
        (method(MGF1P, "<d:DigestMethod/>"), KIND),
        (method(MGF1P, f'<d:DigestMethod Algorithm="{forge.MORE}md5"/>'), KIND),
        (method(OAEP, "<n:MGF/>"), KIND),
        (method(OAEP, f'<n:MGF Algorithm="{XENC11}mgf1sha224"/>'), KIND),
        (method(OAEP, f'<d:DigestMethod Algorithm="{XENC}sha256"/>' * 2), "^EncryptionMethod has more than one DigestMethod$"),
        (method(OAEP, f'<n:MGF Algorithm="{XENC11}mgf1sha1"/>' * 2), "^EncryptionMethod has more than one MGF$"),
    ],
)  # fmt: skip
def test_a_key_that_is_wrapped_in_another_way_is_refused(scheme: str, sentence: str) -> None:
    refused(sealed(method(GCM) + value(by_gcm(SECRET)), wrapped(SECRET, scheme=scheme)), sentence)


CONTENT = method(GCM) + value(by_gcm(SECRET))


@pytest.mark.parametrize(
    ("element", "sentence"),
    [
        (lambda: sealed(CONTENT), NOT_AES),
        (lambda: sealed(CONTENT, *[wrapped(SECRET)] * 6), NOT_AES),
        (lambda: sealed(method(XENC + "tripledes-cbc") + value(b""), wrapped(SECRET)), NOT_AES),
        (lambda: sealed("<e:EncryptionMethod/>" + value(b""), wrapped(SECRET)), NOT_AES),
        (lambda: sealed(value(b""), wrapped(SECRET)), NOT_AES),
        (lambda: sealed(CONTENT + method(GCM), wrapped(SECRET)), "^EncryptedData has more than one EncryptionMethod$"),
        (lambda: xml.parse(f'<a:EncryptedAssertion xmlns:a="{forge.SAML}"/>'.encode(), what="message"), NOT_AES),
        (lambda: sealed(method(GCM), wrapped(SECRET)), "^the assertion's CipherValue is missing$"),
        (lambda: sealed(method(GCM) + "<e:CipherData/>", wrapped(SECRET)), "^the assertion's CipherValue is missing$"),
        (lambda: sealed(method(GCM) + value(b"") * 2, wrapped(SECRET)), "^EncryptedData has more than one CipherData$"),
        (lambda: sealed(method(GCM) + "<e:CipherData><e:CipherValue>!</e:CipherValue></e:CipherData>", wrapped(SECRET)),
         "^CipherValue is not base64$"),
        (lambda: sealed(method(GCM) + "<e:CipherData><e:CipherValue/><e:CipherValue/></e:CipherData>", wrapped(SECRET)),
         "^CipherData has more than one CipherValue$"),
        (lambda: sealed(method(GCM) + "<e:CipherData><e:CipherValue><x/></e:CipherValue></e:CipherData>", wrapped(SECRET)),
         "^CipherValue must hold text only$"),
    ],
)  # fmt: skip
def test_what_is_not_encrypted_as_it_should_be_is_refused(element: Any, sentence: str) -> None:
    refused(element(), sentence, authentic=True)


def test_our_key_may_be_one_of_five() -> None:
    stranger = forge.rsa_key("stranger")
    others = [wrapped(SECRET, to=stranger) for _ in range(4)]

    assert opened(sealed(CONTENT, *others, wrapped(SECRET))) == PLAIN
    assert opened(sealed(CONTENT, wrapped(SECRET), *others)) == PLAIN
    refused(sealed(CONTENT, *others))


def test_any_of_our_keys_may_open_it_and_only_rsa_keys_can() -> None:
    elliptic = SigningKey("samlec", "ec", "20270101T000000Z", forge.ec_key())
    former = SigningKey("sp", "former", "20260101T000000Z", forge.rsa_key("former"))

    assert opened(sealed(CONTENT, wrapped(SECRET)), keys=[elliptic, former, our_key()]) == PLAIN
    refused(sealed(CONTENT, wrapped(SECRET)), keys=[elliptic, former])
    refused(sealed(CONTENT, wrapped(SECRET)), keys=[])


# -- what was tampered with


def test_octets_that_were_changed_are_not_opened() -> None:
    good = by_gcm(SECRET)
    for at in (0, 11, 12, len(good) - 17, len(good) - 1):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        refused(sealed(method(GCM) + value(bad), wrapped(SECRET)))


@pytest.mark.parametrize("length", [0, 11, 12, 27])
def test_a_short_tag_is_not_opened(length: int) -> None:
    """CVE-2026-32313 and its kin: a tag of four bytes is guessed soon."""
    refused(sealed(method(GCM) + value(by_gcm(SECRET, b"")[:length]), wrapped(SECRET)))


def test_nothing_at_all_may_be_inside() -> None:
    assert opened(sealed(method(GCM) + value(by_gcm(SECRET, b"")), wrapped(SECRET))) == b""


@pytest.mark.parametrize(
    ("padded", "plain"),
    [
        (b"x" * 15 + b"\x01", b"x" * 15),
        (b"y" * 16 + bytes(15) + b"\x10", b"y" * 16),
        (b"z" * 30 + b"?\x02", b"z" * 30),
        (b"x" * 15 + b"\x00", None),
        (b"x" * 31 + b"\x11", None),
        (b"", None),
    ],
)
def test_the_last_byte_tells_how_much_is_padding(padded: bytes, plain: bytes | None) -> None:
    made = sealed(method(CBC) + value(by_cbc(SECRET, padded)), wrapped(SECRET))

    if plain is None:
        refused(made, authentic=True)
    else:
        assert opened(made, authentic=True) == plain


def test_cbc_of_no_whole_blocks_is_not_opened() -> None:
    for octets in (b"", b"x" * 15, by_cbc(SECRET)[:-1]):
        refused(sealed(method(CBC) + value(octets), wrapped(SECRET)), authentic=True)
