"""HPKE, X-Wing and Ed25519 as published, and wycheproof for the wheels in use."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric import mlkem

from mifeng_crypto import signature
from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.hpke import Hpke
from mifeng_crypto.kem import P256, P384, P521, X25519, XWING, Kem, LabeledKdf
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES
from tests.conformance.case import Case, Skipped, b

_KEMS = {kem.id: kem for kem in (X25519, P256, P384, P521, XWING)}
_OTHER_KEMS = {0x21: "X448", 0x40: "ML-KEM-512", 0x41: "ML-KEM-768 alone", 0x42: "ML-KEM-1024"}
_OTHER_KEMS |= {0x50: "ML-KEM-768 with P-256", 0x51: "ML-KEM-1024 with P-384"}
_EXPORT_ONLY = 0xFFFF


def check_hpke(case: Case) -> None:
    """DeriveKeyPair, decapsulation, opening, export; and export in both directions."""
    kem = _KEMS.get(case["kem_id"])
    if kem is None:
        raise Skipped(f"KEM {_OTHER_KEMS[case['kem_id']]}")
    pair = kem.derive_key_pair(b(case["ikmR"]))
    assert (pair.private, pair.public) == (b(case["skRm"]), b(case["pkRm"]))
    # A fresh Secret: the private key must also work from its bytes alone.
    private = Secret(b(case["skRm"]))
    assert kem.decapsulate(private, b(case["enc"])) == b(case["shared_secret"])
    if case["kdf_id"] > 3:
        raise Skipped("KDF SHAKE or TurboSHAKE (its key pair and shared secret passed)")
    scheme = _scheme(kem, case)
    if case["encryptions"]:
        first = case["encryptions"][0]
        opened = openssl.hpke._decrypt_with_aad(
            scheme.library,
            b(case["enc"] + first["ct"]),
            kem.load_private(private),
            b(case["info"]),
            b(first["aad"]),
        )
        assert opened == b(first["pt"])
    for export in case["exports"]:
        context, n = b(export["exporter_context"]), export["L"]
        exported = scheme.export_from(private, b(case["info"]), b(case["enc"]), context, n)
        assert exported == b(export["exported_value"])
    rng = random.Random(9180).randbytes
    sent, kem_output = scheme.export_to(pair.public, b"info", b"context", 32, rng=rng)
    assert scheme.export_from(private, b"info", kem_output, b"context", 32) == sent


def _scheme(kem: Kem, case: Case) -> Hpke:
    if case["aead_id"] != _EXPORT_ONLY:
        return Hpke.of(kem, case["kdf_id"], case["aead_id"])
    some = Hpke.of(kem, case["kdf_id"], 1)
    suite_id = some.kdf.suite_id[:-2] + _EXPORT_ONLY.to_bytes(2, "big")
    return replace(some, kdf=LabeledKdf(some.hash, suite_id))


def check_xwing(case: Case) -> None:
    private = Secret(b(case["sk"]))
    public = XWING.public_of(private)
    assert public == b(case["pk"])
    assert XWING.decapsulate(private, b(case["ct"])) == b(case["ss"])


def check_ed25519_edge(case: Case) -> None:
    """A weak key is refused at the door, and verifies nothing either."""
    weak = {"low_order_A", "non_canonical_A"} & set(case["flags"] or ())
    refused = _refuses(ProtocolError, lambda: signature.check_public_key(b(case["key"])))
    assert refused == bool(weak)
    data, signed = case["msg"].encode(), b(case["sig"])
    if weak:
        assert _refuses(CryptoError, lambda: signature.verify(b(case["key"]), data, signed))


def check_wycheproof_ed25519(case: Case) -> None:
    public = b(case["group"]["publicKey"]["pk"])
    data, signed = b(case["msg"]), b(case["sig"])
    refused = _refuses(CryptoError, lambda: signature.verify(public, data, signed))
    assert refused == (case["result"] == "invalid")


def check_wycheproof_aead(case: Case) -> None:
    suites = {("AES", 128): 1, ("AES", 256): 0xF002, ("ChaCha20", 256): 3}
    cipher = "ChaCha20" if "chacha" in case["file"] else "AES"
    number = suites.get((cipher, case["group"]["keySize"]))
    if number is None or case["group"]["ivSize"] != 96:
        raise Skipped("AES-192, or a nonce of another length than 12")
    suite = SUITES[number]
    key, nonce, aad = b(case["key"]), b(case["iv"]), b(case["aad"])
    sealed = b(case["ct"] + case["tag"])
    if case["result"] == "invalid":
        assert _refuses(CryptoError, lambda: suite.aead_open(key, nonce, aad, sealed))
    else:
        assert suite.aead_open(key, nonce, aad, sealed) == b(case["msg"])
        assert suite.aead_seal(key, nonce, aad, b(case["msg"])) == sealed


def check_wycheproof_hkdf(case: Case) -> None:
    by_hash = {"sha256": 1, "sha384": 7, "sha512": 5}
    suite = SUITES[by_hash[case["file"].split("_")[1]]]
    prk = suite.extract(b(case["salt"]), b(case["ikm"]))
    if case["result"] == "invalid":
        assert _refuses(ValueError, lambda: suite.expand(prk, b(case["info"]), case["size"]))
    else:
        assert suite.expand(prk, b(case["info"]), case["size"]) == b(case["okm"])


def check_wycheproof_hmac(case: Case) -> None:
    if case["group"]["tagSize"] != 256:
        raise Skipped("a truncated tag")
    suite, tag = SUITES[1], b(case["tag"])
    refused = _refuses(CryptoError, lambda: suite.verify_mac(b(case["key"]), b(case["msg"]), tag))
    assert refused == (case["result"] == "invalid")


def check_wycheproof_x25519(case: Case) -> None:
    """An all-zero shared secret is refused (RFC 9180 section 7.1.4), everything else agrees."""
    private, public = b(case["private"]), b(case["public"])

    def exchange() -> bytes:
        return X25519.load_private(private).exchange(X25519.load_public(public))

    if b(case["shared"]) == bytes(32):
        assert _refuses(ValueError, exchange)
    else:
        assert exchange() == b(case["shared"])


def check_wycheproof_mlkem(case: Case) -> None:
    if "ek" in case and "seed" not in case:  # encapsulation: only the check of the key is ours
        if case["result"] == "invalid":
            assert _refuses(
                ValueError, lambda: mlkem.MLKEM768PublicKey.from_public_bytes(b(case["ek"]))
            )
        else:
            mlkem.MLKEM768PublicKey.from_public_bytes(b(case["ek"]))
        return

    def decapsulate() -> bytes:
        key = mlkem.MLKEM768PrivateKey.from_seed_bytes(b(case["seed"]))
        assert key.public_key().public_bytes_raw() == b(case["ek"])
        return key.decapsulate(b(case["c"])) if "c" in case else b""

    if case["result"] == "invalid":
        assert _refuses(ValueError, decapsulate)
    elif "K" in case:
        assert decapsulate() == b(case["K"])
    else:
        decapsulate()


def _refuses(error: type[Exception], act: Callable[[], object]) -> bool:
    try:
        act()
    except error:
        return True
    return False
