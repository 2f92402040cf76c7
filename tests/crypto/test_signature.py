from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl import bindings

from mifeng_crypto import signature
from mifeng_crypto.errors import CryptoError, ProtocolError, UsageError
from mifeng_crypto.secret import Secret
from mifeng_crypto.signature import (
    ECDSA_P256,
    ECDSA_P384,
    ECDSA_P521,
    ED25519,
    P,
    SignatureScheme,
)
from tests.crypto.rng import seeded

SCHEMES = [ED25519, ECDSA_P256, ECDSA_P384, ECDSA_P521]
every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=["Ed25519", "P256", "P384", "P521"])

# Points of small order, both signs where x is not 0, and encodings with y >= p.
WEAK_KEYS = [
    *((y | sign << 255).to_bytes(32, "little") for y in signature.SMALL_ORDER_Y for sign in (0, 1)),
    *((P + y | sign << 255).to_bytes(32, "little") for y in range(19) for sign in (0, 1)),
]


@every_scheme
def test_a_signature_verifies_under_its_own_key_only(scheme: SignatureScheme) -> None:
    one, other = scheme.generate(seeded(1)), scheme.generate(seeded(2))
    signed = scheme.sign(one.private, b"data")
    scheme.verify(one.public, b"data", signed)
    for public, data, claimed in (
        (other.public, b"data", signed),
        (one.public, b"Data", signed),
        (one.public, b"data", signed[:-1]),
        (one.public, b"data", signed + b"\0"),
        (one.public, b"data", bytes(len(signed))),
        (one.public[:-1], b"data", signed),
        (b"", b"data", signed),
    ):
        with pytest.raises(CryptoError):
            scheme.verify(public, data, claimed)


@every_scheme
def test_a_generated_key_is_good_and_follows_from_its_rng(scheme: SignatureScheme) -> None:
    pair = scheme.generate(seeded(1))
    scheme.check_public_key(pair.public)
    assert pair == scheme.generate(seeded(1))
    assert len(pair.private) == scheme.private_bytes
    assert type(pair.private) is Secret


@every_scheme
def test_key_1_a_malformed_public_key_is_refused(scheme: SignatureScheme) -> None:
    public = scheme.generate(seeded(1)).public
    for bad in (b"", public[:-1], public + b"\0", b"\xff" * len(public)):
        with pytest.raises(ProtocolError, match="KEY-1"):
            scheme.check_public_key(bad)


@pytest.mark.parametrize("public", WEAK_KEYS)
def test_key_1_a_weak_ed25519_key_is_refused(public: bytes) -> None:
    with pytest.raises(ProtocolError, match="KEY-1"):
        signature.check_public_key(public)
    assert not bindings.crypto_core_ed25519_is_valid_point(public)


def test_key_1_a_compressed_point_is_refused() -> None:
    public = ECDSA_P256.generate(seeded(1)).public
    with pytest.raises(ProtocolError, match="KEY-1"):
        ECDSA_P256.check_public_key(bytes([2 + public[-1] % 2]) + public[1:33])


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_a_private_key_of_another_length_is_the_callers_fault(private: bytes) -> None:
    with pytest.raises(UsageError):
        signature.sign(private, b"data")
    with pytest.raises(UsageError):
        signature.public_of(private)


@pytest.mark.parametrize("scheme", [ECDSA_P256, ECDSA_P384, ECDSA_P521])
def test_a_scalar_out_of_range_is_no_private_key(scheme: signature.Ecdsa) -> None:
    for scalar in (0, scheme.order):
        with pytest.raises(UsageError):
            scheme.sign(scalar.to_bytes(scheme.private_bytes, "big"), b"data")


def test_the_public_key_of_a_seed_is_the_one_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert signature.public_of(seed) == public


def test_the_one_verifier_accepts_what_it_always_did(vectors_of: Callable[[str], Path]) -> None:
    """Another number would mean another libsodium rule: members of one group could disagree."""
    cases = json.loads((vectors_of("ed25519-edge") / "ed25519vectors.json").read_text())
    accepted = 0
    for case in cases:
        try:
            signature.verify(
                bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"])
            )
        except CryptoError:
            continue
        accepted += 1
    assert (len(cases), accepted) == (914, 43)
