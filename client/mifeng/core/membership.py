"""What the ledgers ask of the group, and the commit that does it (protocol.md, "Desired state").

Ledgers say who should be in, commits make it so. Whoever is about to write first brings the group
to where the ledgers want it: all removals that are due, all additions that can be had, and fresh
keys when the old ones are a day old.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mifeng.core.profile import Profile
from mifeng.core.unit import Unit
from mifeng_crypto import gate
from mifeng_crypto.api.messages import ClaimedKeyPackage, CommitRequest, WelcomeOut
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import (
    SET_AT_EXTENSION,
    UNIT_WELCOME_EXTENSION,
    SetAt,
    UnitWelcome,
)
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import decode, encode

__all__ = ["Due", "commit", "commit_request", "due", "set_at"]


@dataclass(frozen=True, slots=True)
class Due:
    """What a commit has to do now; `add` needs KeyPackages first."""

    remove: tuple[mls.LeafIndex, ...]
    add: tuple[DeviceId, ...]
    rotate: bool

    def __bool__(self) -> bool:
        return bool(self.remove or self.add or self.rotate)


def due(unit: Unit, roster: Roster, *, now: UnixMillis, renew: bool = False) -> Due:
    """Compare the group with the ledgers at the last `heads`, and its keys with the clock.

    Args:
        unit: with an epoch.
        roster: as known.
        now: this device's time.
        renew: whether it is this device's turn to renew its own leaf, should that be half as old
            as it may become.
    """
    if unit.is_closed:
        return Due((), (), rotate=False)
    view, own = unit.view(roster), unit.active_epoch.own_leaf
    if own in gate.removes_due(view):  # whoever is to go leaves that to the others (GATE-11)
        return Due((), (), rotate=False)
    return Due(
        remove=_to_remove(view, own, now),
        # By a clock that is behind: what the server's does not allow yet is not tried.
        add=tuple(gate.adds_missing(view, UnixMillis(now - CLOCK_TOLERANCE_MS))),
        rotate=gate.rotation_due(view, now) or (renew and _is_half_old(view, own, now)),
    )


def _to_remove(
    view: gate.UnitView, own: mls.LeafIndex, now: UnixMillis
) -> tuple[mls.LeafIndex, ...]:
    """What must go, and what has been silent for too long."""
    due = gate.removes_due(view)
    return (*due, *(i for i in gate.leaves_too_old(view, now) if i not in due and i != own))


def _is_half_old(view: gate.UnitView, own: mls.LeafIndex, now: UnixMillis) -> bool:
    # The server asks by its own clock, which may be ahead of this one.
    return gate.renewal_due(view, own, UnixMillis(now + CLOCK_TOLERANCE_MS))


def set_at(now: UnixMillis) -> tuple[Extension, ...]:
    """The leaf extensions of a leaf that is made now."""
    return (Extension(SET_AT_EXTENSION, encode(SetAt(now))),)


def commit(
    unit: Unit,
    what: Due,
    claimed: Iterable[ClaimedKeyPackage],
    *,
    roster: Roster,
    profile: Profile,
    now: UnixMillis,
    rng: Rng,
) -> Unit | None:
    """Prepare the commit. It takes effect only when the log brings it back; save before sending.

    A KeyPackage with which the others would refuse the commit keeps its own device out, and not the
    unit from going on.

    Returns:
        The unit with its pending commit; None if there is nothing to do: only additions are due
        and nobody's KeyPackage was to be had.
    """
    assert unit.pending is None, "one commit at a time"
    packages = [p for item in claimed if (p := _fit(item, unit, what, roster, now)) is not None]

    def prepare(add: Sequence[mls.VerifiedKeyPackage]) -> Unit | None:
        return _prepare(unit, what, add, roster=roster, profile=profile, now=now, rng=rng)

    try:
        return prepare(packages)
    except ProtocolError:
        if not packages:
            raise
    good = [package for package in packages if _passes(prepare, package)]
    try:
        return prepare(good)
    except ProtocolError:  # each passes, but not together: the ledgers or the cap leave less room
        return prepare(good[:1])


def _passes(
    prepare: Callable[[Sequence[mls.VerifiedKeyPackage]], Unit | None],
    package: mls.VerifiedKeyPackage,
) -> bool:
    try:
        prepare((package,))
    except ProtocolError:
        return False
    return True


def _prepare(
    unit: Unit,
    what: Due,
    packages: Sequence[mls.VerifiedKeyPackage],
    *,
    roster: Roster,
    profile: Profile,
    now: UnixMillis,
    rng: Rng,
) -> Unit | None:
    if not (packages or what.remove or what.rotate):
        return None
    said = unit.authenticated_data(roster, state=unit.view(roster).state, now=now)
    welcome = UnitWelcome(unit.title, unit.topic, said)
    pending = mls.commit(
        unit.active_epoch,
        signature_key=profile.signature_key,
        add=packages,
        remove=what.remove,
        path=bool(what.remove) or what.rotate,
        leaf_extensions=set_at(now),
        authenticated_data=said,
        group_info_extensions=(Extension(UNIT_WELCOME_EXTENSION, encode(welcome)),),
        now_s=now // 1000,
        rng=rng,
    )
    # What the others would refuse is not sent.
    gate.check_commit(
        unit.view(roster), pending.staged, accepted_at=now, device_id=profile.device_id
    )
    return dataclasses.replace(unit, pending=pending)


def commit_request(unit: Unit) -> CommitRequest:
    """The request that carries the pending commit: the same bytes at each attempt."""
    assert unit.pending is not None, "there is a commit to send"
    pending = unit.pending
    welcome = None
    if pending.welcome is not None:
        device_ids = [_device_of(package) for _, package in pending.staged.added]
        welcome = WelcomeOut(welcome=pending.welcome, device_ids=device_ids)
    return CommitRequest(generation=unit.generation, commit=pending.message, welcome=welcome)


def _fit(
    item: ClaimedKeyPackage, unit: Unit, what: Due, roster: Roster, now: UnixMillis
) -> mls.VerifiedKeyPackage | None:
    """Verify one KeyPackage; a bad one keeps its own device out and nobody else."""
    try:
        message = decode(MLSMessage, item.key_package).message
        if not isinstance(message, KeyPackage) or item.device_id not in what.add:
            return None
        verified = mls.verify_key_package(message, now_s=now // 1000)
    except (CodecError, ProtocolError):
        return None
    device = roster.device(DeviceId(item.device_id), at=unit.heads.roster.sequence)
    fits = (
        device is not None
        and message.leaf_node.signature_key == device.signature_key
        and _device_of(message) == item.device_id
        and message.cipher_suite == unit.charter.cipher_suite
    )
    return verified if fits else None


def _device_of(package: KeyPackage) -> bytes:
    return gate.identity_of(package.leaf_node).device_id
