"""May this unit be opened, may this commit be applied? See protocol.md, "The gate".

What RFC 9420 asks was checked when the commit was staged. Here: it does what the ledgers demand,
all of it where they insist, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.gate.age import check_keeps_no_overdue, is_too_old
from mifeng_crypto.gate.authenticated import check_authenticated_data, state_in
from mifeng_crypto.gate.standing import Ledgers, Standing, identity_of, set_at_of
from mifeng_crypto.gate.view import UnitView, key_expired, removes_due
from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_rules import MAX_DEVICES
from mifeng_crypto.log import AuthenticatedData, Heads
from mifeng_crypto.mls.group import PublicGroup, StagedCommit
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage, LeafNode
from mifeng_crypto.mls.wire.proposal import Add, ProposalByValue, Remove

__all__ = [
    "MAX_DEVICES",
    "MAX_KEY_PACKAGE_S",
    "MAX_PEOPLE",
    "check_commit",
    "check_create",
    "check_founding",
    "check_size",
]

MAX_PEOPLE = 1000
"""In a unit, whatever its policy says: people, not devices."""
MAX_KEY_PACKAGE_S = 7 * 24 * 3600 + 3600
"""How long a KeyPackage lives: 7 days, and one hour back for clocks that are behind."""
MAX_SAID_BYTES = 2048
"""Of what a leaf says beside its keys: everybody who comes in is handed all leaves."""


def check_create(
    roster: Roster, charter: Charter, public: PublicGroup, *, now: UnixMillis
) -> Standing:
    """Decide whether a unit, or its next generation, may begin with this group.

    Raises:
        ProtocolError: GATE-4 to GATE-8, GATE-30, GATE-39.
    """
    ledgers = Ledgers(roster, charter, Heads(roster.head, charter.head))
    check_group(public, ledgers)
    leaf = check_only_leaf(public, charter)
    ledgers.check_leaf(leaf)
    check_set_at(leaf, now)
    check_size(leaf)
    return Standing.of(public, ledgers)


def check_commit(
    view: UnitView, staged: StagedCommit, *, accepted_at: UnixMillis, device_id: DeviceId
) -> AuthenticatedData:
    """Decide whether a commit may be applied.

    Args:
        view: the unit before the commit.
        staged: the commit, made for `view.public`; RFC 9420's rules were checked.
        accepted_at: when the log accepted it.
        device_id: the device that the log says sent it (of the server: that is logged in).

    Returns:
        What its sender says that it had seen.

    Raises:
        UsageError: the commit was staged for another epoch.
        ProtocolError: GATE-4 to GATE-7, GATE-9 to GATE-22, GATE-30, GATE-32, GATE-33, GATE-36,
            GATE-39, LOG-8, LEDGER-8.
        NeedLedgerError: LEDGER-9: its sender knows more of a ledger; fetch it first.
    """
    if staged.before.context != view.public.context:
        raise UsageError("this commit was staged for another epoch than the one that is judged")
    ledgers, standing = view.ledgers, view.standing
    ledgers.check_open(view.public.group_id)
    check_carrier(staged)
    check_proposals(staged)
    check_sender(staged.before.leaf(staged.committer), device_id)
    said = check_authenticated_data(view, staged.authenticated_data, accepted_at=accepted_at)
    check_no_files(said)
    check_state(view, said)
    check_committer(view, staged)
    check_committers_leaf(staged, accepted_at)
    check_removes_what_is_due(view, staged)
    check_removes_nothing_else(view, staged, accepted_at)
    check_keeps_no_overdue(view, staged, accepted_at)
    for _, key_package in staged.added:
        identity = ledgers.check_leaf(key_package.leaf_node)
        ledgers.check_archive(identity.member_id, accepted_at)
        check_set_at(key_package.leaf_node, accepted_at)
        check_size(key_package.leaf_node, key_package.extensions)
        check_lifetime(key_package)
    if staged.added:
        after = standing.after(staged)
        check_cap(after.people, ledgers.policy.cap, grown=_new_people(standing, staged))
        check_devices(after.people, among=_added_people(staged))
    check_rotates_if_expired(view, staged, accepted_at)
    return said


# ------------------------------------------------------------------ the group and its leaves


def check_group(public: PublicGroup, ledgers: Ledgers) -> None:
    """GATE-7: the group is as its unit's charter says. And GATE-30."""
    ledgers.check_open(public.group_id)
    if public.suite.id != ledgers.charter.cipher_suite:
        raise ProtocolError("GATE-7", "the group has another cipher suite than its charter says")
    if public.context.extensions:
        raise ProtocolError("GATE-7", "the group has extensions, and units have none")


def check_founding(view: UnitView) -> None:
    """Decide, by its first `heads`, whether a generation may have begun as it did: for an audit.

    Raises:
        ProtocolError: GATE-4 to GATE-8, GATE-30.
    """
    ledgers = view.ledgers
    check_group(view.public, ledgers)
    leaf = check_only_leaf(view.public, view.charter, at=view.heads.charter.sequence)
    ledgers.check_leaf(leaf)
    check_set_at(leaf, view.last_accepted_at)
    check_size(leaf)


def check_only_leaf(public: PublicGroup, charter: Charter, *, at: int | None = None) -> LeafNode:
    """GATE-8: a generation begins in epoch 0 with one leaf, its opener's; return it."""
    leaves = [leaf for _, leaf in public.leaves()]
    if public.epoch != 0 or len(leaves) != 1:
        raise ProtocolError("GATE-8", "a unit begins in epoch 0 with its creator alone")
    if identity_of(leaves[0]).member_id != charter.generation(at=at).opener:
        raise ProtocolError("GATE-8", "a unit's first leaf is its creator's, not somebody else's")
    return leaves[0]


def check_set_at(leaf: LeafNode, accepted_at: UnixMillis) -> None:
    """GATE-6: a leaf says when its keys were made, and that is not in the future."""
    set_at = set_at_of(leaf)
    if set_at is None or set_at.time > accepted_at + CLOCK_TOLERANCE_MS:
        raise ProtocolError(
            "GATE-6", "a leaf does not say when its keys were made, or says a time to come"
        )


def check_size(leaf: LeafNode, more: Iterable[Extension] = ()) -> None:
    """GATE-39: what a leaf says beside its keys is short, with the extensions of its KeyPackage."""
    said = leaf.capabilities
    numbers = (said.versions, said.cipher_suites, said.extensions, said.proposals, said.credentials)
    size = 2 * sum(map(len, numbers))
    size += sum(len(each.extension_data) + 4 for each in (*leaf.extensions, *more))
    if size > MAX_SAID_BYTES:
        raise ProtocolError(
            "GATE-39", "a leaf says more than {most} bytes beside its keys", most=MAX_SAID_BYTES
        )


# ------------------------------------------------------------------ the commit itself


def check_carrier(staged: StagedCommit) -> None:
    """GATE-9: a member sent it, as a PublicMessage, so that the server can check it."""
    if staged.is_external or staged.message is None:
        raise ProtocolError("GATE-9", "a commit is a PublicMessage by a member of the unit")


def check_proposals(staged: StagedCommit) -> None:
    """GATE-10: it holds Add and Remove by value, and nothing else.

    That it has a path unless it only adds is RFC 9420's own rule (section 12.4).
    """
    if not all(
        isinstance(p, ProposalByValue) and isinstance(p.proposal, Add | Remove)
        for p in staged.commit.proposals
    ):
        raise ProtocolError("GATE-10", "a commit adds and removes, and does nothing else")


def check_sender(leaf: LeafNode, device_id: DeviceId) -> None:
    """GATE-22: the device that signed is the one that the log names."""
    if identity_of(leaf).device_id != device_id:
        raise ProtocolError("GATE-22", "the log names another device than the one that signed")


def check_no_files(said: AuthenticatedData) -> None:
    """GATE-15: only messages show files."""
    if said.files:
        raise ProtocolError("GATE-15", "a commit names files, which only messages do")


def check_state(view: UnitView, said: AuthenticatedData) -> None:
    """GATE-36: it says by what the unit is judged, as everybody in it knows: newcomers go by that.

    Where a `heads` came between what its sender had seen and the commit, newcomers read it in the
    log, and what held before it is of no effect.
    """
    unit = state_in(said)
    if (unit.rotated_at, unit.steady_since) != (view.rotated_at, view.steady_since) or (
        said.log.sequence >= view.log.heads_at and unit.heads != view.heads
    ):
        raise ProtocolError(
            "GATE-36",
            "a commit says of the unit what its members do not know of it; catch up, commit again",
        )


def check_committer(view: UnitView, staged: StagedCommit) -> None:
    """GATE-11: whoever commits belongs into the unit, and has not said that it cannot go on."""
    if staged.committer in removes_due(view):
        raise ProtocolError("GATE-11", "this device is to be removed from the unit itself")


def check_committers_leaf(staged: StagedCommit, accepted_at: UnixMillis) -> None:
    """GATE-12: the committer's new leaf is the same device's. And GATE-6, GATE-39."""
    if staged.path is None:
        return
    before, after = staged.before.leaf(staged.committer), staged.leaf
    if (after.credential, after.signature_key) != (before.credential, before.signature_key):
        raise ProtocolError("GATE-12", "a commit changes its sender's identity or signature key")
    check_set_at(after, accepted_at)
    check_size(after)


def check_removes_what_is_due(view: UnitView, staged: StagedCommit) -> None:
    """GATE-13: it removes every leaf whose removal is due."""
    removed = {i for i, _ in staged.removed}
    missing = [i for i in removes_due(view) if i not in removed]
    if missing:
        raise ProtocolError(
            "GATE-13",
            "{n} devices must be removed by this commit and are not; catch up and commit again",
            n=len(missing),
        )


def check_removes_nothing_else(
    view: UnitView, staged: StagedCommit, accepted_at: UnixMillis
) -> None:
    """GATE-14: it removes nobody who belongs into the unit, unless the leaf has become too old."""
    due = set(removes_due(view))
    if any(i not in due and not is_too_old(view, i, accepted_at) for i, _ in staged.removed):
        raise ProtocolError(
            "GATE-14", "a commit removes a device that belongs into the unit; revoke it first"
        )


def check_lifetime(key_package: KeyPackage) -> None:
    """GATE-16: an added KeyPackage lives for 7 days at most; that it lives now, MLS checked."""
    source = key_package.leaf_node.source
    assert isinstance(source, FromKeyPackage), "RFC9420-10.1-2"
    if source.lifetime.not_after - source.lifetime.not_before > MAX_KEY_PACKAGE_S:
        raise ProtocolError("GATE-16", "a KeyPackage lives longer than 7 days; claim another one")


def check_cap(people: Mapping[MemberId, int], cap: int, *, grown: bool) -> None:
    """GATE-17: no more people than the policy allows, and never more than MAX_PEOPLE.

    A cap that was lowered later turns nobody out: it is looked at when somebody comes.
    """
    limit = min(cap, MAX_PEOPLE)
    if grown and len(people) > limit:
        raise ProtocolError(
            "GATE-17",
            "the unit would have {n} people, and at most {cap} are allowed; revoke somebody first",
            n=len(people),
            cap=limit,
        )


def check_devices(people: Mapping[MemberId, int], *, among: Iterable[MemberId]) -> None:
    """GATE-18: a member is in the unit with MAX_DEVICES devices at most."""
    for member_id in among:
        if people[member_id] > MAX_DEVICES:
            raise ProtocolError(
                "GATE-18",
                "member {member} would be in the unit with more than {n} devices; revoke one first",
                member=member_id.hex(),
                n=MAX_DEVICES,
            )


def check_rotates_if_expired(view: UnitView, staged: StagedCommit, accepted_at: UnixMillis) -> None:
    """GATE-19: once the keys are too old, nothing is accepted before a commit with a path."""
    if staged.path is None and key_expired(view, accepted_at):
        raise ProtocolError(
            "GATE-19", "the unit's keys have expired; commit with a path, which renews them"
        )


def _added_people(staged: StagedCommit) -> set[MemberId]:
    return {identity_of(key_package.leaf_node).member_id for _, key_package in staged.added}


def _new_people(standing: Standing, staged: StagedCommit) -> bool:
    return any(member_id not in standing.people for member_id in _added_people(staged))
