"""Cipher suites (RFC 9420 section 5.1) as records: everything that depends on the suite is here.

Nothing elsewhere may assume the length of a key, a hash, a nonce or a signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from mifeng_crypto.errors import CryptoError, UsageError
from mifeng_crypto.hpke import Hpke
from mifeng_crypto.kem import P256, P384, P521, X25519, XWING, HpkeKeyPair, Kem, extract
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.signature import (
    ECDSA_P256,
    ECDSA_P384,
    ECDSA_P521,
    ED25519,
    SignatureKeyPair,
    SignatureScheme,
)

__all__ = [
    "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
    "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
    "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
    "MLS_XWING",
    "SUITES",
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
    "Suite",
    "suite_by_id",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One cipher suite. Hash, KDF and AEAD are those of its HPKE, in every suite here."""

    id: int
    name: str
    hpke: Hpke
    signature: SignatureScheme

    def __repr__(self) -> str:
        return self.name

    @property
    def kem(self) -> Kem:
        return self.hpke.kem

    @property
    def hash_bytes(self) -> int:
        """KDF.Nh, the length of a hash, a MAC and a secret of the key schedule."""
        return self.hpke.hash.digest_size

    @property
    def key_bytes(self) -> int:
        """AEAD.Nk."""
        return self.hpke.key_bytes

    @property
    def nonce_bytes(self) -> int:
        """AEAD.Nn."""
        return self.hpke.nonce_bytes

    # -------------------------------------------------------------- hash, MAC, KDF, AEAD

    def hash(self, data: bytes) -> bytes:
        return hashes.Hash.hash(self.hpke.hash, data)

    def mac(self, key: bytes, data: bytes) -> bytes:
        mac = HMAC(key, self.hpke.hash)
        mac.update(data)
        return mac.finalize()

    def verify_mac(self, key: bytes, data: bytes, tag: bytes) -> None:
        """Compare in constant time.

        Raises:
            CryptoError: `tag` is not the MAC of `data`.
        """
        if not constant_time.bytes_eq(self.mac(key, data), tag):
            raise CryptoError

    def extract(self, salt: bytes, ikm: bytes) -> Secret:
        return Secret(extract(self.hpke.hash, salt, ikm))

    def expand(self, prk: bytes, info: bytes, n: int) -> Secret:
        return Secret(HKDFExpand(self.hpke.hash, n, info).derive(prk))

    def aead_seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        return self.hpke.aead(key).encrypt(nonce, plaintext, aad)

    def aead_open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """Decrypt and authenticate.

        Raises:
            CryptoError: not sealed under this key and nonce, or with another aad.
        """
        try:
            return self.hpke.aead(key).decrypt(nonce, ciphertext, aad)
        except (InvalidTag, ValueError) as err:
            raise CryptoError from err

    # -------------------------------------------------------------- signatures

    def generate_signature_key(self, *, rng: Rng) -> SignatureKeyPair:
        return self.signature.generate(rng)

    def public_signature_key(self, private: bytes) -> bytes:
        """Return the public key of a private signature key."""
        return self.signature.public_of(private)

    def sign(self, private: bytes, data: bytes) -> bytes:
        return self.signature.sign(private, data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None:
        """Raises: CryptoError: `signature` does not verify."""
        self.signature.verify(public, data, signature)

    def check_signature_key(self, public: bytes) -> None:
        """Raises: ProtocolError: KEY-1: the key is malformed or weak."""
        self.signature.check_public_key(public)

    # -------------------------------------------------------------- public-key encryption

    def generate_key_pair(self, *, rng: Rng) -> HpkeKeyPair:
        return self.kem.derive_key_pair(rng(self.kem.private_bytes))

    def derive_key_pair(self, ikm: bytes) -> HpkeKeyPair:
        return self.kem.derive_key_pair(ikm)

    def hpke_seal(self, public: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """Return (kem_output, ciphertext).

        Raises:
            CryptoError: `public` is no public key of this suite.
        """
        return self.hpke.seal(public, info, plaintext)

    def hpke_open(self, private: bytes, info: bytes, kem_output: bytes, ciphertext: bytes) -> bytes:
        """Raises: CryptoError: not sealed like this to this key."""
        return self.hpke.open(private, info, kem_output, ciphertext)

    def hpke_seal_to_many(
        self, recipients: Iterable[tuple[bytes, bytes]], info: bytes, *, rng: Rng
    ) -> list[tuple[bytes, bytes]]:
        """Return (kem_output, ciphertext) for each (public, plaintext).

        Raises:
            CryptoError: one of them is no public key of this suite.
        """
        return self.hpke.seal_to_many(recipients, info, rng=rng)


# ------------------------------------------------------------------ the suites

MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519 = 0x0001
MLS_128_DHKEMP256_AES128GCM_SHA256_P256 = 0x0002
MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519 = 0x0003
MLS_256_DHKEMP521_AES256GCM_SHA512_P521 = 0x0005
MLS_256_DHKEMP384_AES256GCM_SHA384_P384 = 0x0007
# A private-use number (RFC 9420 section 17.1): IANA has assigned none. The content is the second
# suite of draft-ietf-mls-pq-ciphersuites-06, MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519.
MLS_XWING = 0xF002

_NAMES_AND_PARTS: dict[int, tuple[str, Hpke, SignatureScheme]] = {
    0x0001: ("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", Hpke.of(X25519, 1, 1), ED25519),
    0x0002: ("MLS_128_DHKEMP256_AES128GCM_SHA256_P256", Hpke.of(P256, 1, 1), ECDSA_P256),
    0x0003: ("MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", Hpke.of(X25519, 1, 3), ED25519),
    0x0005: ("MLS_256_DHKEMP521_AES256GCM_SHA512_P521", Hpke.of(P521, 3, 2), ECDSA_P521),
    0x0007: ("MLS_256_DHKEMP384_AES256GCM_SHA384_P384", Hpke.of(P384, 2, 2), ECDSA_P384),
    0xF002: ("MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519", Hpke.of(XWING, 2, 2), ED25519),
}
SUITES = {
    number: Suite(id=number, name=name, hpke=scheme, signature=signature)
    for number, (name, scheme, signature) in _NAMES_AND_PARTS.items()
}


def suite_by_id(number: int) -> Suite:
    """Return the suite with this number.

    Raises:
        UsageError: it is not one that this version has.
    """
    try:
        return SUITES[number]
    except KeyError:
        known = ", ".join(f"0x{n:04x}" for n in SUITES)
        raise UsageError(
            f"cipher suite 0x{number:04x} is not supported; use one of {known}"
        ) from None
