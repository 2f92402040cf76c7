"""MLS at growing numbers of members, in the suites that the product uses.

"blank" is the tree right after one commit added everybody: nobody but the creator has set keys.
"full" is the tree when every parent node has keys. Creating and processing include encoding and
decoding. Everybody else's part is not measured: states are values, so a run can be repeated.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.figure import Figure, median_ms
from mifeng_crypto.mls.group import (
    Epoch,
    KeyPackageBundle,
    LeafIndex,
    PendingCommit,
    VerifiedKeyPackage,
    commit,
    create,
    create_key_package,
    decrypt,
    default_capabilities,
    encrypt,
    join,
    process_commit,
    stage_commit,
    verify_key_package,
)
from mifeng_crypto.mls.tree.tree_math import NodeIndex, direct_path, node_of
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import decode, encode

SIZES = (2, 10, 100, 1000, 3000)
NOW_S = 1_800_000_000
LIFETIME = Lifetime(NOW_S - 3600, NOW_S + 7 * 86_400)
RNG = random.Random(9420).randbytes
TEXT = bytes(1024)

# Targets at 1,000 members, in ms (and MB): suite 0x0001, suite 0xF002.
TARGETS: dict[str, tuple[float, float]] = {
    "KeyPackage": (0.3, 0.5),
    "add all the others": (400, 900),
    "the same, with the tree in the Welcome": (400, 900),
    "join": (110, 150),
    "add one, blank: create": (8, 12),
    "add one, blank: process": (2, 3),
    "remove one, blank: create": (90, 130),
    "remove one, blank: process": (3, 5),
    "update, full: create": (5, 8),
    "update, full: process": (2, 3),
    "message of 1 KiB: encrypt": (0.12, 0.12),
    "message of 1 KiB: decrypt": (0.12, 0.12),
    "load": (30, 50),
    "memory of one state": (3, 8),
}


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with keys, and the KeyPackage that it published."""

    signature_key: Secret
    identity: bytes
    bundle: KeyPackageBundle


def measure() -> Iterator[Figure]:
    """Measure both suites at all sizes."""
    for which, number in enumerate((0x0001, 0xF002)):
        suite = SUITES[number]
        members = [_member(suite, i) for i in range(max(SIZES))]
        for size in SIZES:
            for row, value in _measure(suite, members[:size]):
                yield Figure(
                    table=f"MLS, suite 0x{number:04x} ({suite.name})",
                    row=row,
                    column=f"{size:,}",
                    value=value,
                    unit="MB" if row.startswith("memory") else "ms",
                    target=TARGETS[row][which] if size == 1000 and row in TARGETS else None,
                )


def _member(suite: Suite, i: int) -> Member:
    signature_key = suite.generate_signature_key(rng=RNG).private
    identity = b"member %026d" % i
    return Member(signature_key, identity, _key_package(suite, signature_key, identity))


def _key_package(suite: Suite, signature_key: Secret, identity: bytes) -> KeyPackageBundle:
    return create_key_package(
        suite=suite,
        signature_key=signature_key,
        credential=BasicCredential(identity),
        capabilities=default_capabilities(),
        lifetime=LIFETIME,
        rng=RNG,
    )


def _measure(suite: Suite, members: list[Member]) -> Iterator[tuple[str, float]]:
    """Yield (row, milliseconds or MB) for one group of all these members."""
    founder, last = members[0], members[-1]
    few = 3 if len(members) >= 1000 else 10
    yield (
        "KeyPackage",
        median_ms(lambda: _key_package(suite, founder.signature_key, founder.identity), runs=50),
    )

    alone = _create(suite, founder)
    published = [encode(member.bundle.key_package) for member in members[1:]]
    yield "verify all KeyPackages", median_ms(lambda: _verified(published), runs=few)
    yield "add all the others", median_ms(lambda: _add_all(alone, founder, published), runs=few)
    whole = median_ms(lambda: _add_all(alone, founder, published, with_tree=True), runs=few)
    yield "the same, with the tree in the Welcome", whole
    added = _add_all(alone, founder, published)
    tree, welcome = encode(added.next.public.tree.to_wire()), added.welcome
    assert welcome is not None
    yield "join", median_ms(lambda: _join(welcome, last, tree), runs=few)
    yield "memory of one state", _memory_mb(welcome, last, tree)
    creator, follower = added.next, _join(welcome, last, tree)

    newcomer = VerifiedKeyPackage(_member(suite, 10_000).bundle.key_package)
    yield from _commits(
        "add one, blank", creator, follower, founder, {"add": (newcomer,), "path": False}
    )
    if len(members) > 2:  # else nobody is left who could process it
        removed = LeafIndex(len(members) // 2)
        yield from _commits("remove one, blank", creator, follower, founder, {"remove": (removed,)})
    creator, follower = _fill(creator, follower, members)
    yield from _commits("update, full", creator, follower, founder, {})
    yield from _messages(creator, follower, founder)
    parts = {at: part for at, part in follower.parts(None).items() if part is not None}
    yield "load", median_ms(lambda: Epoch.from_parts(parts), runs=few)


def _create(suite: Suite, founder: Member) -> Epoch:
    return create(
        suite=suite,
        group_id=bytes(20),
        signature_key=founder.signature_key,
        credential=BasicCredential(founder.identity),
        capabilities=default_capabilities(),
        lifetime=LIFETIME,
        rng=RNG,
    )


def _verified(published: list[bytes]) -> list[VerifiedKeyPackage]:
    return [verify_key_package(decode(KeyPackage, raw), now_s=NOW_S) for raw in published]


def _add_all(
    alone: Epoch, founder: Member, published: list[bytes], *, with_tree: bool = False
) -> PendingCommit:
    return commit(
        alone,
        signature_key=founder.signature_key,
        add=_verified(published),
        with_tree=with_tree,
        now_s=NOW_S,
        rng=RNG,
    )


def _join(welcome: bytes, member: Member, tree: bytes) -> Epoch:
    """As the product does it: the tree is stored once, and not in each Welcome."""
    return join(welcome, member.bundle, tree=decode(RatchetTreeExtension, tree)).epoch


def _memory_mb(welcome: bytes, last: Member, tree: bytes) -> float:
    tracemalloc.start()
    state = _join(welcome, last, tree)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del state
    return size / 1e6


def _commits(
    row: str, creator: Epoch, follower: Epoch, founder: Member, what: dict[str, object]
) -> Iterator[tuple[str, float]]:
    def make() -> PendingCommit:
        return commit(creator, signature_key=founder.signature_key, now_s=NOW_S, rng=RNG, **what)  # type: ignore[arg-type]

    message = make().message

    def process() -> Epoch:
        return process_commit(follower, stage_commit(follower.public, message, now_s=NOW_S))

    yield f"{row}: create", median_ms(make, runs=7)
    yield f"{row}: process", median_ms(process, runs=15)


def _messages(sender: Epoch, receiver: Epoch, founder: Member) -> Iterator[tuple[str, float]]:
    epochs, sent = [sender], list[bytes]()

    def one() -> None:
        epoch, message = encrypt(epochs[0], TEXT, signature_key=founder.signature_key, rng=RNG)
        epochs[0] = epoch
        sent.append(message)

    yield "message of 1 KiB: encrypt", median_ms(one, runs=300)
    waiting, receivers = iter(sent), [receiver]

    def read() -> None:
        receivers[0] = decrypt(receivers[0], next(waiting)).epoch

    yield "message of 1 KiB: decrypt", median_ms(read, runs=300)


# ------------------------------------------------------------------ the full tree


def _fill(creator: Epoch, follower: Epoch, members: list[Member]) -> tuple[Epoch, Epoch]:
    """Let every second member commit, so that each parent node has keys.

    All members share the secrets of an epoch but for the private keys of the tree: so one state
    can stand for each of them in turn, with its own keys put in.
    """
    keys = dict(creator.private_keys)
    for i, member in enumerate(members[1:], 1):
        keys[node_of(LeafIndex(i))] = member.bundle.leaf_private
    epoch = creator
    # From far apart to near: each commit finds as few blank nodes as it can.
    width = epoch.public.tree.n_leaves.bit_length() - 1
    for n in range(1 << width):
        i = int(f"{n:0{width}b}"[::-1], 2) if width else 0
        if i % 2 == 0 and i < len(members):
            epoch = _as_member(epoch, LeafIndex(i), keys)
            pending = commit(epoch, signature_key=members[i].signature_key, now_s=NOW_S, rng=RNG)
            epoch = pending.next
            keys |= epoch.private_keys
    return (
        _as_member(epoch, creator.own_leaf, keys),
        _as_member(epoch, follower.own_leaf, keys),
    )


def _as_member(epoch: Epoch, i: LeafIndex, keys: dict[NodeIndex, Secret]) -> Epoch:
    tree = epoch.public.tree
    known = {
        x: keys[x]
        for x in (node_of(i), *direct_path(i, tree.n_leaves))
        if tree.nodes[x] is not None
    }
    return replace(epoch, own_leaf=i, private_keys=known)
