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
from mifeng_crypto.audit.evidence import (
    Alarm,
    Contradiction,
    Evidence,
    Observed,
    RefusedEntries,
)
from mifeng_crypto.errors import MifengError, ProtocolError
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.chain import SplitViewError
from mifeng_crypto.ledger.head import Head
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
    """The key of an alarm's row: the same thing seen again is the same row."""
    content = encode(Alarm(alarm.rule, UnixMillis(0), alarm.unit_id, "", alarm.evidence))
    if isinstance(alarm.evidence, Observed):
        content += alarm.message.encode()
    return hashlib.sha256(content).digest()[:16]


def row_of(alarm: Alarm) -> Changes:
    """Return the row that keeps it."""
    return {("alarms", key_of(alarm)): encode(alarm)}


def rows_to_alarms(rows: Sequence[tuple[bytes, bytes]]) -> list[Alarm]:
    """Return what the table holds, in order of time."""
    return sorted((decode(Alarm, value) for _, value in rows), key=lambda alarm: alarm.time)


def place_of(unit_id: UnitId, generation: int, sequence: int) -> bytes:
    """The key of a log entry's receipt."""
    return unit_id + generation.to_bytes(4, "big") + number(sequence)
