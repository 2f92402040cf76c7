"""Small inputs that ask for much: lengths, counts and depths are refused before they cost anything.

They are made here and not stored: some are megabytes of one byte. What is counted are calls of
functions, so that a busy machine decides nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import pytest

from mifeng_crypto.errors import CodecError, MifengError, ProtocolError
from mifeng_crypto.mls.group import PublicGroup, group_info, stage_commit
from mifeng_crypto.mls.wire.commit import Commit, HPKECiphertext, UpdatePath, UpdatePathNode
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import Capabilities
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import ParentNode, RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import (
    Add,
    GroupContextExtensions,
    Proposal,
    ProposalByReference,
    Remove,
)
from mifeng_crypto.mls.wire.welcome import Welcome
from mifeng_crypto.tls import MAX_ELEMENTS, decode, encode
from tests.vectors_own.faults_proposals import newcomer, psk
from tests.vectors_own.mallory import Path, forge_commit
from tests.vectors_own.members import NOW_S, Scene, group_of_seven
from tests.vectors_own.signing import HashRng

LIMIT = 16 * MAX_ELEMENTS
"""Calls, of Python's and C's functions: so many for each element that a vector may have."""
MIB = 1 << 20


def length(n: int) -> bytes:
    return (n | 0x8000_0000).to_bytes(4, "big")


@cache
def scene() -> Scene:
    return group_of_seven()


def work_of(call: Callable[[], object]) -> tuple[int, Exception | None]:
    """Return how many functions a call calls, and how it ends."""
    calls, ended = 0, None

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    except MifengError as err:
        ended = err
    finally:
        sys.setprofile(before)
    return calls, ended


def check_refused(call: Callable[[], object]) -> None:
    """Hold a call to be refused, for little."""
    calls, ended = work_of(call)
    assert isinstance(ended, CodecError | ProtocolError)
    assert calls <= LIMIT


# ------------------------------------------------------------------ undecodable

BYTES = {
    "a length of 2^30-1 and nothing behind it": (Welcome, b"\0\1" + length(2**30 - 1)),
    "a length that is not minimal": (Welcome, b"\0\1" + length(3) + bytes(3) + b"\0"),
    "the length prefix 0b11": (Welcome, b"\0\1" + b"\xff" * 8),
    "eight MiB of zeros for capabilities": (Capabilities, length(8 * MIB) + bytes(8 * MIB)),
    "eight MiB of blank nodes": (RatchetTreeExtension, length(8 * MIB) + bytes(8 * MIB)),
    "one node more than a tree may have": (
        RatchetTreeExtension,
        length(MAX_ELEMENTS + 1) + bytes(MAX_ELEMENTS + 1),
    ),
    "eight MiB of present nodes": (RatchetTreeExtension, length(8 * MIB) + b"\1" * 8 * MIB),
    "eight MiB of empty secrets": (Welcome, b"\0\1" + length(8 * MIB) + bytes(8 * MIB)),
    "eight MiB of empty references": (Commit, length(8 * MIB) + b"\2\0" * 4 * MIB),
    "eight MiB of empty path nodes": (
        UpdatePathNode,
        b"\0" + length(8 * MIB) + bytes(8 * MIB),
    ),
    "eight MiB of unmerged leaves": (ParentNode, b"\0\0" + length(8 * MIB) + bytes(8 * MIB)),
    "eight MiB of nothing": (MLSMessage, bytes(8 * MIB)),
    "eight MiB of ones": (MLSMessage, b"\xff" * 8 * MIB),
}


@pytest.mark.parametrize("what", BYTES)
def test_bytes_are_refused_at_once(what: str) -> None:
    kind, data = BYTES[what]
    check_refused(lambda: decode(kind, data))


def test_a_huge_length_anywhere_in_a_message_is_refused_at_once() -> None:
    good = forge_commit(scene()["fred"], Add(newcomer())).message
    for at in range(len(good) - 4):
        data = good[:at] + length(2**30 - 1) + good[at + 4 :]
        calls, ended = work_of(partial(decode, MLSMessage, data))
        assert ended is None or isinstance(ended, CodecError)  # a field with another value
        assert calls <= LIMIT


def test_a_message_cut_anywhere_is_refused() -> None:
    good = forge_commit(scene()["fred"], Add(newcomer())).message
    for end in range(len(good)):
        with pytest.raises(CodecError):
            decode(MLSMessage, good[:end])


# ------------------------------------------------------------------ decodable, signed, and too much


def repeat(proposal: Proposal | ProposalByReference, n: int) -> bytes:
    fred = scene()["fred"]
    return forge_commit(fred, *(proposal,) * n, path=None).message


def long_path(path: UpdatePath) -> UpdatePath:
    rng = HashRng("long path")
    nodes = tuple(UpdatePathNode(rng(32), ()) for _ in range(16_000))
    return replace(path, nodes=nodes)


def many_ciphertexts(path: UpdatePath) -> UpdatePath:
    sealed = (HPKECiphertext(b"", b""),) * MAX_ELEMENTS
    first = replace(path.nodes[0], encrypted_path_secret=sealed)
    return replace(path, nodes=(first, *path.nodes[1:]))


def many_types() -> GroupContextExtensions:
    return GroupContextExtensions(tuple(Extension(n, b"") for n in range(6, 16_000)))


COMMITS: dict[str, Callable[[], bytes]] = {
    "16,000 references": lambda: repeat(ProposalByReference(b""), 16_000),
    "16,000 Removes of one member": lambda: repeat(Remove(0), 16_000),
    "16,000 equal PSKs": lambda: repeat(psk(), 16_000),
    "2,000 equal Adds": lambda: repeat(Add(newcomer()), 2_000),
    "16,000 extensions": lambda: repeat(many_types(), 1),
    "16,000 path nodes": lambda: forge_commit(scene()["fred"], path=Path(done=long_path)).message,
    "16,384 ciphertexts in a path node": lambda: (
        forge_commit(scene()["fred"], path=Path(done=many_ciphertexts)).message
    ),
}


@pytest.mark.parametrize("what", COMMITS)
def test_a_signed_commit_of_too_much_is_refused_at_once(what: str) -> None:
    """Decoding a megabyte of structs takes its time; what follows on it is bounded."""
    message = decode(MLSMessage, COMMITS[what]())
    public = scene()["carl"].now.public
    check_refused(lambda: stage_commit(public, message, now_s=NOW_S))


def test_a_tree_of_blanks_is_refused_at_once() -> None:
    fred = scene()["fred"]
    info = group_info(fred.now, signature_key=fred.key)
    leaf = fred.now.leaf
    blanks = RatchetTreeExtension((None,) * MAX_ELEMENTS)
    check_refused(lambda: PublicGroup.from_group_info(info, tree=blanks))
    same = RatchetTreeExtension((leaf, None) * 8_000 + (leaf,))
    check_refused(lambda: PublicGroup.from_group_info(info, tree=same))


def test_unmerged_leaves_without_end_are_refused_at_once() -> None:
    fred = scene()["fred"]
    info = group_info(fred.now, signature_key=fred.key)
    wire = list(fred.now.public.tree.to_wire().ratchet_tree)
    parent = wire[3]
    assert isinstance(parent, ParentNode)
    wire[3] = replace(parent, unmerged_leaves=tuple(range(MAX_ELEMENTS)))
    tree = RatchetTreeExtension(tuple(wire))
    check_refused(lambda: PublicGroup.from_group_info(info, tree=tree))


def test_capabilities_without_end_cost_nothing() -> None:
    """They are valid, and everybody may have some."""
    values = tuple(range(0x1000, 0x1000 + 16_000))
    package = newcomer(
        capabilities=Capabilities(
            (1, *values),
            values,
            (*values, 0xF100, 0xF101, 0xF102),
            (0xF200, *values),
            (1, 0xF300, *values),
        )
    )
    assert isinstance(decode(KeyPackage, encode(package)), KeyPackage)
    message = decode(MLSMessage, forge_commit(scene()["fred"], Add(package)).message)
    public = scene()["carl"].now.public
    calls, ended = work_of(lambda: stage_commit(public, message, now_s=NOW_S))
    assert ended is None
    assert calls <= LIMIT
