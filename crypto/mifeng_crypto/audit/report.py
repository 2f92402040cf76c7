"""What an audit says: who was in when, who signed what by which right, and what is wrong.

Values only; they are made by `history.py`, `unit_log.py` and `evidence_check.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from mifeng_crypto.errors import MifengError, ProtocolError
from mifeng_crypto.ids import DeviceId, GroupId, MemberId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster

__all__ = [
    "EpochLine",
    "Finding",
    "LedgerLine",
    "LogReport",
    "MemberLine",
    "Report",
    "UnitReport",
    "Weight",
]


class Weight(enum.Enum):
    """How much a finding weighs, the heaviest first."""

    PROVEN = "proven"
    """The server signed what convicts it: anybody can check that."""
    FAULT = "fault"
    """What stands in the export breaks a rule; who made it so, the export alone does not say."""
    SHOWN = "shown"
    """An alarm holds bytes that do break its rule; that the server gave them is a device's word."""
    CLAIMED = "claimed"
    """A device says so; without the unit's keys nobody can check."""
    GAP = "gap"
    """Something is not in the export, and is not judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not in order, or could not be looked at.

    Attributes:
        weight: how much it weighs.
        place: where: a ledger or log, and a sequence.
        error: what, with the rule's id; its message can be translated.
    """

    weight: Weight
    place: str
    error: MifengError

    @property
    def rule(self) -> str:
        return (
            self.error.rule if isinstance(self.error, ProtocolError) else type(self.error).__name__
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """An entry of a ledger: who signed it, by which right, and what it does to whom."""

    sequence: int
    time: UnixMillis
    author: MemberId
    device: DeviceId | None
    right: str
    action: str
    subject: MemberId | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """A change of who is in: by a commit (the tree) or a `heads` (who should be in)."""

    sequence: int
    epoch: int
    time: UnixMillis
    by: MemberId | None
    added: tuple[MemberId, ...]
    removed: tuple[MemberId, ...]
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLine:
    """An epoch, and how old its keys were when something was last encrypted under them."""

    epoch: int
    sequence: int
    time: UnixMillis
    fresh_keys: bool
    messages: int
    oldest_ms: int


@dataclass(slots=True)
class LogReport:
    """One generation's log."""

    group: GroupId
    entries: int = 0
    commits: int = 0
    messages: int = 0
    expired: int = 0
    followed_to: int = 0
    """Up to which sequence the tree could be followed; whoever reads it knows who was in until
    then."""
    membership: list[MemberLine] = field(default_factory=list)
    epochs: list[EpochLine] = field(default_factory=list)
    hashes: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class UnitReport:
    """One unit."""

    unit_id: UnitId
    charter: Charter | None = None
    lines: list[LedgerLine] = field(default_factory=list)
    logs: list[LogReport] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """One export, judged."""

    workspace_id: WorkspaceId
    member_id: MemberId
    exported_at: UnixMillis
    roster: Roster | None = None
    lines: list[LedgerLine] = field(default_factory=list)
    units: dict[UnitId, UnitReport] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    signed: int = 0
    """How many signatures of the server's were verified."""

    def add(self, weight: Weight, place: str, error: MifengError) -> None:
        """Note a finding."""
        self.findings.append(Finding(weight, place, error))

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong; gaps are not."""
        return all(finding.weight is Weight.GAP for finding in self.findings)

    def weighed(self, weights: Iterable[Weight]) -> list[Finding]:
        """Return the findings of these weights, in their order."""
        wanted = set(weights)
        return [finding for finding in self.findings if finding.weight in wanted]
