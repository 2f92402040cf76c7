"""Sealing to a device: HPKE under the key that its entry in the roster names (protocol.md, "Sealed
to a device").

X-Wing, whatever suites the units have: what is sealed so (the directory key above all) opens names
for years, and a key that a later quantum computer can recompute has not expired.
"""

from __future__ import annotations

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.kem import XWING, check_xwing_public
from mifeng_crypto.labels import EncryptContext
from mifeng_crypto.suite import MLS_XWING, suite_by_id
from mifeng_crypto.tls import encode

__all__ = ["check_hpke_key", "hpke_public_of", "open_sealed", "seal_to"]

MIFENG = "Mifeng 1.0 "
HPKE = suite_by_id(MLS_XWING).hpke
"""X-Wing, HKDF-SHA384, AES-256-GCM: the HPKE of cipher suite 0xF002."""


def hpke_public_of(private: bytes) -> bytes:
    """Return the public key, 1,216 bytes, of a private key, which is a seed of 32 random bytes."""
    return XWING.public_of(private)


def check_hpke_key(public: bytes) -> None:
    """KEY-3: the HPKE key of a device is one of X-Wing, as far as that is cheap to see.

    What is no key of ML-KEM shows when something is to be sealed to it (`seal_to` raises), and
    keeps its own device out and nobody else: a replayed roster has thousands of them.

    Raises:
        ProtocolError: KEY-3: it has another length, or its X25519 half is of small order.
    """
    try:
        check_xwing_public(public)
    except ValueError as err:
        raise ProtocolError(
            "KEY-3", "the HPKE key of a device is none: the device has to make a new one"
        ) from err


def seal_to(public: bytes, label: str, context: bytes, plaintext: bytes) -> bytes:
    """Seal to a device: EncryptWithLabel (RFC 9420 section 5.1.3) with a label of ours.

    Args:
        public: the device's HPKE key.
        label: what it is, without the prefix.
        context: what it is bound to; not sealed, and needed to open it.
        plaintext: what only the device may read.

    Returns:
        kem_output || ciphertext.

    Raises:
        CryptoError: `public` is no key.
    """
    return b"".join(HPKE.seal(public, _info(label, context), plaintext))


def open_sealed(private: bytes, label: str, context: bytes, sealed: bytes) -> bytes:
    """Open what `seal_to` made.

    Raises:
        CryptoError: it was not sealed to this device under this label and context.
    """
    n = XWING.enc_bytes
    return HPKE.open(private, _info(label, context), sealed[:n], sealed[n:])


def _info(label: str, context: bytes) -> bytes:
    return encode(EncryptContext((MIFENG + label).encode(), context))
