"""A unit that cannot go on begins anew, in its next generation (protocol.md, "Restart").

Its charter says so, and who opens it. Nothing of the old group goes over: no key, no tree. Whoever
opens it is alone in it, and lets in those whom the charter grants, as in any unit.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mifeng.core import outbox
from mifeng.core.charters import sign
from mifeng.core.founding import first_epoch
from mifeng.core.profile import Profile
from mifeng.core.rows import Changes, UnitStatus
from mifeng.core.unit import Unit
from mifeng_crypto import gate
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import Restart
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Heads, LogHeader
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import Opaque, Vec, decode, encode, struct

__all__ = ["Prepared", "key_of", "prepare", "restarted", "unit_of"]

PART = b"restart"


@struct
class Part:
    """A part of the new group's epoch."""

    name: Opaque
    value: Opaque


@struct
class PreparedRecord:
    """Table `pending`, key unit_id || "restart": a restart that the server has not answered."""

    entry: Opaque
    group_info: Opaque
    heads: Heads
    parts: Vec[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What opens a generation, saved before it is sent: the same bytes until there is an answer."""

    entry: bytes
    group_info: bytes
    heads: Heads
    epoch: mls.Epoch

    def rows(self, unit_id: UnitId) -> Changes:
        """Return what to save."""
        parts = self.epoch.parts(None).items()
        record = PreparedRecord(
            entry=self.entry,
            group_info=self.group_info,
            heads=self.heads,
            parts=tuple(Part(name, value) for name, value in parts if value is not None),
        )
        return {key_of(unit_id): encode(record)}

    @classmethod
    def decode(cls, row: bytes) -> Prepared:
        """Read what `rows` wrote."""
        record = decode(PreparedRecord, row)
        return cls(
            entry=record.entry,
            group_info=record.group_info,
            heads=record.heads,
            epoch=mls.Epoch.from_parts({part.name: part.value for part in record.parts}),
        )


def key_of(unit_id: UnitId) -> tuple[str, bytes]:
    """Return where a prepared restart is kept."""
    return "pending", unit_id + PART


def unit_of(key: bytes) -> UnitId | None:
    """Return whose prepared restart a row of `pending` is; None if it is something else."""
    return UnitId(key[:16]) if key[16:] == PART else None


def prepare(
    unit: Unit,
    log: Head,
    profile: Profile,
    roster: Roster,
    *,
    above: Charter | None,
    now: UnixMillis,
    rng: Rng,
) -> Prepared:
    """Sign the charter's entry and make the new group.

    Args:
        unit: with its charter at the head.
        log: the head of the present generation's log.
        profile, roster: of whoever restarts it.
        above: the parent's charter, if it is known.
        now: the time.
        rng: of keys.

    Raises:
        ProtocolError: CHARTER-n: this member may not restart the unit.
    """
    number = unit.charter.generation().number + 1
    entry, charter = sign(unit.charter, Restart(number, log), profile, roster, above=above, now=now)
    group = dataclasses.replace(unit.group, generation=number)
    epoch = first_epoch(group, profile, suite_id=charter.cipher_suite, now=now, rng=rng)
    gate.check_create(roster, charter, epoch.public, now=now)
    info = mls.group_info(epoch, signature_key=profile.signature_key, extensions=(), with_tree=True)
    return Prepared(
        entry=encode(entry),
        group_info=encode_message(info),
        heads=Heads(roster.head, charter.head),
        epoch=epoch,
    )


def restarted(unit: Unit, prepared: Prepared, header: LogHeader) -> Unit:
    """The server has opened the generation; its first entry is then applied as any other.

    Args:
        unit: as it stood, its charter with the restart.
        prepared: what was sent.
        header: of the first entry.
    """
    made = unit.charter.generation()
    assert made.number == header.group.generation, "the charter is followed first"
    genesis = gate.genesis_of_log(prepared.group_info, begins=made.begins)
    return dataclasses.replace(
        outbox.epoch_ended(unit).without_keys(UnitStatus.ACTIVE),
        generation=made.number,
        heads=prepared.heads,
        log=gate.LogPosition.begin(genesis),
        last_accepted_at=header.accepted_at,
        rotated_at=header.accepted_at,
        steady_since=header.accepted_at,
        epoch=prepared.epoch,
    )
