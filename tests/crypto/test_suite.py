from __future__ import annotations

import pytest

from mifeng_crypto.errors import CryptoError, UsageError
from mifeng_crypto.kem import XWING
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import MLS_XWING, SUITES, Suite, suite_by_id
from tests.crypto.rng import seeded

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: hex(suite.id))


@pytest.mark.parametrize("number", [0x0000, 0x0004, 0x0006, 0x0A0A, 0xFFFF])
def test_an_unknown_suite_is_named_with_those_that_there_are(number: int) -> None:
    with pytest.raises(UsageError, match="0xf002"):
        suite_by_id(number)


def test_the_default_suite_is_the_second_of_the_post_quantum_draft() -> None:
    suite = suite_by_id(MLS_XWING)
    assert suite.kem is XWING
    assert suite.hpke.kdf.suite_id == b"HPKE" + bytes.fromhex("647a 0002 0002")
    assert (suite.hash_bytes, suite.key_bytes, suite.nonce_bytes) == (48, 32, 12)


@every_suite
def test_aead_refuses_whatever_was_changed(suite: Suite) -> None:
    key, nonce = bytes(suite.key_bytes), bytes(suite.nonce_bytes)
    sealed = suite.aead_seal(key, nonce, b"aad", b"plaintext")
    assert suite.aead_open(key, nonce, b"aad", sealed) == b"plaintext"
    for aad, ciphertext in (
        (b"aae", sealed),
        (b"aad", sealed[:-1]),
        (b"aad", b""),
        (b"aad", bytes([sealed[0] ^ 1]) + sealed[1:]),
    ):
        with pytest.raises(CryptoError):
            suite.aead_open(key, nonce, aad, ciphertext)


@every_suite
def test_a_mac_covers_key_data_and_length(suite: Suite) -> None:
    tag = suite.mac(b"key", b"data")
    assert len(tag) == suite.hash_bytes == len(suite.hash(b""))
    suite.verify_mac(b"key", b"data", tag)
    for key, data, claimed in (
        (b"kez", b"data", tag),
        (b"key", b"date", tag),
        (b"key", b"data", tag[:-1]),
        (b"key", b"data", b""),
    ):
        with pytest.raises(CryptoError):
            suite.verify_mac(key, data, claimed)


@every_suite
def test_what_is_sealed_opens_for_its_recipient_only(suite: Suite) -> None:
    pair = suite.generate_key_pair(rng=seeded(1))
    other = suite.generate_key_pair(rng=seeded(2))
    assert len(pair.public) == suite.kem.public_bytes
    kem_output, ciphertext = suite.hpke_seal(pair.public, b"info", b"secret")
    # From the bytes alone, and from the parsed key.
    for private in (pair.private, Secret(pair.private), bytes(pair.private)):
        assert suite.hpke_open(private, b"info", kem_output, ciphertext) == b"secret"
    for private, info, enc, sealed in (
        (other.private, b"info", kem_output, ciphertext),
        (pair.private, b"other", kem_output, ciphertext),
        (pair.private, b"info", kem_output, ciphertext[:-1]),
        (pair.private, b"info", bytes(len(kem_output)), ciphertext),
        (pair.private, b"info", kem_output, b""),
        (pair.private, b"info", b"", b""),
        (b"", b"info", kem_output, ciphertext),
        (bytes(pair.private) + b"\0", b"info", kem_output, ciphertext),
    ):
        with pytest.raises(CryptoError):
            suite.hpke_open(private, info, enc, sealed)


@every_suite
def test_a_shifted_boundary_between_kem_output_and_ciphertext_is_refused(suite: Suite) -> None:
    pair = suite.generate_key_pair(rng=seeded(1))
    kem_output, ciphertext = suite.hpke_seal(pair.public, b"", b"secret")
    both = kem_output + ciphertext
    for at in (len(kem_output) - 1, len(kem_output) + 1, 0, len(both)):
        with pytest.raises(CryptoError):
            suite.hpke_open(pair.private, b"", both[:at], both[at:])


@every_suite
def test_nothing_is_sealed_to_what_is_no_public_key(suite: Suite) -> None:
    public = suite.generate_key_pair(rng=seeded(1)).public
    for bad in (b"", public[:-1], public + b"\0", b"\xff" * (len(public) - 32) + bytes(32)):
        with pytest.raises(CryptoError):
            suite.hpke_seal(bad, b"", b"secret")
        with pytest.raises(CryptoError):
            suite.hpke.export_to(bad, b"", b"", 32, rng=seeded(1))


@every_suite
def test_what_is_sealed_to_many_opens_for_each(suite: Suite) -> None:
    pairs = [suite.generate_key_pair(rng=seeded(n)) for n in range(3)]
    texts = [b"one", b"two", b""]
    recipients = [(pair.public, text) for pair, text in zip(pairs, texts, strict=True)]
    sealed = suite.hpke_seal_to_many(recipients, b"info", rng=seeded(4))
    for pair, text, (kem_output, ciphertext) in zip(pairs, texts, sealed, strict=True):
        assert suite.hpke_open(pair.private, b"info", kem_output, ciphertext) == text
        with pytest.raises(CryptoError):
            suite.hpke_open(pair.private, b"other", kem_output, ciphertext)
    with pytest.raises(CryptoError):
        suite.hpke_seal_to_many([*recipients, (b"no key", b"")], b"info", rng=seeded(4))


@every_suite
def test_both_sides_of_an_encapsulation_export_the_same(suite: Suite) -> None:
    pair = suite.derive_key_pair(b"ikm")
    assert pair == suite.derive_key_pair(b"ikm")
    sent, kem_output = suite.hpke.export_to(pair.public, b"i", b"context", 40, rng=seeded(3))
    assert len(sent) == 40
    export_from = suite.hpke.export_from
    assert export_from(pair.private, b"i", kem_output, b"context", 40) == sent
    assert export_from(pair.private, b"j", kem_output, b"context", 40) != sent
    assert export_from(pair.private, b"i", kem_output, b"Context", 40) != sent
    for bad in (b"", kem_output[:-1], kem_output + b"\0"):
        with pytest.raises(CryptoError):
            export_from(pair.private, b"i", bad, b"context", 40)
