from __future__ import annotations

import pytest

from mifeng_crypto.errors import CryptoError
from mifeng_crypto.labels import (
    decrypt_with_label,
    encrypt_with_label,
    sign_mifeng,
    sign_with_label,
    verify_mifeng,
    verify_with_label,
)
from mifeng_crypto.suite import suite_by_id
from tests.crypto.rng import seeded

SUITE = suite_by_id(0x0001)
PAIR = SUITE.generate_signature_key(rng=seeded(1))


def test_a_signature_under_one_label_is_none_under_another() -> None:
    signed = sign_with_label(SUITE, PAIR.private, "One", b"content")
    verify_with_label(SUITE, PAIR.public, "One", b"content", signed)
    with pytest.raises(CryptoError):
        verify_with_label(SUITE, PAIR.public, "Two", b"content", signed)


def test_a_signature_of_mifeng_is_none_of_mls() -> None:
    signed = sign_mifeng(PAIR.private, "Same", b"content")
    verify_mifeng(PAIR.public, "Same", b"content", signed)
    with pytest.raises(CryptoError):
        verify_with_label(SUITE, PAIR.public, "Same", b"content", signed)
    signed = sign_with_label(SUITE, PAIR.private, "Same", b"content")
    with pytest.raises(CryptoError):
        verify_mifeng(PAIR.public, "Same", b"content", signed)


def test_a_label_cannot_run_over_into_the_content() -> None:
    signed = sign_mifeng(PAIR.private, "Label", b"content")
    with pytest.raises(CryptoError):
        verify_mifeng(PAIR.public, "Labelc", b"ontent", signed)


def test_what_was_encrypted_under_a_label_opens_under_that_label_and_context_only() -> None:
    pair = SUITE.generate_key_pair(rng=seeded(2))
    sealed = encrypt_with_label(SUITE, pair.public, "Label", b"context", b"secret")

    def opened(label: str, context: bytes) -> bytes:
        return decrypt_with_label(SUITE, pair.private, label, context, **sealed._asdict())

    assert opened("Label", b"context") == b"secret"
    for label, context in (("label", b"context"), ("Label", b"Context")):
        with pytest.raises(CryptoError):
            opened(label, context)
