"""What is a public key of a KEM: the cheap check refuses exactly what loading one refuses."""

from __future__ import annotations

import contextlib
import hashlib

import pytest

from mifeng_crypto.kem import P256, P384, P521, X25519, XWING, Kem

Q = 3329
KEMS = [X25519, P256, P384, P521, XWING]


def public_of(kem: Kem, n: int = 0) -> bytes:
    return kem.derive_key_pair(hashlib.sha512(b"key %d" % n).digest()[: kem.private_bytes]).public


def is_refused(kem: Kem, public: bytes) -> bool:
    """Whether both refuse it; they never differ."""
    refused = []
    for look in (kem.load_public, kem.check_public):
        refused.append(True)
        with contextlib.suppress(ValueError):
            look(public)
            refused[-1] = False
    assert refused[0] is refused[1], public.hex()
    return refused[0]


@pytest.mark.parametrize("kem", KEMS, ids=lambda kem: type(kem).__name__)
def test_a_key_passes_and_one_of_another_length_does_not(kem: Kem) -> None:
    public = public_of(kem)
    assert not is_refused(kem, public)
    for other in (b"", public[:-1], public + b"\0"):
        assert is_refused(kem, other)


def test_a_point_of_small_order_is_refused() -> None:
    assert is_refused(X25519, bytes(32))
    assert is_refused(XWING, public_of(XWING)[:1184] + bytes(32))


def with_coefficient(public: bytes, at: int, value: int) -> bytes:
    """A key of X-Wing with another coefficient of 12 bits."""
    packed = int.from_bytes(public[:1152], "little")
    packed &= ~(0xFFF << 12 * at)
    return (packed | value << 12 * at).to_bytes(1152, "little") + public[1152:]


def test_each_coefficient_of_ml_kem_is_below_q() -> None:
    public = public_of(XWING)
    for at in range(768):
        assert not is_refused(XWING, with_coefficient(public, at, Q - 1))
        assert is_refused(XWING, with_coefficient(public, at, Q))
        assert is_refused(XWING, with_coefficient(public, at, 0xFFF))


def test_a_large_coefficient_between_largest_ones_is_found_and_those_are_not() -> None:
    tail = public_of(XWING)[1152:]
    largest = sum(Q - 1 << 12 * at for at in range(768)).to_bytes(1152, "little") + tail
    assert not is_refused(XWING, largest)
    for at in (0, 1, 2, 383, 384, 766, 767):
        assert is_refused(XWING, with_coefficient(largest, at, Q))
    assert is_refused(XWING, b"\xff" * 1152 + tail)
    assert not is_refused(XWING, bytes(1152) + tail)
