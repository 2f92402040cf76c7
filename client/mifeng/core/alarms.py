"""Alarms: what should not be, kept with its evidence until somebody has looked (protocol.md,
"Alarms").

    ALARM-1  own commits have not been accepted for too long: somebody may be keeping old keys good
    ALARM-2  a sender had not been given entries that were accepted long before

Whatever breaks a rule of ledgers, logs, notes or receipts raises one under that rule's own id.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mifeng.core.rows import Changes, number
from mifeng.core.unit import Unit
from mifeng.expiring import Expiring
from mifeng_crypto.audit.evidence import (
    Alarm,
    Contradiction,
    Evidence,
    Observed,
    RefusedEntries,
)
from mifeng_crypto.errors import CodecError, MifengError, ProtocolError
from mifeng_crypto.expiry import retain_until, slot_of
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.chain import SplitViewError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import decode, encode

__all__ = [
    "WITHHELD_MS",
    "Losses",
    "alarm_of",
    "key_of",
    "place_of",
    "refused_entries",
    "rotation_starved",
    "row_of",
    "rows_to_alarms",
    "withheld_from",
]

STARVED_ATTEMPTS = 5
"""Own commits that were refused though nobody else's had come first."""
STARVED_RACES = 20
"""Own commits in a row that came too late: with honest luck one in three does."""
STARVED_AFTER_MS = 24 * 3600 * 1000
WITHHELD_MS = 10 * 60 * 1000
"""An honest server delivers within seconds; clocks may be ten minutes apart (GATE-21)."""


def alarm_of(
    err: MifengError, evidence: Evidence, *, unit_id: UnitId | None, now: UnixMillis
) -> Alarm:
    """Return the alarm that an error raises. A contradiction brings evidence of its own."""
    rule = err.rule if isinstance(err, ProtocolError) else type(err).__name__
    if isinstance(err, SplitViewError):
        evidence = Contradiction(err.split)
    return Alarm(rule, now, unit_id, str(err), evidence)


def refused_entries(ledger: str, after: Head, entries: Sequence[bytes]) -> RefusedEntries:
    """Return what was refused as evidence."""
    return RefusedEntries(ledger, after, tuple(entries))


@dataclass(frozen=True, slots=True)
class Losses:
    """This device's commits in one unit that were not accepted, since the last one that was."""

    since: UnixMillis
    refused: int = 0
    raced: int = 0

    def one_more(self, *, moved: bool) -> Losses:
        """Count one: `moved`, if another commit had come first."""
        if moved:
            return dataclasses.replace(self, raced=self.raced + 1)
        return dataclasses.replace(self, refused=self.refused + 1)

    def is_starved(self, now: UnixMillis) -> bool:
        """Whether somebody has to be told."""
        return (
            self.refused >= STARVED_ATTEMPTS
            or self.raced >= STARVED_RACES
            or now - self.since > STARVED_AFTER_MS
        )


def rotation_starved(losses: Losses, now: UnixMillis) -> ProtocolError:
    """ALARM-1."""
    attempts, hours = losses.refused + losses.raced, -(-(now - losses.since) // 3_600_000)
    return ProtocolError(
        "ALARM-1",
        "{attempts} commits of this device in {hours} hours were not accepted: its keys in this "
        "unit stay old; if others' commits are accepted, the server may be keeping yours back",
        attempts=attempts,
        hours=hours,
    )


def withheld_from(device: str, *, first: int, last: int) -> ProtocolError:
    """ALARM-2."""
    return ProtocolError(
        "ALARM-2",
        "device {device} has not been given entries {first} to {last}, which were accepted long "
        "before it sent: the server withholds them, or its connection is broken; ask its owner",
        device=device,
        first=first,
        last=last,
    )


def key_of(alarm: Alarm) -> bytes:
    """The key of an alarm's row, [unit id] hash: the same thing seen again is the same row."""
    content = encode(Alarm(alarm.rule, UnixMillis(0), alarm.unit_id, "", alarm.evidence))
    if isinstance(alarm.evidence, Observed):
        content += alarm.message.encode()
    return (alarm.unit_id or b"") + hashlib.sha256(content).digest()[:16]


def row_of(alarm: Alarm, unit: Unit | None, *, now: UnixMillis) -> Changes:
    """Return the row that keeps it; ciphertexts of messages no longer than they are served.

    Refused or not, they may be what somebody said, and the keys of their epoch may be here still.

    Args:
        alarm: what to keep.
        unit: the one that it is about; None for the roster.
        now: this device's time.
    """
    left, times = _without_messages(alarm)
    row, strict = encode(left), unit is not None and unit.charter.policy.strict is Strict.ON
    if times and unit is not None and not strict:
        accepted_at = max(unit.last_accepted_at, min(now, *times))
        policy = unit.charter.policy_at(unit.heads.charter.sequence)
        deadline = retain_until(accepted_at, policy.retention_s)
        if now < deadline:
            row = Expiring.of(
                encode(alarm),
                rest=row,
                unit_id=unit.unit_id,
                slot=slot_of(accepted_at),
                deadline=deadline,
            )
    return {("alarms", key_of(alarm)): row}


def _without_messages(alarm: Alarm) -> tuple[Alarm, list[UnixMillis]]:
    """Take the contents of messages out; return what is left, and when they were accepted."""
    evidence, times, left = alarm.evidence, list[UnixMillis](), list[bytes]()
    if not isinstance(evidence, RefusedEntries) or evidence.ledger != "log":
        return alarm, times
    for raw in evidence.entries:
        try:
            entry = decode(LogEntry, raw)
        except CodecError:
            # Nobody can say what it holds.
            times.append(alarm.time)
            left.append(b"")
            continue
        if entry.header.kind is EntryKind.MESSAGE and entry.content:
            times.append(entry.header.accepted_at)
            entry = LogEntry(entry.header, b"")
        left.append(encode(entry))
    return dataclasses.replace(
        alarm, evidence=dataclasses.replace(evidence, entries=tuple(left))
    ), times


def rows_to_alarms(rows: Sequence[tuple[bytes, bytes]]) -> list[Alarm]:
    """Return what the table holds, in order of time."""
    return sorted((decode(Alarm, value) for _, value in rows), key=lambda alarm: alarm.time)


def place_of(unit_id: UnitId, generation: int, sequence: int) -> bytes:
    """The key of a log entry's receipt."""
    return unit_id + generation.to_bytes(4, "big") + number(sequence)
