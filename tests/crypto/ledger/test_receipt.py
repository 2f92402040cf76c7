"""RECEIPT-n: the server's signed word on what it has accepted; and the Merkle tree behind it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto import signature
from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ids import GroupId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.merkle import leaf_hash, paths_of, root_by_path
from mifeng_crypto.ledger.receipt import (
    Acceptance,
    Receipt,
    check_states,
    open_receipt,
    sign_receipts,
)
from mifeng_crypto.tls import decode, encode

KEY, OTHER_KEY = b"\x07" * 32, b"\x08" * 32
PUBLIC = signature.public_of(KEY)
WORKSPACE = WorkspaceId(b"w" * 16)


def acceptance(n: int) -> Acceptance:
    group = GroupId(UnitId(b"u" * 16), 0)
    return Acceptance(WORKSPACE, group, n, hashlib.sha256(b"%d" % n).digest(), UnixMillis(1000 + n))


def receipts(n: int) -> tuple[bytes, ...]:
    return sign_receipts([acceptance(i) for i in range(n)], workspace_id=WORKSPACE, signing_key=KEY)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 64, 100])
def test_each_of_those_signed_together_has_its_own_receipt(n: int) -> None:
    made = receipts(n)
    assert [open_receipt(data, public_key=PUBLIC) for data in made] == [
        acceptance(i) for i in range(n)
    ]
    assert len({decode(Receipt, data).signature for data in made}) == 1


@given(data=st.data())
def test_no_mutated_receipt_is_accepted_receipt_1(data: st.DataObject) -> None:
    made = bytearray(receipts(5)[data.draw(st.integers(0, 4))])
    made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError, match="RECEIPT-[12]"):
        open_receipt(bytes(made), public_key=PUBLIC)


def test_a_receipt_by_another_key_is_refused_receipt_2() -> None:
    with pytest.raises(ProtocolError, match="RECEIPT-2"):
        open_receipt(receipts(1)[0], public_key=signature.public_of(OTHER_KEY))


def test_a_receipt_for_something_else_is_refused_receipt_3() -> None:
    found = open_receipt(receipts(2)[1], public_key=PUBLIC)
    check_states(found, acceptance(1))
    for other in (
        acceptance(0),
        dataclasses.replace(found, retain_until=UnixMillis(0)),
        dataclasses.replace(found, hash=bytes(32)),
    ):
        with pytest.raises(ProtocolError, match="RECEIPT-3"):
            check_states(found, other)


def test_a_receipt_of_another_version_is_refused_receipt_1() -> None:
    other = dataclasses.replace(decode(Receipt, receipts(1)[0]), version=2)
    with pytest.raises(ProtocolError, match="RECEIPT-1"):
        open_receipt(encode(other), public_key=PUBLIC)


@given(st.integers(1, 70))
def test_every_path_leads_to_the_root(size: int) -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(size)]
    root, paths = paths_of(leaves)
    for n, (leaf, path) in enumerate(zip(leaves, paths, strict=True)):
        assert root_by_path(leaf, n, size, path) == root
        if path:
            with pytest.raises(CryptoError):
                root_by_path(leaf, n, size, path[:-1])
            assert _root_or_none(leaf, (n + 1) % size, size, path) != root


def _root_or_none(leaf: bytes, index: int, size: int, path: tuple[bytes, ...]) -> bytes | None:
    try:
        return root_by_path(leaf, index, size, path)
    except CryptoError:
        return None


def test_the_published_inclusion_proofs_are_judged_as_they_say(
    vectors_of: Callable[[str], Path],
) -> None:
    cases = json.loads((vectors_of("merkle") / "inclusion.json").read_text(encoding="utf-8"))
    assert len(cases) > 90
    for case in cases:
        leaf = base64.b64decode(case["leafHash"] or "")
        path = [base64.b64decode(step) for step in case["proof"] or []]
        root = base64.b64decode(case["root"] or "")
        found = _root_or_none(leaf, case["leafIdx"], case["treeSize"], tuple(path))
        # Our structs hold hashes of 32 bytes and no others.
        right = found == root and len(leaf) == 32
        assert right is not case["wantErr"], case["file"]
