"""KeyPackages that are not valid (RFC 9420 sections 10, 10.1 and 7.3), alone and in an Add."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromCommit, FromKeyPackage, FromUpdate, Lifetime
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.proposal import Add
from mifeng_crypto.suite import SUITES
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.mallory import forge_commit
from tests.vectors_own.members import NOW_S, UNKNOWN_EXTENSION, Person, Scene
from tests.vectors_own.signing import flip, sign_key_package, sign_leaf

P25519 = 2**255 - 19
SMALL_ORDER_ED25519 = {
    "the neutral point": (1).to_bytes(32, "little"),
    "a point of order 2": (P25519 - 1).to_bytes(32, "little"),
    "a point of order 4": bytes(32),
    "a point of order 8": bytes.fromhex(
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
    ),
}
SMALL_ORDER_X25519 = {
    "zero": bytes(32),
    "one": (1).to_bytes(32, "little"),
    "p minus one": (P25519 - 1).to_bytes(32, "little"),
    "p": P25519.to_bytes(32, "little"),
    "p plus one": (P25519 + 1).to_bytes(32, "little"),
    "a point of order 8": bytes.fromhex(
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
    ),
}


class Fault(NamedTuple):
    """A KeyPackage, and why it is refused."""

    rule: str
    what: str
    package: KeyPackage


def faults_of_the_package(who: Person, good: KeyPackage) -> Iterator[Fault]:
    """Yield what is wrong outside of the leaf; signed by its owner unless that is the fault."""
    leaf, other = good.leaf_node, Person("somebody else")
    for version in (0, 2, 0xFFFF):
        yield Fault("10.1-1", f"version {version}", who.signed_package(good, version=version))
    for number in (0, 4, 6, 0x0A0A, 0xFFFF):
        what = f"unknown cipher suite {number}"
        yield Fault("10.1-1", what, who.signed_package(good, cipher_suite=number))
    for source, name in ((FromUpdate(), "update"), (FromCommit(b""), "commit")):
        changed = replace(leaf, source=source)
        yield Fault("10.1-2", f"leaf of source {name}", who.signed_package(good, leaf=changed))
    wrong = {
        "signature flipped": replace(good, signature=flip(good.signature)),
        "signature empty": replace(good, signature=b""),
        "signature cut": replace(good, signature=good.signature[:-1]),
        "signature longer": replace(good, signature=good.signature + b"\0"),
        "signature by another key": sign_key_package(who.suite, other.key, good),
        "signature under the label of a leaf": sign_key_package(
            who.suite, who.key, good, label="LeafNodeTBS"
        ),
        "signature is the leaf's": replace(good, signature=leaf.signature),
        "init key changed after signing": replace(good, init_key=who.rng(32)),
        "extension added after signing": replace(good, extensions=(Extension(0xF102, b""),)),
        "leaf exchanged after signing": replace(
            good, leaf_node=sign_leaf(who.suite, who.key, replace(leaf, encryption_key=who.rng(32)))
        ),
    }
    for what, package in wrong.items():
        yield Fault("10.1-3", what, package)
    yield Fault(
        "10.1-4", "init key is the leaf's", who.signed_package(good, init_key=leaf.encryption_key)
    )
    for what, key in {"empty": b"", "31 bytes": bytes(31), "33 bytes": bytes(33)}.items():
        yield Fault("KEY-2", f"init key of {what}", who.signed_package(good, init_key=key))
    for what, key in SMALL_ORDER_X25519.items():
        yield Fault("KEY-2", f"init key is {what}", who.signed_package(good, init_key=key))
    unknown = Extension(UNKNOWN_EXTENSION, b"")
    yield Fault(
        "10-2",
        "extension that the capabilities do not list",
        who.signed_package(good, extensions=(unknown,)),
    )
    twice = (Extension(0xF102, b"a"), Extension(0xF102, b"b"))
    yield Fault("13.4-1", "extension twice", who.signed_package(good, extensions=twice))


def faults_of_the_leaf(who: Person, good: KeyPackage) -> Iterator[Fault]:
    """Yield what is wrong in the leaf; the KeyPackage around it is signed by its owner."""
    leaf, suite, other = good.leaf_node, who.suite, Person("somebody else")
    wrong = {
        "leaf signature flipped": replace(leaf, signature=flip(leaf.signature)),
        "leaf signature empty": replace(leaf, signature=b""),
        "leaf signature by another key": sign_leaf(suite, other.key, leaf),
        "leaf signature under the label of a KeyPackage": sign_leaf(
            suite, who.key, leaf, label="KeyPackageTBS"
        ),
        "leaf credential changed after signing": replace(
            leaf, credential=BasicCredential(b"the boss")
        ),
        "leaf lifetime prolonged after signing": replace(
            leaf, source=FromKeyPackage(Lifetime(NOW_S - 3600, NOW_S + 365 * 86_400))
        ),
        "leaf encryption key changed after signing": replace(leaf, encryption_key=who.rng(32)),
        "leaf capabilities changed after signing": replace(
            leaf, capabilities=replace(leaf.capabilities, proposals=(0xF200, 0xF201))
        ),
        "leaf extension added after signing": replace(leaf, extensions=(Extension(0xF102, b""),)),
    }
    for what, changed in wrong.items():
        yield Fault("7.3-2", what, who.signed_package(good, leaf_node=changed))
    lifetimes = {
        "expired a second ago": Lifetime(NOW_S - 3600, NOW_S - 1),
        "valid in a second": Lifetime(NOW_S + 1, NOW_S + 3600),
        "lifetime of zeros": Lifetime(0, 0),
        "lifetime that ends before it begins": Lifetime(NOW_S + 10, NOW_S - 10),
    }
    for what, lifetime in lifetimes.items():
        changed = replace(leaf, source=FromKeyPackage(lifetime))
        yield Fault("7.3-5", what, who.signed_package(good, leaf=changed))
    unknown = replace(leaf, extensions=(Extension(UNKNOWN_EXTENSION, b""),))
    what = "leaf extension that its capabilities do not list"
    yield Fault("7.3-6", what, who.signed_package(good, leaf=unknown))
    twice = replace(leaf, extensions=(Extension(0xF102, b"a"), Extension(0xF102, b"b")))
    yield Fault("13.4-1", "leaf extension twice", who.signed_package(good, leaf=twice))
    for what, key in {"empty": b"", "31 bytes": bytes(31), "33 bytes": bytes(33)}.items():
        changed = replace(leaf, encryption_key=key)
        yield Fault("KEY-2", f"encryption key of {what}", who.signed_package(good, leaf=changed))
    for what, key in SMALL_ORDER_X25519.items():
        changed = replace(leaf, encryption_key=key)
        yield Fault("KEY-2", f"encryption key is {what}", who.signed_package(good, leaf=changed))
    for what, key in SMALL_ORDER_ED25519.items():
        changed = replace(leaf, signature_key=key)
        yield Fault("KEY-1", f"signature key is {what}", who.signed_package(good, leaf=changed))
    keys = {
        "of 31 bytes": leaf.signature_key[:-1],
        "of 33 bytes": leaf.signature_key + b"\0",
        "not reduced modulo p": (P25519 + 3).to_bytes(32, "little"),
    }
    for what, key in keys.items():
        changed = replace(leaf, signature_key=key)
        yield Fault("KEY-1", f"signature key {what}", who.signed_package(good, leaf=changed))


def faults_of_other_suites() -> Iterator[tuple[KeyPackage, Fault]]:
    """Yield faults that only keys of other suites can have, each after the good KeyPackage."""
    who = Person("ivy", SUITES[2])
    good = who.new_bundle().key_package
    point = good.leaf_node.signature_key
    bad_points = {
        "compressed": bytes([2 + point[-1] % 2]) + point[1:33],
        "not on the curve": flip(point),
        "the point at infinity": b"\0",
    }
    for what, key in bad_points.items():
        leaf = replace(good.leaf_node, signature_key=key)
        what = f"P-256 signature key {what}"  # noqa: PLW2901 - the same, told in full
        yield good, Fault("KEY-1", what, who.signed_package(good, leaf=leaf))
    for what, key in bad_points.items():
        what = f"P-256 init key {what}"  # noqa: PLW2901
        yield good, Fault("KEY-2", what, who.signed_package(good, init_key=key))
    raw = replace(good, signature=good.signature[:64].rjust(64, b"\0"))
    yield good, Fault("10.1-3", "P-256 signature that is not DER", raw)
    who = Person("ivy", SUITES[0xF002])
    good = who.new_bundle().key_package
    key = good.init_key
    bad_keys = {
        "without its X25519 half": key[:1184],
        "one byte longer": key + b"\0",
        "with coefficients beyond the modulus": b"\xff" * 1184 + key[1184:],
        "with an X25519 half of small order": key[:1184] + bytes(32),
    }
    for what, bad in bad_keys.items():
        what = f"X-Wing init key {what}"  # noqa: PLW2901
        yield good, Fault("KEY-2", what, who.signed_package(good, init_key=bad))


def vectors(scene: Scene) -> Iterator[Vector]:
    ivy = Person("ivy")
    good = ivy.new_bundle().key_package
    alone = Collector("key_package", {"message": encode_message(good).hex(), "now_s": NOW_S})
    faults = [*faults_of_the_package(ivy, good), *faults_of_the_leaf(ivy, good)]
    for rule, what, package in faults:
        alone(rule, what, message=encode_message(package))
    yield from alone.vectors

    for control, (rule, what, package) in faults_of_other_suites():
        other = Collector("key_package", {"message": encode_message(control).hex(), "now_s": NOW_S})
        other(rule, what, message=encode_message(package))
        yield from other.vectors

    fred = scene["fred"]
    valid = forge_commit(fred, Add(good)).message
    added = Collector("process", {"before": [], "message": valid.hex()}, state="seven")
    for rule, what, package in faults:
        added(rule, f"added {what}", message=forge_commit(fred, Add(package)).message)
    p256 = Person("ivy", SUITES[2]).new_bundle().key_package
    added("10.1-1", "added for another suite", message=forge_commit(fred, Add(p256)).message)
    yield from added.vectors
