"""External commits that nobody follows (RFC 9420 sections 8.3, 12.2, 12.4.3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mifeng_crypto.mls.group import LeafIndex
from mifeng_crypto.mls.group.stage import receive_proposal
from mifeng_crypto.mls.keys.key_schedule import external_init, external_key_pair
from mifeng_crypto.mls.wire.credential import Certificate, X509Credential
from mifeng_crypto.mls.wire.framing import ProposalContent
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage, LeafNode
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    Proposal,
    ProposalByReference,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.psk import ResumptionPSKUsage
from mifeng_crypto.secret import Secret
from tests.vectors_own.faults_commit import of_ciphertext, of_leaf
from tests.vectors_own.faults_proposals import newcomer, psk, reinit, resumption, update_of
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.mallory import (
    AS_DUE,
    Frame,
    Path,
    external,
    forge_commit,
    forge_proposal,
)
from tests.vectors_own.members import (
    CAPABILITIES,
    LIFETIME,
    NOW_S,
    Person,
    Scene,
    group_extensions,
)
from tests.vectors_own.signing import flip

FREE = LeafIndex(4)


class Joiner:
    """Ivy, who knows the group's public half and its external key."""

    def __init__(self, scene: Scene) -> None:
        fred = scene["fred"]
        self.who = Person("ivy")
        self.leaf: LeafNode = self.who.new_bundle().key_package.leaf_node
        self.who.epoch = fred.now
        pair = external_key_pair(fred.suite, fred.now.secrets.external_secret)
        self.init_secret, kem_output = external_init(fred.suite, pair.public, rng=self.who.rng)
        self.init = ExternalInit(kem_output)

    def commit(
        self,
        *proposals: Proposal | ProposalByReference,
        path: Path = AS_DUE,
        frame: Frame | None = None,
        at: LeafIndex = FREE,
        init_secret: Secret | None = None,
    ) -> bytes:
        return forge_commit(
            self.who,
            *proposals,
            path=path,
            frame=external() if frame is None else frame,
            base=self.leaf,
            at=at,
            init_secret=self.init_secret if init_secret is None else init_secret,
        ).message


def lists(scene: Scene) -> Iterator[Vector]:
    """What an external commit may hold."""
    ivy = Joiner(scene)
    control = {"before": [], "message": ivy.commit(ivy.init, psk()).hex()}
    collect = Collector("process", control, "seven")

    def commit(rule: str, what: str, *proposals: Proposal) -> None:
        collect(rule, f"external with {what}", message=ivy.commit(*proposals))

    commit("12.2-13", "no proposals")
    commit("12.2-13", "no ExternalInit", psk())
    commit("12.2-13", "two ExternalInits", ivy.init, ivy.init)
    commit("12.2-14", "two Removes", ivy.init, Remove(0), Remove(1))
    commit("12.2-15", "an Add", ivy.init, Add(newcomer("jim")))
    commit("12.2-15", "extensions", ivy.init, GroupContextExtensions(group_extensions()))
    commit("12.2-15", "a ReInit", ivy.init, reinit())
    commit("12.2-15", "an Update", ivy.init, Update(update_of(scene["fred"])))
    commit("12.2-7", "one PSK twice", ivy.init, psk(), psk())
    commit("12.1.3-1", "a Remove of nobody", ivy.init, Remove(4))
    commit("12.1.3-1", "a Remove beyond the tree", ivy.init, Remove(2**32 - 1))
    commit("12.1.4-1", "a PSK for a reinit", ivy.init, resumption(ResumptionPSKUsage.REINIT))
    commit("12.1.4-2", "a PSK for a branch", ivy.init, resumption(ResumptionPSKUsage.BRANCH))
    commit("12.1.4-3", "a PSK without a nonce", ivy.init, psk(nonce=b""))
    gina = scene["gina"]
    remove = forge_proposal(gina, ProposalContent(Remove(0)))
    group = receive_proposal(gina.now.public, remove, now_s=NOW_S)
    [reference] = group.proposals
    by_reference = ivy.commit(ivy.init, ProposalByReference(reference))
    what = "external with a proposal by reference"
    collect("12.4.3.2-2", what, before=[remove], message=by_reference)
    for what, kem_output in {
        "empty": b"",
        "of zeros": bytes(32),
        "of 31 bytes": ivy.init.kem_output[:-1],
        "of 33 bytes": ivy.init.kem_output + b"\0",
    }.items():
        commit("8.3-1", f"a kem_output {what}", ExternalInit(kem_output))
    commit("12.4.2-12", "another kem_output", ExternalInit(ivy.who.rng(32)))
    yield from collect.vectors


def leaves_and_frames(scene: Scene) -> Iterator[Vector]:
    """Who joins, and how it signs."""
    ivy = Joiner(scene)
    control = {"before": [], "message": ivy.commit(ivy.init).hex()}
    collect = Collector("process", control, "seven")
    fred = scene["fred"]

    def path(rule: str, what: str, path: Path) -> None:
        collect(rule, f"external {what}", message=ivy.commit(ivy.init, path=path))

    def frame(rule: str, what: str, frame: Frame) -> None:
        collect(rule, f"external {what}", message=ivy.commit(ivy.init, frame=frame))

    package = FromKeyPackage(LIFETIME)
    path("12.4.2-6", "leaf of a KeyPackage", of_leaf(lambda leaf: replace(leaf, source=package)))
    path("7.3-2", "leaf signature for another leaf", Path(signed_for=(b"a group of vectors", 5)))
    path("7.3-2", "leaf signature for another group", Path(signed_for=(b"other", FREE)))
    flipped = Path(leaf_signed=lambda leaf: replace(leaf, signature=flip(leaf.signature)))
    path("7.3-2", "leaf signature flipped", flipped)
    for rule, what, less in (
        ("7.2-1", "leaf that does not support MLS 1.0", {"versions": ()}),
        ("7.3-3", "leaf without a required extension", {"extensions": (0xF101,)}),
        ("7.3-3", "leaf without a required proposal", {"proposals": ()}),
        ("7.3-3", "leaf without a required credential", {"credentials": (1,)}),
        ("7.3-4", "leaf that does not support basic credentials", {"credentials": (0xF300,)}),
        ("13.4-2", "leaf without an extension of the group", {"extensions": (0xF100,)}),
    ):
        able = of_leaf(
            lambda leaf, less=less: replace(leaf, capabilities=replace(CAPABILITIES, **less))  # type: ignore[misc]
        )
        path(rule, what, able)
    certificate = X509Credential((Certificate(b"a certificate"),))
    strange = of_leaf(lambda leaf: replace(leaf, credential=certificate))
    path("7.3-4", "leaf with a credential that a member does not support", strange)
    path("7.9.2-2", "leaf with another parent hash", Path(parent_hash=flip))
    path("7.6-1", "path without nodes", Path(done=lambda path: replace(path, nodes=())))
    wrong = of_ciphertext(2, 0, lambda c: replace(c, ciphertext=flip(c.ciphertext)))
    path("7.5-7", "path with a ciphertext flipped", wrong)
    old = fred.now.leaf.encryption_key
    taken = of_leaf(lambda leaf: replace(leaf, encryption_key=old))
    path("12.4.2-8", "leaf with a member's encryption key", taken)

    frame("6.1-2", "signature flipped", external(signature=flip))
    frame("6.1-2", "signature by a member", external(signature_key=fred.key))
    elsewhere = external(signed_in=lambda context: replace(context, epoch=0))
    frame("6.1-2", "signature in another context", elsewhere)
    frame("12.4.2-12", "confirmation tag flipped", external(tag=flip))
    frame("6-2", "for another group", external(content=lambda c: replace(c, group_id=b"other")))
    frame("12.4.2-1", "of another epoch", external(content=lambda c: replace(c, epoch=1)))
    message = ivy.commit(ivy.init, init_secret=Secret(bytes(32)))
    collect("12.4.2-12", "external with another init secret", message=message)

    anna, kept = scene["anna"], scene["anna"].now.leaf.encryption_key
    by_anna = external(signature_key=anna.key)
    again = Path(leaf=lambda leaf: replace(leaf, signature_key=anna.public), signature_key=anna.key)
    message = ivy.commit(ivy.init, path=again, frame=by_anna)
    collect("7.3-8", "external of somebody who is a member", message=message)
    keeps = replace(
        again,
        leaf=lambda leaf: replace(leaf, signature_key=anna.public, encryption_key=kept),
    )
    message = ivy.commit(ivy.init, Remove(0), path=keeps, frame=by_anna, at=LeafIndex(0))
    collect("12.2-16", "external that keeps its old encryption key", message=message)
    yield from collect.vectors


def vectors(scene: Scene) -> Iterator[Vector]:
    yield from lists(scene)
    yield from leaves_and_frames(scene)
