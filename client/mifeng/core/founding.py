"""A new unit: its charter's first entry and its group at epoch 0 (protocol.md, "Unit life").

Saved before it is sent, in the status `CREATING`: an answer that is lost is asked for again with
the same bytes.
"""

from __future__ import annotations

import dataclasses

from mifeng.core.charters import sign
from mifeng.core.key_packages import CAPABILITIES, lifetime
from mifeng.core.membership import set_at
from mifeng.core.profile import Profile
from mifeng.core.rows import Changes, UnitStatus, ledger_rows
from mifeng.core.unit import Unit, changes_between
from mifeng_crypto import gate
from mifeng_crypto.ids import GroupId, MemberId, UnitId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import Create, UnitKind
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Heads, LogHeader
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.rand import Rng
from mifeng_crypto.suite import suite_by_id
from mifeng_crypto.tls import encode

__all__ = ["create", "created", "first_epoch"]


def create(
    profile: Profile,
    roster: Roster,
    *,
    title: str,
    topic: str,
    kind: UnitKind,
    policy: Policy,
    suite_id: int,
    parent: UnitId | None = None,
    peer: MemberId | None = None,
    above: Charter | None = None,
    now: UnixMillis,
    rng: Rng,
) -> tuple[Unit, Changes]:
    """Make the unit.

    Args:
        profile, roster: of its creator.
        title, topic: what only its members see.
        kind, policy, suite_id: what its charter says.
        parent: the unit above.
        peer: of a direct unit, the second person.
        above: the parent's charter, as far as it is known.
        now: the time.
        rng: of ids and keys.

    Raises:
        ProtocolError: this member may not create such a unit.
    """
    unit_id = UnitId(rng(16))
    body = Create(kind=kind, parent=parent, peer=peer, cipher_suite=suite_id, policy=policy)
    entry, charter = sign(None, body, profile, roster, above=above, unit_id=unit_id, now=now)
    epoch = first_epoch(GroupId(unit_id, 0), profile, suite_id=suite_id, now=now, rng=rng)
    gate.check_create(roster, charter, epoch.public, now=now)
    info = mls.group_info(epoch, signature_key=profile.signature_key, extensions=(), with_tree=True)
    group_info = encode_message(info)
    unit = Unit(
        unit_id=unit_id,
        generation=0,
        status=UnitStatus.CREATING,
        title=title,
        topic=topic,
        charter=charter,
        heads=Heads(roster.head, charter.head),
        log=gate.LogPosition.begin(gate.genesis_of_log(group_info)),
        last_accepted_at=now,
        rotated_at=now,
        steady_since=now,
        group_info=group_info,
        epoch=epoch,
    )
    rows = ledger_rows("charter", unit_id, 0, [encode(entry)])
    return unit, {**changes_between(None, unit), **rows}


def first_epoch(
    group: GroupId, profile: Profile, *, suite_id: int, now: UnixMillis, rng: Rng
) -> mls.Epoch:
    """Make a group in which this device is alone."""
    return mls.create(
        suite=suite_by_id(suite_id),
        group_id=encode(group),
        signature_key=profile.signature_key,
        credential=BasicCredential(profile.identity),
        capabilities=CAPABILITIES,
        leaf_extensions=set_at(now),
        lifetime=lifetime(now),
        rng=rng,
    )


def created(unit: Unit, header: LogHeader) -> Unit:
    """The server has opened the unit; its first entry is then applied as any other."""
    return dataclasses.replace(
        unit,
        status=UnitStatus.ACTIVE,
        group_info=b"",
        last_accepted_at=header.accepted_at,
        rotated_at=header.accepted_at,
        steady_since=header.accepted_at,
    )
