"""Proposals that may not be made, or not together (RFC 9420 sections 7.3, 12.1, 12.2, 12.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mifeng_crypto.mls.group import create_key_package
from mifeng_crypto.mls.group.stage import receive_proposal
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import BasicCredential, Certificate, X509Credential
from mifeng_crypto.mls.wire.extension import Extension, RequiredCapabilities
from mifeng_crypto.mls.wire.framing import External, NewMemberProposal, ProposalContent
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromCommit, FromUpdate, LeafNode
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ProposalByReference,
    ReInit,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.psk import (
    ExternalPsk,
    PreSharedKeyID,
    ResumptionPsk,
    ResumptionPSKUsage,
)
from mifeng_crypto.tls import encode
from tests.vectors_own.faults_key_package import SMALL_ORDER_ED25519, SMALL_ORDER_X25519
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.mallory import AS_DUE, Forged, Frame, forge_commit, forge_proposal
from tests.vectors_own.members import (
    BASIC_ONLY,
    CAPABILITIES,
    EVE,
    GROUP_ID,
    LIFETIME,
    NOW_S,
    UNKNOWN_EXTENSION,
    Person,
    Scene,
    group_extensions,
)
from tests.vectors_own.signing import flip, sign_leaf


def psk(name: bytes = b"shared", nonce: bytes = b"n" * 32) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(ExternalPsk(name), nonce))


def resumption(usage: ResumptionPSKUsage) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(ResumptionPsk(usage, GROUP_ID, 3), b"n" * 32))


def reinit(version: int = registry.MLS10) -> ReInit:
    return ReInit(b"the next group", version, 1, ())


def newcomer(name: str = "ivy", **changes: object) -> KeyPackage:
    """Return a KeyPackage that is valid by itself, whatever else it says."""
    who = Person(name)
    return create_key_package(**(who.about() | changes)).key_package


def update_of(who: Person, **changes: object) -> LeafNode:
    """Return a leaf for an Update, signed for the place where it goes."""
    fresh = who.suite.generate_key_pair(rng=who.rng).public
    leaf = replace(who.now.leaf, source=FromUpdate(), encryption_key=fresh, **changes)  # type: ignore[arg-type]
    return sign_leaf(who.suite, who.key, leaf, group_id=GROUP_ID, leaf_index=who.leaf)


# ------------------------------------------------------------------ lists, section 12.2


def by_value(scene: Scene) -> Iterator[Vector]:
    """Commits of fred's whose list of proposals is invalid; each has a path that is valid."""
    fred = scene["fred"]
    ivy, jim = Add(newcomer()), Add(newcomer("jim"))
    control = forge_commit(fred, ivy, Remove(0), path=AS_DUE)
    collect = Collector("process", {"before": [], "message": control.message.hex()}, "seven")

    def commit(rule: str, what: str, *proposals: Proposal) -> None:
        collect(rule, what, message=forge_commit(fred, *proposals).message)

    commit("12.2-2", "an Update by value", Update(update_of(fred)))
    commit("12.2-3", "its committer removed", Remove(fred.leaf))
    commit("12.2-3", "its committer and another removed", Remove(0), Remove(fred.leaf))
    commit("12.2-4", "one member removed twice", Remove(0), Remove(0))
    commit("12.2-5", "one KeyPackage added twice", ivy, ivy)
    again = Add(newcomer("ivy", lifetime=replace(LIFETIME, not_before=1)))
    commit("12.2-5", "one client added twice by two KeyPackages", ivy, jim, again)
    anna = scene["anna"]
    commit("12.2-6", "a member added again", Add(anna.new_bundle().key_package))
    package = Add(anna.new_bundle().key_package)
    commit("12.2-6", "a member added again and another removed", package, Remove(2))
    commit("12.2-6", "its committer added again", Add(fred.new_bundle().key_package))
    commit("12.2-7", "one PSK twice", psk(), psk())
    commit("12.2-7", "one PSK twice between others", psk(), psk(b"other"), psk())
    extensions = GroupContextExtensions(group_extensions())
    commit("12.2-8", "the extensions replaced twice", extensions, extensions)
    commit("12.2-9", "a ReInit with an Add", reinit(), ivy)
    commit("12.2-9", "a ReInit with a Remove", Remove(0), reinit())
    commit("12.2-9", "a ReInit with a PSK", reinit(), psk())
    commit("12.2-9", "two ReInits", reinit(), reinit())
    commit("12.2-10", "an ExternalInit", ExternalInit(bytes(32)))
    commit("12.2-10", "an ExternalInit with an Add", ivy, ExternalInit(bytes(32)))
    for leaf in (4, 7, 8, 2**31, 2**32 - 1):
        commit("12.1.3-1", f"leaf {leaf} removed where nobody is", Remove(leaf))
    commit("12.1.4-1", "a PSK for a reinit", resumption(ResumptionPSKUsage.REINIT))
    commit("12.1.4-2", "a PSK for a branch", resumption(ResumptionPSKUsage.BRANCH))
    for n in (0, 31, 33, 64):
        commit("12.1.4-3", f"the nonce of a PSK of {n} bytes", psk(nonce=bytes(n)))
    commit("12.1.5-1", "a ReInit to version 0", reinit(0))
    yield from collect.vectors


def among_members(scene: Scene) -> Iterator[Vector]:
    """New members that do not fit the others, and extensions that the members do not fit."""
    fred = scene["fred"]
    control = forge_commit(fred, Add(newcomer()))
    collect = Collector("process", {"before": [], "message": control.message.hex()}, "seven")

    def add(rule: str, what: str, *packages: KeyPackage) -> None:
        message = forge_commit(fred, *(Add(package) for package in packages)).message
        collect(rule, what, message=message)

    def able(**changes: object) -> KeyPackage:
        return newcomer(capabilities=replace(CAPABILITIES, **changes))  # type: ignore[arg-type]

    add("7.2-1", "a newcomer that does not support MLS 1.0", able(versions=(0x0A0A,)))
    add("7.2-1", "a newcomer that supports no version", able(versions=()))
    add("7.3-3", "a newcomer without a required extension", able(extensions=(0xF101,)))
    add("7.3-3", "a newcomer without a required proposal", able(proposals=()))
    add("7.3-3", "a newcomer without a required credential", able(credentials=(1, 2)))
    add("7.3-4", "a newcomer that does not support basic credentials", able(credentials=(0xF300,)))
    add("13.4-2", "a newcomer without an extension of the group", able(extensions=(0xF100,)))
    certificate = X509Credential((Certificate(b"a certificate"),))
    what = "a newcomer with a credential that a member does not support"
    add("7.3-4", what, newcomer(credential=certificate))
    add("12.2-5", "two newcomers of one signature key", *one_signature_key())
    for name, key in {
        "another member's": scene["anna"].now.leaf.encryption_key,
        "the committer's": fred.now.leaf.encryption_key,
        "a parent's": fred.now.public.tree.nodes[3].encryption_key,  # type: ignore[union-attr]
        "the root's": fred.now.public.tree.nodes[7].encryption_key,  # type: ignore[union-attr]
    }.items():
        what = f"a newcomer whose encryption key is {name}"
        add("7.3-9", what, with_encryption_key(Person("ivy"), key))
    key = Person("jim").rng(32)
    pair = (with_encryption_key(Person(name), key) for name in ("ivy", "jim"))
    add("7.3-9", "two newcomers with one encryption key", *pair)

    def extend(rule: str, what: str, *extensions: Extension) -> None:
        message = forge_commit(fred, GroupContextExtensions(extensions)).message
        collect(rule, what, message=message)

    used = Extension(0xF101, b"")
    extend("13.4-1", "an extension of the group twice", used, used)
    extend("13.4-2", "an extension that nobody supports", Extension(UNKNOWN_EXTENSION, b""))
    for what, needs in {
        "extension": RequiredCapabilities((UNKNOWN_EXTENSION,), (), ()),
        "proposal": RequiredCapabilities((), (0xF2FF,), ()),
        "credential": RequiredCapabilities((), (), (0xF3FF,)),
        "credential, that all but one support,": RequiredCapabilities((), (), (registry.X509,)),
    }.items():
        required = Extension(registry.REQUIRED_CAPABILITIES, encode(needs))
        extend("7.3-3", f"an {what} is required that not all support", required)
    for what, data in {"cut": b"\x02\xf1", "with a byte behind it": b"\0\0\0\0"}.items():
        malformed = Extension(registry.REQUIRED_CAPABILITIES, data)
        extend("11.1-1", f"required_capabilities {what}", malformed)
    yield from collect.vectors


def one_signature_key() -> tuple[KeyPackage, KeyPackage]:
    ivy = Person("ivy")
    first = ivy.new_bundle().key_package
    second = ivy.new_bundle().key_package
    renamed = replace(second.leaf_node, credential=BasicCredential(b"somebody else"))
    return first, ivy.signed_package(second, leaf=renamed)


def with_encryption_key(who: Person, key: bytes) -> KeyPackage:
    good = who.new_bundle().key_package
    return who.signed_package(good, leaf=replace(good.leaf_node, encryption_key=key))


# ------------------------------------------------------------------ on their own, section 12.1


def updates(scene: Scene) -> Iterator[Vector]:
    """Updates of gina's that nobody keeps."""
    gina, fred = scene["gina"], scene["fred"]
    good = update_of(gina)
    control = forge_proposal(gina, ProposalContent(Update(good)))
    collect = Collector("propose", {"before": [], "message": control.hex()}, "seven")

    def propose(rule: str, what: str, leaf: LeafNode) -> None:
        collect(rule, what, message=forge_proposal(gina, ProposalContent(Update(leaf))))

    def signed(leaf: LeafNode, **how: object) -> LeafNode:
        arguments = {"group_id": GROUP_ID, "leaf_index": gina.leaf} | how
        key = arguments.pop("key", gina.key)
        return sign_leaf(gina.suite, key, leaf, **arguments)  # type: ignore[arg-type]

    package = gina.new_bundle().key_package.leaf_node
    propose("7.3-7", "an Update with the leaf of a KeyPackage", package)
    commit_leaf = signed(replace(good, source=FromCommit(b"")))
    propose("7.3-7", "an Update with the leaf of a commit", commit_leaf)
    old = signed(replace(good, encryption_key=gina.now.leaf.encryption_key))
    propose("7.3-7", "an Update that keeps the encryption key", old)
    for what, leaf in {
        "flipped": replace(good, signature=flip(good.signature)),
        "by another key": signed(good, key=fred.key),
        "for another group": signed(good, group_id=b"another group"),
        "for another leaf": signed(good, leaf_index=5),
        "under another label": signed(good, label="KeyPackageTBS"),
        "of before a change": replace(good, extensions=(Extension(0xF102, b""),)),
    }.items():
        propose("7.3-2", f"an Update with a leaf signature {what}", leaf)
    unknown = signed(replace(good, extensions=(Extension(UNKNOWN_EXTENSION, b""),)))
    propose("7.3-6", "an Update with an extension that it does not support", unknown)
    twice = signed(replace(good, extensions=(Extension(0xF102, b""),) * 2))
    propose("13.4-1", "an Update with an extension twice", twice)
    weak = SMALL_ORDER_ED25519["a point of order 8"]
    propose(
        "KEY-1", "an Update with a weak signature key", signed(replace(good, signature_key=weak))
    )
    weak = SMALL_ORDER_X25519["zero"]
    what = "an Update with a weak encryption key"
    propose("KEY-2", what, signed(replace(good, encryption_key=weak)))
    yield from collect.vectors


def from_outside(scene: Scene) -> Iterator[Vector]:
    """Proposals of external senders and of those who want to join (section 12.1.8)."""
    fred = scene["fred"]
    by_eve = Frame(sender=External(0), signature_key=EVE.key)
    control = forge_proposal(fred, ProposalContent(Remove(0)), by_eve)
    collect = Collector("propose", {"before": [], "message": control.hex()}, "seven")

    def propose(rule: str, what: str, proposal: Proposal, frame: Frame = by_eve) -> None:
        collect(rule, what, message=forge_proposal(fred, ProposalContent(proposal), frame))

    propose("12.1.8-1", "an Update of an external sender", Update(update_of(fred)))
    propose("12.1.8-1", "an ExternalInit of an external sender", ExternalInit(bytes(32)))
    propose("12.1.3-1", "a Remove of nobody by an external sender", Remove(4))
    for index in (1, 2**32 - 1):
        nobody = Frame(sender=External(index), signature_key=EVE.key)
        propose("6.1-1", f"the external sender {index} which there is not", Remove(0), nobody)
    by_fred = Frame(sender=External(0), signature_key=fred.key)
    propose("6.1-2", "an external sender with a member's signature", Remove(0), by_fred)
    ivy = Person("ivy")
    joins = Frame(sender=NewMemberProposal(), signature_key=ivy.key)
    propose("6.1-1", "a Remove of somebody who wants to join", Remove(0), joins)
    propose("6.1-1", "a PSK of somebody who wants to join", psk(), joins)
    package = ivy.new_bundle().key_package
    other = Frame(sender=NewMemberProposal(), signature_key=fred.key)
    propose("6.1-2", "an Add of oneself with another's signature", Add(package), other)
    broken = replace(package, signature=flip(package.signature))
    propose("10.1-3", "an Add of oneself with a broken KeyPackage", Add(broken), joins)
    yield from collect.vectors


# ------------------------------------------------------------------ by reference, section 12.4


def by_reference(scene: Scene) -> Iterator[Vector]:
    """Commits of fred's to proposals that came before, and should not be committed like this."""
    fred, gina, hana = scene["fred"], scene["gina"], scene["hana"]
    update = forge_proposal(gina, ProposalContent(Update(update_of(gina))))

    def after(*messages: bytes) -> tuple[Person, list[ProposalByReference]]:
        group = fred.now.public
        for message in messages:
            group = receive_proposal(group, message, now_s=NOW_S)
        someone = replace_epoch(fred, group)
        return someone, [ProposalByReference(ref) for ref in group.proposals]

    who, refs = after(update)
    control = {"before": [update.hex()], "message": forge_commit(who, *refs).message.hex()}
    collect = Collector("process", control, "seven")

    def commit(
        rule: str, what: str, before: list[bytes], *more: Proposal, path: bool = True
    ) -> None:
        who, refs = after(*before)
        forged: Forged = forge_commit(who, *refs, *more, path=AS_DUE if path else None)
        collect(rule, what, before=before, message=forged.message)

    def proposal(by: Person, what: Proposal) -> bytes:
        return forge_proposal(by, ProposalContent(what))

    own = proposal(fred, Update(update_of(fred)))
    commit("12.2-2", "its committer's own Update", [own])
    commit("12.2-3", "a proposal to remove its committer", [proposal(gina, Remove(fred.leaf))])
    second = proposal(gina, Update(update_of(gina)))
    commit("12.2-4", "two Updates of one member", [update, second])
    commit("12.2-4", "an Update and a Remove of one member", [update], Remove(gina.leaf))
    remove = proposal(hana, Remove(gina.leaf))
    commit("12.2-4", "a Remove by reference and by value", [remove], Remove(gina.leaf))
    add = proposal(gina, Add(newcomer()))
    commit("12.2-5", "an Add by reference and by value", [add], Add(newcomer()))
    shared = proposal(gina, psk())
    commit("12.2-7", "a PSK by reference and by value", [shared], psk())
    commit(
        "12.2-9", "a ReInit by reference and an Add", [proposal(gina, reinit())], Add(newcomer())
    )
    commit("12.4-1", "an Update without a path", [update], path=False)
    commit("12.4-1", "a proposed Remove without a path", [remove], path=False)
    taken = update_of(gina, signature_key=hana.public)
    taken = sign_leaf(gina.suite, hana.key, taken, group_id=GROUP_ID, leaf_index=gina.leaf)
    commit("7.3-8", "an Update to another's signature key", [proposal(gina, Update(taken))])
    for what, key in {
        "another member's": hana.now.leaf.encryption_key,
        "a parent's": fred.now.public.tree.nodes[3].encryption_key,  # type: ignore[union-attr]
    }.items():
        leaf = sign_leaf(
            gina.suite,
            gina.key,
            replace(update_of(gina), encryption_key=key),
            group_id=GROUP_ID,
            leaf_index=gina.leaf,
        )
        commit(
            "7.3-9", f"an Update to the encryption key of {what}", [proposal(gina, Update(leaf))]
        )
    less = update_of(gina, capabilities=replace(BASIC_ONLY, proposals=()))
    commit("7.3-3", "an Update without a required capability", [proposal(gina, Update(less))])
    less = update_of(gina, capabilities=replace(BASIC_ONLY, credentials=(0xF300,)))
    commit("7.3-4", "an Update that gives up basic credentials", [proposal(gina, Update(less))])
    less = update_of(gina, capabilities=replace(BASIC_ONLY, versions=()))
    commit("7.2-1", "an Update that gives up MLS 1.0", [proposal(gina, Update(less))])

    def missing(what: str, reference: bytes) -> None:
        forged = forge_commit(fred, ProposalByReference(reference))
        collect("12.4-2", what, before=[], message=forged.message)

    missing("a reference to nothing", bytes(32))
    missing("an empty reference", b"")
    missing("a reference to what did not arrive", refs[0].reference)
    missing("a reference cut", refs[0].reference[:-1])
    yield from collect.vectors


def replace_epoch(who: Person, group: object) -> Person:
    """Return the same person with other proposals in hand."""
    twin = Person(who.name)
    twin.epoch = replace(who.now, public=group)  # type: ignore[arg-type]
    twin.rng = who.rng
    return twin


def vectors(scene: Scene) -> Iterator[Vector]:
    yield from by_value(scene)
    yield from among_members(scene)
    yield from updates(scene)
    yield from from_outside(scene)
    yield from by_reference(scene)
