"""Signatures: Ed25519 (RFC 8032) through PyNaCl everywhere, ECDSA for the suites on NIST curves.

Ed25519 verifiers disagree on edge cases, and a group whose members disagree is forked: so there is
one verifier, libsodium's. It refuses small-order and non-canonical public keys, small-order R and
S >= L. `check_public_key` refuses such keys where they enter, before anything was signed by them.

This file knows no labels and no suites.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nacl import bindings
from nacl.exceptions import BadSignatureError

from mifeng_crypto.errors import CryptoError, ProtocolError, UsageError
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

__all__ = [
    "ECDSA_P256",
    "ECDSA_P384",
    "ECDSA_P521",
    "ED25519",
    "Ecdsa",
    "Ed25519",
    "SignatureKeyPair",
    "SignatureScheme",
    "check_public_key",
    "public_of",
    "sign",
    "verify",
]

KEY_BYTES = 32
SIGNATURE_BYTES = 64

# The field prime of Curve25519, and the y-coordinates of the eight points of small order. A key is
# `y` in little endian with the sign of x in the top bit; both signs of each y are of small order.
P = 2**255 - 19
_Y_OF_ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        P - 1,
        int.from_bytes(_Y_OF_ORDER_8, "little"),
        P - int.from_bytes(_Y_OF_ORDER_8, "little"),
    }
)


class SignatureKeyPair(NamedTuple):
    """A signature key, in the serialization of RFC 9420 section 5.1.1."""

    private: Secret
    public: bytes


# ------------------------------------------------------------------ Ed25519, without a suite


def _expand(private: bytes) -> bytes:
    """Return libsodium's form of a private key: seed || public key."""
    if len(private) != KEY_BYTES:
        raise UsageError(f"an Ed25519 private key has {KEY_BYTES} bytes, not {len(private)}")
    _, expanded = bindings.crypto_sign_seed_keypair(private)
    return expanded


def sign(private: bytes, data: bytes) -> bytes:
    """Sign `data` with an Ed25519 seed of 32 bytes.

    Raises:
        UsageError: the seed has another length.
    """
    expanded = private.parsed(_expand) if isinstance(private, Secret) else _expand(private)
    return bindings.crypto_sign(data, expanded)[:SIGNATURE_BYTES]


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Check an Ed25519 signature.

    Raises:
        CryptoError: it is not a signature of `data` under this key, or the key is weak.
    """
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise CryptoError
    try:
        bindings.crypto_sign_open(signature + data, public)
    except BadSignatureError as err:
        raise CryptoError from err


def check_public_key(public: bytes) -> None:
    """Refuse an Ed25519 public key under which a signature would prove nothing (KEY-1).

    A key that is no point of the curve at all is let through: nothing verifies under it.

    Raises:
        ProtocolError: KEY-1: the length is wrong, the encoding is not canonical, or the point is of
            small order.
    """
    if len(public) != KEY_BYTES:
        raise ProtocolError("KEY-1", f"an Ed25519 public key has 32 bytes, not {len(public)}")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= P or y in SMALL_ORDER_Y:
        raise ProtocolError("KEY-1", "this public key is weak: the device has to make a new one")


def public_of(private: bytes) -> bytes:
    """Return the public key of an Ed25519 seed.

    Raises:
        UsageError: the seed does not have 32 bytes.
    """
    return _expand(private)[KEY_BYTES:]


# ------------------------------------------------------------------ the schemes of the suites


class SignatureScheme(Protocol):
    """What a cipher suite signs with (RFC 9420 section 5.1.2)."""

    @property
    def private_bytes(self) -> int: ...

    def generate(self, rng: Rng) -> SignatureKeyPair: ...

    def public_of(self, private: bytes) -> bytes: ...

    def sign(self, private: bytes, data: bytes) -> bytes: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None: ...

    def check_public_key(self, public: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Ed25519:
    """Suites 0x0001, 0x0003, 0xF002."""

    private_bytes: int = KEY_BYTES

    def generate(self, rng: Rng) -> SignatureKeyPair:
        private = Secret(rng(KEY_BYTES))
        return SignatureKeyPair(private, private.parsed(_expand)[KEY_BYTES:])

    def public_of(self, private: bytes) -> bytes:
        return public_of(private)

    def sign(self, private: bytes, data: bytes) -> bytes:
        return sign(private, data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None:
        verify(public, data, signature)

    def check_public_key(self, public: bytes) -> None:
        check_public_key(public)


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """Suites 0x0002, 0x0005, 0x0007: signatures in DER, public keys as uncompressed points."""

    curve: ec.EllipticCurve
    hash: hashes.HashAlgorithm
    order: int

    @property
    def private_bytes(self) -> int:
        return (self.order.bit_length() + 7) // 8

    def _load(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return private.parsed(self._parse) if isinstance(private, Secret) else self._parse(private)

    def _parse(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        scalar = int.from_bytes(private, "big")
        if len(private) != self.private_bytes or not 0 < scalar < self.order:
            raise UsageError(f"these bytes are no private key of {self.curve.name}")
        return ec.derive_private_key(scalar, self.curve)

    def generate(self, rng: Rng) -> SignatureKeyPair:
        # Eight bytes more than the order has, reduced: the bias is below 2^-64 (FIPS 186-5 A.2.1).
        wide = int.from_bytes(rng(self.private_bytes + 8), "big")
        private = Secret((wide % (self.order - 1) + 1).to_bytes(self.private_bytes, "big"))
        return SignatureKeyPair(private, self.public_of(private))

    def public_of(self, private: bytes) -> bytes:
        return (
            self._load(private)
            .public_key()
            .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        )

    def sign(self, private: bytes, data: bytes) -> bytes:
        return self._load(private).sign(data, ec.ECDSA(self.hash))

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None:
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)
            key.verify(signature, data, ec.ECDSA(self.hash))
        except (InvalidSignature, ValueError) as err:
            raise CryptoError from err

    def check_public_key(self, public: bytes) -> None:
        if public[:1] != b"\x04":
            raise ProtocolError("KEY-1", "this public key is not an uncompressed point")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)
        except ValueError as err:
            raise ProtocolError("KEY-1", f"this public key is not on {self.curve.name}") from err


ED25519 = Ed25519()
ECDSA_P256 = Ecdsa(
    ec.SECP256R1(),
    hashes.SHA256(),
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
)
ECDSA_P384 = Ecdsa(
    ec.SECP384R1(),
    hashes.SHA384(),
    int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
)
ECDSA_P521 = Ecdsa(
    ec.SECP521R1(),
    hashes.SHA512(),
    int(
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        16,
    ),
)
