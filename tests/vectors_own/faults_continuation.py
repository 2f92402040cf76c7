"""Groups that continue another wrongly, closed groups, and external keys (RFC 9420 section 11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mifeng_crypto.mls.group import commit, create, group_info, verify_key_package
from mifeng_crypto.mls.group.continuation import resumption_psk
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import Extension, ExternalPub
from mifeng_crypto.mls.wire.framing import ApplicationContent, External, ProposalContent
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.proposal import ReInit, Remove
from mifeng_crypto.mls.wire.psk import (
    ExternalPsk,
    PreSharedKeyID,
    ResumptionPsk,
    ResumptionPSKUsage,
)
from mifeng_crypto.suite import SUITES
from mifeng_crypto.tls import encode
from tests.vectors_own.faults_key_package import SMALL_ORDER_X25519
from tests.vectors_own.faults_message import Sealing, seal
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.mallory import Frame, forge_commit, forge_proposal
from tests.vectors_own.members import EVE, NOW_S, Person, Scene, private_of
from tests.vectors_own.signing import sign_group_info

PSKSource = ExternalPsk | ResumptionPsk
REINIT, BRANCH = ResumptionPSKUsage.REINIT, ResumptionPSKUsage.BRANCH
NEXT = ReInit(b"the next group", registry.MLS10, 1, (Extension(0xF101, b"agreed"),))


def still_open() -> Scene:
    """anna, bert and carl; carl receives."""
    scene = Scene(Person("anna"))
    scene.commit("anna", add=(Person("bert"), Person("carl")))
    return scene


def closed() -> Scene:
    """The same three, whose group is to be replaced."""
    scene = still_open()
    scene.commit("anna", reinit=NEXT)
    return scene


def malformed() -> Scene:
    """anna and bert, whose group has external_senders that are none."""
    scene = Scene(Person("anna"), (Extension(registry.EXTERNAL_SENDERS, b"\xff"),))
    scene.commit("anna", add=(Person("bert"),))
    return scene


def continued(
    scene: Scene,
    usage: ResumptionPSKUsage,
    *,
    members: tuple[str, ...],
    to: str,
    source: PSKSource | None = None,
    late: bool = False,
    **about: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Let anna make a group of `members`; return the Welcome to `to`."""
    old = scene["anna"].now
    suite = about.get("suite", SUITES[1])
    anna = Person("anna", suite)
    epoch = create(
        **(anna.about() | {"group_id": NEXT.group_id, "extensions": NEXT.extensions} | about)
    )
    people = {name: Person(name, suite) for name in members}
    verified = {
        name: verify_key_package(who.new_bundle().key_package, now_s=NOW_S)
        for name, who in people.items()
    }
    used = resumption_psk(old, usage) if source is None else source
    store = {used: old.secrets.resumption_psk}
    psks = [PreSharedKeyID(used, anna.rng(suite.hash_bytes))]
    how: dict[str, Any] = {"signature_key": anna.key, "now_s": NOW_S, "rng": anna.rng}
    if late:
        epoch = commit(epoch, **how).next
    pending = commit(
        epoch, add=list(verified.values()), psks=psks, psk_store=store, continuing=usage, **how
    )
    bundle = people[to].bundle
    assert bundle is not None, "made above"
    assert pending.welcome is not None, "somebody was added"
    return {
        **private_of(bundle),
        "welcome": pending.welcome.hex(),
        "ratchet_tree": encode(pending.next.public.tree.to_wire()).hex(),
    }


def replaced(scene: Scene) -> Iterator[Vector]:
    """Groups that replace the closed one, for carl."""

    def group(**how: Any) -> dict[str, Any]:  # noqa: ANN401
        given: dict[str, Any] = {"members": ("bert", "carl"), "to": "carl"}
        return continued(scene, REINIT, **(given | how))

    collect = Collector("continue", group(), "closed")
    collect("11.2-1", "a replacement of another group id", **group(group_id=b"another group"))
    collect("11.2-1", "a replacement without the extensions", **group(extensions=()))
    other = (Extension(0xF101, b"not agreed"),)
    collect("11.2-1", "a replacement with other extensions", **group(extensions=other))
    collect("11.2-1", "a replacement of another suite", **group(suite=SUITES[3]))
    collect("11.2-2", "a replacement without bert", **group(members=("carl",)))
    collect("12.4.3.1-16", "a replacement that begins late", **group(late=True))
    for what, source in psk_faults(scene, REINIT).items():
        collect("12.4.3.1-11", f"a replacement with {what}", **group(source=source))
    yield from collect.vectors


def psk_faults(scene: Scene, usage: ResumptionPSKUsage) -> dict[str, PSKSource]:
    public = scene["anna"].now.public
    return {
        "the PSK of another group": ResumptionPsk(usage, b"another group", public.epoch),
        "the PSK of the epoch before": ResumptionPsk(usage, public.group_id, public.epoch - 1),
        "the PSK of the next epoch": ResumptionPsk(usage, public.group_id, public.epoch + 1),
    }


def branched(scene: Scene) -> Iterator[Vector]:
    """Groups that branch off, for carl; the receiver's group is the one of seven."""

    def group(**how: Any) -> dict[str, Any]:  # noqa: ANN401
        given: dict[str, Any] = {"members": ("carl", "dora"), "to": "carl", "extensions": ()}
        return continued(scene, BRANCH, **(given | how))

    collect = Collector("continue", group(), "seven")
    what = "a branch with somebody who is no member"
    collect("11.3-2", what, **group(members=("carl", "mallory")))
    collect("11.3-1", "a branch of another suite", **group(suite=SUITES[3]))
    collect("12.4.3.1-16", "a branch that begins late", **group(late=True))
    for what, source in psk_faults(scene, BRANCH).items():
        collect("12.4.3.1-11", f"a branch with {what}", **group(source=source))
    plain = ResumptionPsk(ResumptionPSKUsage.APPLICATION, b"a group of vectors", 1)
    collect("12.4.3.1-11", "a branch without its PSK", **group(source=plain))
    collect("12.4.3.1-11", "a branch with an external PSK", **group(source=ExternalPsk(b"shared")))
    yield from collect.vectors


def in_a_closed_group(scene: Scene) -> Iterator[Vector]:
    """Nothing is sent in a group that was replaced (section 12.4.2, end)."""
    anna, sender = scene["anna"], still_open()["anna"]
    faults = {
        "process": ("a commit in a closed group", forge_commit(anna).message),
        "propose": (
            "a proposal in a closed group",
            forge_proposal(anna, ProposalContent(Remove(1))),
        ),
        "decrypt": (
            "a message in a closed group",
            seal(anna, ApplicationContent(b"hello"), Sealing()),
        ),
    }
    controls = {
        "process": forge_commit(sender).message,
        "propose": forge_proposal(sender, ProposalContent(Remove(1))),
        "decrypt": seal(sender, ApplicationContent(b"hello"), Sealing()),
    }
    for verb, (what, message) in faults.items():
        yield Vector(
            rule="RFC9420-12.4.2-13",
            what=what,
            verb=verb,
            input={"before": [], "message": message.hex()},
            control={"before": [], "message": controls[verb].hex(), "state": "open"},
            state="closed",
        )


def malformed_senders(scene: Scene) -> Iterator[Vector]:
    anna = scene["anna"]
    good = forge_proposal(anna, ProposalContent(Remove(1)))
    collect = Collector("propose", {"before": [], "message": good.hex()}, "malformed")
    outside = Frame(sender=External(0), signature_key=EVE.key)
    message = forge_proposal(anna, ProposalContent(Remove(1)), outside)
    collect("12.1.8.1-1", "an external sender of a malformed list", message=message)
    yield from collect.vectors


def external_keys(scene: Scene) -> Iterator[Vector]:
    """GroupInfos for an external commit, whose external_pub is none."""
    fred, ivy = scene["fred"], Person("ivy")
    good = group_info(fred.now, signature_key=fred.key, with_external_pub=True, with_tree=True)
    control = {"message": encode_message(good).hex(), "signature_priv": ivy.key.hex()}
    collect = Collector("external_join", control)
    keys = {
        "without its length": SMALL_ORDER_X25519["one"],
        "of nothing": b"",
        "of an empty key": encode(ExternalPub(b"")),
        "of zeros": encode(ExternalPub(bytes(32))),
        "of small order": encode(ExternalPub(SMALL_ORDER_X25519["a point of order 8"])),
        "of 31 bytes": encode(ExternalPub(bytes(range(31)))),
    }
    for what, data in keys.items():
        extensions = tuple(
            Extension(registry.EXTERNAL_PUB, data)
            if extension.extension_type == registry.EXTERNAL_PUB
            else extension
            for extension in good.extensions
        )
        info = sign_group_info(fred.suite, fred.key, replace(good, extensions=extensions))
        collect("12.4.3.2-1", f"an external key {what}", message=encode_message(info))
    yield from collect.vectors


def vectors(scene: Scene) -> Iterator[Vector]:
    yield from branched(scene)
    yield from external_keys(scene)
    yield from replaced(closed())
    yield from in_a_closed_group(closed())
    yield from malformed_senders(malformed())
