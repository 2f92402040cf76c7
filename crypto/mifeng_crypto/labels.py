"""The labeled functions of RFC 9420 sections 5.1.2, 5.1.3, 5.2 and 8: no key works without a label.

`sign_mifeng` and `verify_mifeng` are SignWithLabel for this project's own structs, under a prefix
of their own: a signature of one protocol can never be taken for one of the other.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from mifeng_crypto import signature as ed25519
from mifeng_crypto.kem import HpkeKeyPair
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import Opaque, UInt16, encode, struct, write_length

__all__ = [
    "HPKESealed",
    "decrypt_with_label",
    "derive_key_pair",
    "derive_secret",
    "derive_tree_secret",
    "encrypt_to_many_with_label",
    "encrypt_with_label",
    "expand_with_label",
    "hash_mifeng",
    "ref_hash",
    "sign_mifeng",
    "sign_with_label",
    "verify_mifeng",
    "verify_with_label",
]

MLS = "MLS 1.0 "
MIFENG = "Mifeng 1.0 "


@struct
class SignContent:
    """RFC 9420 section 5.1.2."""

    label: Opaque
    content: Opaque


@struct
class EncryptContext:
    """RFC 9420 section 5.1.3."""

    label: Opaque
    context: Opaque


@struct
class RefHashInput:
    """RFC 9420 section 5.2."""

    label: Opaque
    value: Opaque


@struct
class KDFLabel:
    """RFC 9420 section 8."""

    length: UInt16
    label: Opaque
    context: Opaque


# ------------------------------------------------------------------ signatures, section 5.1.2


def sign_with_label(suite: Suite, private: bytes, label: str, content: bytes) -> bytes:
    """SignWithLabel."""
    return suite.sign(private, _with_last(_sign_content(label), content))


def verify_with_label(
    suite: Suite, public: bytes, label: str, content: bytes, signature: bytes
) -> None:
    """VerifyWithLabel.

    Raises:
        CryptoError: the signature does not verify.
    """
    suite.verify(public, _with_last(_sign_content(label), content), signature)


def sign_mifeng(private: bytes, label: str, content: bytes) -> bytes:
    """SignWithLabel for a struct of protocol.md: Ed25519, whatever suite a unit has."""
    return ed25519.sign(private, _labelled(label, content))


def verify_mifeng(public: bytes, label: str, content: bytes, signature: bytes) -> None:
    """Check what `sign_mifeng` made.

    Raises:
        CryptoError: the signature does not verify.
    """
    ed25519.verify(public, _labelled(label, content), signature)


# ------------------------------------------------------------------ encryption, section 5.1.3


class HPKESealed(NamedTuple):
    """What EncryptWithLabel gives; the two fields of the wire's HPKECiphertext."""

    kem_output: bytes
    ciphertext: bytes


def encrypt_with_label(
    suite: Suite, public: bytes, label: str, context: bytes, plaintext: bytes
) -> HPKESealed:
    """EncryptWithLabel.

    Raises:
        CryptoError: `public` is no public key of the suite.
    """
    info = encode(EncryptContext((MLS + label).encode(), context))
    return HPKESealed(*suite.hpke_seal(public, info, plaintext))


def encrypt_to_many_with_label(
    suite: Suite,
    recipients: Iterable[tuple[bytes, bytes]],
    label: str,
    context: bytes,
    *,
    rng: Rng,
) -> list[HPKESealed]:
    """EncryptWithLabel for each (public, plaintext), with one label and one (long) context.

    Raises:
        CryptoError: one of them is no public key of the suite.
    """
    info = encode(EncryptContext((MLS + label).encode(), context))
    return [HPKESealed(*sealed) for sealed in suite.hpke_seal_to_many(recipients, info, rng=rng)]


def decrypt_with_label(
    suite: Suite,
    private: bytes,
    label: str,
    context: bytes,
    *,
    kem_output: bytes,
    ciphertext: bytes,
) -> bytes:
    """DecryptWithLabel.

    Raises:
        CryptoError: not encrypted to this key under this label and context.
    """
    info = encode(EncryptContext((MLS + label).encode(), context))
    return suite.hpke_open(private, info, kem_output, ciphertext)


# ------------------------------------------------------------------ hashes and derivations


def ref_hash(suite: Suite, label: str, value: bytes) -> bytes:
    """RefHash (section 5.2); the label is used as given, it carries its own prefix."""
    return suite.hash(encode(RefHashInput(label.encode(), value)))


def hash_mifeng(label: str, content: bytes) -> bytes:
    """RefHash for a struct of protocol.md: SHA-256, whatever suite a unit has."""
    return hashlib.sha256(_labelled(label, content)).digest()


def _labelled(label: str, content: bytes) -> bytes:
    """The encoding that SignContent and RefHashInput have in common, under our prefix."""
    return _with_last(_prefix(label), content)


# Labels are few, and what they make is asked for a dozen times for each message and entry: only
# the last field, with its length, is written each time, and copied once.

_LABELS = 256
"""How many are remembered. An application may export under labels of its own."""


def _with_last(head: bytes, last: bytes) -> bytes:
    """A struct of which all but the last field, an opaque, is encoded in `head`."""
    length = bytearray()
    write_length(len(last), length)
    return b"".join((head, length, last))


@functools.lru_cache(_LABELS)
def _prefix(label: str) -> bytes:
    return encode(SignContent((MIFENG + label).encode(), b""))[:-1]


@functools.lru_cache(_LABELS)
def _sign_content(label: str) -> bytes:
    return encode(SignContent((MLS + label).encode(), b""))[:-1]


@functools.lru_cache(_LABELS)
def _kdf_label(label: str, n: int) -> bytes:
    return encode(KDFLabel(n, (MLS + label).encode(), b""))[:-1]


def expand_with_label(suite: Suite, secret: bytes, label: str, context: bytes, n: int) -> Secret:
    """ExpandWithLabel (section 8)."""
    return suite.expand(secret, _with_last(_kdf_label(label, n), context), n)


def derive_secret(suite: Suite, secret: bytes, label: str) -> Secret:
    """DeriveSecret (section 8)."""
    return expand_with_label(suite, secret, label, b"", suite.hash_bytes)


def derive_tree_secret(suite: Suite, secret: bytes, label: str, generation: int, n: int) -> Secret:
    """DeriveTreeSecret (section 9)."""
    return expand_with_label(suite, secret, label, generation.to_bytes(4, "big"), n)


def derive_key_pair(suite: Suite, secret: bytes, label: str) -> HpkeKeyPair:
    """KEM.DeriveKeyPair(DeriveSecret(secret, label)), as for the nodes of a path (section 7.4)."""
    return suite.derive_key_pair(derive_secret(suite, secret, label))
