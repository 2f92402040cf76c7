"""Key encapsulation (RFC 9180 section 4.1; X-Wing): keys derived, parsed, encapsulated to.

DeriveKeyPair is that of RFC 9180 section 7.1.3 and, for X-Wing, of draft-ietf-hpke-pq section 4.

A private key is the serialization of its KEM: 32 bytes for X25519, a fixed-width big-endian scalar
for the NIST curves, the 32-byte seed for X-Wing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from nacl.exceptions import CryptoError as NaClError

from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

__all__ = [
    "P256",
    "P384",
    "P521",
    "X25519",
    "XWING",
    "Encapsulated",
    "HpkeKeyPair",
    "Kem",
    "LabeledKdf",
    "check_xwing_public",
    "extract",
]

PublicKey = x25519.X25519PublicKey | ec.EllipticCurvePublicKey | hpke.MLKEM768X25519PublicKey
PrivateKey = x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey | hpke.MLKEM768X25519PrivateKey


class HpkeKeyPair(NamedTuple):
    """A key pair in the serialization of its KEM."""

    private: Secret
    public: bytes


class Encapsulated(NamedTuple):
    """A fresh shared secret and what its recipient needs for it."""

    shared_secret: Secret
    kem_output: bytes


class Kem(Protocol):
    """A key encapsulation mechanism. Malformed keys raise `ValueError`, as in the library."""

    @property
    def id(self) -> int: ...
    @property
    def library(self) -> hpke.KEM: ...
    @property
    def private_bytes(self) -> int: ...
    @property
    def public_bytes(self) -> int: ...
    @property
    def enc_bytes(self) -> int: ...
    def derive_key_pair(self, ikm: bytes) -> HpkeKeyPair: ...
    def load_private(self, private: bytes) -> PrivateKey: ...
    def load_public(self, public: bytes) -> PublicKey: ...
    def check_public(self, public: bytes) -> None: ...
    def encapsulate(self, public: bytes, rng: Rng) -> Encapsulated: ...
    def decapsulate(self, private: bytes, kem_output: bytes) -> Secret: ...


# ------------------------------------------------------------------ labeled HKDF, section 4


def extract(algorithm: hashes.HashAlgorithm, salt: bytes, ikm: bytes) -> bytes:
    """HKDF-Extract (RFC 5869)."""
    return HKDF.extract(algorithm, salt, ikm)


@dataclass(frozen=True, slots=True)
class LabeledKdf:
    """LabeledExtract and LabeledExpand of RFC 9180 section 4 under one suite_id."""

    algorithm: hashes.HashAlgorithm
    suite_id: bytes

    def extract(self, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return extract(self.algorithm, salt, b"HPKE-v1" + self.suite_id + label + ikm)

    def expand(self, prk: bytes, label: bytes, info: bytes, n: int) -> Secret:
        labeled = n.to_bytes(2, "big") + b"HPKE-v1" + self.suite_id + label + info
        return Secret(HKDFExpand(self.algorithm, n, labeled).derive(prk))


def _extract_and_expand(kdf: LabeledKdf, dh: bytes, kem_context: bytes) -> Secret:
    """RFC 9180 section 4.1; the shared secret of a DHKEM is as long as its hash."""
    eae_prk = kdf.extract(b"", b"eae_prk", dh)
    return kdf.expand(eae_prk, b"shared_secret", kem_context, kdf.algorithm.digest_size)


# ------------------------------------------------------------------ the KEMs


@dataclass(frozen=True, slots=True)
class _X25519:
    """DHKEM(X25519, HKDF-SHA256), RFC 9180 section 4.1."""

    id: int = 0x0020
    library: hpke.KEM = hpke.KEM.X25519
    private_bytes: int = 32
    public_bytes: int = 32
    enc_bytes: int = 32
    kdf: LabeledKdf = LabeledKdf(hashes.SHA256(), b"KEM\x00\x20")

    def derive_key_pair(self, ikm: bytes) -> HpkeKeyPair:
        dkp_prk = self.kdf.extract(b"", b"dkp_prk", ikm)
        private = self.kdf.expand(dkp_prk, b"sk", b"", self.private_bytes)
        return HpkeKeyPair(private, crypto_scalarmult_base(private))

    def load_private(self, private: bytes) -> x25519.X25519PrivateKey:
        if isinstance(private, Secret):
            return private.parsed(_x25519_private)
        return _x25519_private(private)

    def load_public(self, public: bytes) -> x25519.X25519PublicKey:
        return _x25519_public(public)

    def check_public(self, public: bytes) -> None:
        """Raise ValueError for what `load_public` would not take."""
        self.load_public(public)

    def encapsulate(self, public: bytes, rng: Rng) -> Encapsulated:
        ephemeral = self.derive_key_pair(rng(self.private_bytes))
        dh = _x25519(ephemeral.private, public)
        shared_secret = _extract_and_expand(self.kdf, dh, ephemeral.public + public)
        return Encapsulated(shared_secret, ephemeral.public)

    def decapsulate(self, private: bytes, kem_output: bytes) -> Secret:
        key = self.load_private(private)
        dh = key.exchange(self.load_public(kem_output))
        own = key.public_key().public_bytes_raw()
        return _extract_and_expand(self.kdf, dh, kem_output + own)


# The u-coordinates of the points of small order (RFC 7748 section 6.1: an all-zero result).
_P = 2**255 - 19
_U_OF_ORDER_8 = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
_V_OF_ORDER_8 = bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")
_SMALL_ORDER_U = frozenset(
    {0, 1, _P - 1, *(int.from_bytes(u, "little") for u in (_U_OF_ORDER_8, _V_OF_ORDER_8))}
)


def _x25519_public(public: bytes) -> x25519.X25519PublicKey:
    """Refuse a key to which nobody can encrypt where it enters, and not when it is used."""
    _check_order(public)
    return x25519.X25519PublicKey.from_public_bytes(public)


def _check_order(public: bytes) -> None:
    if (int.from_bytes(public, "little") & (2**255 - 1)) % _P in _SMALL_ORDER_U:
        raise ValueError("this X25519 public key is of small order")


def _x25519(ephemeral: bytes, public: bytes) -> bytes:
    """X25519 with a key that is used once: libsodium needs no object for it, and half the time."""
    if len(ephemeral) != 32 or len(public) != 32:
        raise ValueError("a key of X25519 has 32 bytes")
    try:
        return crypto_scalarmult(ephemeral, public)
    except NaClError as err:
        raise ValueError("this X25519 public key is of small order") from err


def _x25519_private(private: bytes) -> x25519.X25519PrivateKey:
    return x25519.X25519PrivateKey.from_private_bytes(private)


@dataclass(frozen=True, slots=True)
class _Nist:
    """DHKEM(P-256, P-384 or P-521), RFC 9180 section 4.1."""

    id: int
    library: hpke.KEM
    curve: ec.EllipticCurve
    kdf: LabeledKdf
    bitmask: int

    @property
    def private_bytes(self) -> int:
        return (self.curve.key_size + 7) // 8

    @property
    def public_bytes(self) -> int:
        return 1 + 2 * self.private_bytes

    @property
    def enc_bytes(self) -> int:
        return self.public_bytes

    def derive_key_pair(self, ikm: bytes) -> HpkeKeyPair:
        dkp_prk = self.kdf.extract(b"", b"dkp_prk", ikm)
        for counter in range(256):
            label, info = b"candidate", bytes([counter])
            candidate = bytearray(self.kdf.expand(dkp_prk, label, info, self.private_bytes))
            candidate[0] &= self.bitmask
            private = Secret(candidate)
            try:
                key = private.parsed(self._parse)
            except ValueError:  # zero, or not below the order
                continue
            return HpkeKeyPair(private, _uncompressed(key.public_key()))
        raise AssertionError("256 candidates in a row are no scalars: the hash is broken")

    def load_private(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return private.parsed(self._parse) if isinstance(private, Secret) else self._parse(private)

    def _parse(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        if len(private) != self.private_bytes:
            raise ValueError("a private key has the wrong length")
        return ec.derive_private_key(int.from_bytes(private, "big"), self.curve)

    def load_public(self, public: bytes) -> ec.EllipticCurvePublicKey:
        if len(public) != self.public_bytes:  # only uncompressed points, section 7.1.1
            raise ValueError("a public key has the wrong length")
        return ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)

    def check_public(self, public: bytes) -> None:
        """Raise ValueError for what `load_public` would not take."""
        self.load_public(public)

    def encapsulate(self, public: bytes, rng: Rng) -> Encapsulated:
        ephemeral = self.derive_key_pair(rng(self.private_bytes))
        dh = self.load_private(ephemeral.private).exchange(ec.ECDH(), self.load_public(public))
        shared_secret = _extract_and_expand(self.kdf, dh, ephemeral.public + public)
        return Encapsulated(shared_secret, ephemeral.public)

    def decapsulate(self, private: bytes, kem_output: bytes) -> Secret:
        key = self.load_private(private)
        dh = key.exchange(ec.ECDH(), self.load_public(kem_output))
        own = _uncompressed(key.public_key())
        return _extract_and_expand(self.kdf, dh, kem_output + own)


def _uncompressed(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


class _XWingParts(NamedTuple):
    """What a seed of X-Wing expands to, and the two together as the library wants them."""

    mlkem: mlkem.MLKEM768PrivateKey
    x25519: x25519.X25519PrivateKey
    both: hpke.MLKEM768X25519PrivateKey


@dataclass(frozen=True, slots=True)
class _XWing:
    """X-Wing (draft-connolly-cfrg-xwing-kem), DeriveKeyPair of draft-ietf-hpke-pq.

    A public key is ML-KEM-768's 1,184 bytes || X25519's 32; a KEM output 1,088 || 32.
    """

    id: int = 0x647A
    library: hpke.KEM = hpke.KEM.MLKEM768_X25519
    private_bytes: int = 32
    public_bytes: int = 1216
    enc_bytes: int = 1120

    def derive_key_pair(self, ikm: bytes) -> HpkeKeyPair:
        private = Secret(_labeled_derive(self.id, ikm, b"DeriveKeyPair", self.private_bytes))
        return HpkeKeyPair(private, self.public_of(private))

    def public_of(self, private: bytes) -> bytes:
        parts = self._parts(private)
        public_m = parts.mlkem.public_key().public_bytes_raw()
        return public_m + parts.x25519.public_key().public_bytes_raw()

    def load_private(self, private: bytes) -> hpke.MLKEM768X25519PrivateKey:
        return self._parts(private).both

    def _parts(self, private: bytes) -> _XWingParts:
        return (
            private.parsed(_xwing_parts) if isinstance(private, Secret) else _xwing_parts(private)
        )

    def load_public(self, public: bytes) -> hpke.MLKEM768X25519PublicKey:
        return hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]),
            _x25519_public(public[1184:]),
        )

    def check_public(self, public: bytes) -> None:
        """Raise ValueError for what `load_public` would not take."""
        check_xwing_public(public)
        _check_modulus(public[:1152])

    def encapsulate(self, public: bytes, rng: Rng) -> Encapsulated:
        """As section 5.4 of the draft; the library draws ML-KEM's randomness itself."""
        ss_m, ct_m = mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
        pk_x = public[1184:]
        ephemeral = rng(32)
        ss_x = _x25519(ephemeral, pk_x)
        ct_x = crypto_scalarmult_base(ephemeral)
        return Encapsulated(_xwing_combine(ss_m, ss_x, ct_x, pk_x), ct_m + ct_x)

    def decapsulate(self, private: bytes, kem_output: bytes) -> Secret:
        parts = self._parts(private)
        ct_m, ct_x = kem_output[:1088], kem_output[1088:]
        ss_m = parts.mlkem.decapsulate(ct_m)
        ss_x = parts.x25519.exchange(x25519.X25519PublicKey.from_public_bytes(ct_x))
        return _xwing_combine(ss_m, ss_x, ct_x, parts.x25519.public_key().public_bytes_raw())


def _labeled_derive(kem_id: int, ikm: bytes, label: bytes, n: int) -> bytes:
    """LabeledDerive of draft-ietf-hpke-pq, with SHAKE256 and an empty context."""
    suite_id = b"KEM" + kem_id.to_bytes(2, "big")
    labeled = ikm + b"HPKE-v1" + suite_id + len(label).to_bytes(2, "big") + label
    return hashes.Hash.hash(hashes.SHAKE256(n), labeled + n.to_bytes(2, "big"))


def check_xwing_public(public: bytes) -> None:
    """Check a public key as far as that costs next to nothing: ML-KEM's half only by its length.

    Raises:
        ValueError: the length is another, or the half of X25519 is of small order.
    """
    if len(public) != XWING.public_bytes:
        raise ValueError("a public key of X-Wing has 1,216 bytes")
    _check_order(public[1184:])


# FIPS 203 section 7.2: each of the 768 coefficients of an encapsulation key, 12 bits each, is below
# q. The library checks that too, and expands the key's matrix along with it, which takes several
# times as long: too much for a path, of whose ten keys hardly one is ever used here. So all of them
# are compared at once: in lanes of 24 bits, which hold one each, adding 2^12 - q carries into bit
# 12 exactly where one is not below q, and never into the next lane.
_Q = 3329
_LANE = int.from_bytes(b"\x01\x00\x00" * 384, "little")
_COEFFICIENT, _UP_TO_CARRY, _CARRY = 0xFFF * _LANE, (4096 - _Q) * _LANE, 0x1000 * _LANE


def _check_modulus(packed: bytes) -> None:
    both = int.from_bytes(packed, "little")
    for lanes in (both & _COEFFICIENT, both >> 12 & _COEFFICIENT):
        if lanes + _UP_TO_CARRY & _CARRY:
            raise ValueError("an encapsulation key of ML-KEM has a coefficient that is too large")


def _xwing_parts(seed: bytes) -> _XWingParts:
    """expandDecapsulationKey, section 5.2 of the X-Wing draft."""
    if len(seed) != 32:
        raise ValueError("a seed of X-Wing has 32 bytes")
    expanded = hashes.Hash.hash(hashes.SHAKE256(96), seed)
    m = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x = _x25519_private(expanded[64:])
    return _XWingParts(m, x, hpke.MLKEM768X25519PrivateKey(m, x))


def _xwing_combine(ss_m: bytes, ss_x: bytes, ct_x: bytes, pk_x: bytes) -> Secret:
    """The combiner, section 5.3 of the X-Wing draft; its label draws an X-wing fighter."""
    return Secret(hashes.Hash.hash(hashes.SHA3_256(), ss_m + ss_x + ct_x + pk_x + b"\\.//^\\"))


X25519 = _X25519()
P256 = _Nist(
    0x0010, hpke.KEM.P256, ec.SECP256R1(), LabeledKdf(hashes.SHA256(), b"KEM\x00\x10"), 0xFF
)
P384 = _Nist(
    0x0011, hpke.KEM.P384, ec.SECP384R1(), LabeledKdf(hashes.SHA384(), b"KEM\x00\x11"), 0xFF
)
P521 = _Nist(
    0x0012, hpke.KEM.P521, ec.SECP521R1(), LabeledKdf(hashes.SHA512(), b"KEM\x00\x12"), 0x01
)
XWING = _XWing()
