"""What the server has signed, and whether it can all be true (protocol.md, "Audit").

AUDIT-6  every head that the server signed is on the ledgers and logs of the export
AUDIT-7  no two heads that the server signed contradict each other
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mifeng_crypto.audit.report import Report, Weight
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import WorkspaceId
from mifeng_crypto.ledger.checkpoint import (
    Checkpoint,
    key_name,
    open_checkpoint,
    origin_of_charter,
    origin_of_log,
    origin_of_roster,
)
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.note import parse_note
from mifeng_crypto.ledger.receipt import Acceptance, open_receipt
from mifeng_crypto.ledger.roster_entry import Found, RosterEntry, SetServer
from mifeng_crypto.tls import decode

__all__ = ["Signed", "Statements", "keys_of", "notes_in"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A head under the server's signature. `origin` says of which ledger or log."""

    origin: str
    head: Head


@dataclass(slots=True)
class Statements:
    """All that is signed in one or more exports of a workspace."""

    workspace_id: WorkspaceId
    keys: list[bytes]
    signed: dict[tuple[str, int], set[bytes]] = field(default_factory=dict)

    def note(self, note: bytes) -> Checkpoint:
        """Verify a checkpoint by any key that the roster ever named, and take it in.

        Raises:
            ProtocolError: NOTE-1, NOTE-2, CHECKPOINT-1.
        """
        text = parse_note(note).text
        origin = text.split("\n", 1)[0]
        if not origin.startswith(key_name(self.workspace_id) + "/"):
            raise ProtocolError("CHECKPOINT-1", "this is a checkpoint of another workspace")
        err: ProtocolError | None = None
        for key in self.keys:
            try:
                found = open_checkpoint(
                    note, origin=origin, workspace_id=self.workspace_id, public_key=key
                )
            except ProtocolError as failed:
                err = failed
                continue
            self._take(found.origin, found.head)
            return found
        raise err or ProtocolError("NOTE-2", "the roster names no key that could have signed this")

    def receipt(self, receipt: bytes) -> Acceptance:
        """Verify a receipt likewise.

        Raises:
            ProtocolError: RECEIPT-1, RECEIPT-2.
        """
        err: ProtocolError | None = None
        for key in self.keys:
            try:
                found = open_receipt(receipt, public_key=key)
            except ProtocolError as failed:
                err = failed
                continue
            if found.workspace_id != self.workspace_id:
                break
            self._take(
                origin_of_log(self.workspace_id, found.group), Head(found.sequence, found.hash)
            )
            return found
        raise err or ProtocolError("RECEIPT-2", "this is a receipt of another workspace")

    def _take(self, origin: str, head: Head) -> None:
        self.signed.setdefault((origin, head.sequence), set()).add(head.hash)

    @property
    def count(self) -> int:
        """How many different heads are signed."""
        return sum(map(len, self.signed.values()))

    def covers(self, origin: str, hashes: dict[int, bytes], sequence: int) -> bool:
        """Whether the server has signed this very history at `sequence` or after it."""
        return any(
            signed == origin and at >= sequence and hashes.get(at) in found
            for (signed, at), found in self.signed.items()
        )

    def judge(self, report: Report, chains: dict[str, dict[int, bytes]]) -> None:
        """AUDIT-6, AUDIT-7: hold each signed head against what is there, and against the others."""
        for (origin, sequence), hashes in sorted(self.signed.items()):
            place = f"{origin} {sequence}"
            if len(hashes) > 1:
                report.add(
                    Weight.PROVEN,
                    place,
                    ProtocolError("AUDIT-7", "the server has signed two histories"),
                )
            chain = chains.get(origin)
            if chain is None:
                continue
            own = chain.get(sequence)
            if own is None and sequence > max(chain, default=0):
                self._past(report, place)
            elif own is not None and hashes != {own}:
                err = ProtocolError(
                    "AUDIT-6", "the server has signed another history than the one that it gave"
                )
                covered = self.covers(origin, chain, sequence)
                report.add(Weight.PROVEN if covered else Weight.FAULT, place, err)

    def _past(self, report: Report, place: str) -> None:
        err = ProtocolError("AUDIT-6", "the server has signed an entry that it did not give")
        report.add(Weight.FAULT, place, err)


def keys_of(entries: Iterable[bytes]) -> list[bytes]:
    """Return the checkpoint keys that a roster ever named, the newest first."""
    keys: list[bytes] = []
    for raw in entries:
        body = decode(RosterEntry, raw).tbs.body
        if isinstance(body, Found | SetServer) and body.server.checkpoint_key:
            keys.insert(0, body.server.checkpoint_key)
    return list(dict.fromkeys(keys))


def notes_in(statement: bytes) -> list[bytes]:
    """Take apart what holds one note, or two of one origin, one behind the other."""
    origin, newline, _ = statement.partition(b"\n")
    second = statement.find(b"\n" + origin + newline, len(origin))
    if not newline or second < 0:
        return [statement]
    return [statement[: second + 1], statement[second + 1 :]]


def chains_of(report: Report) -> dict[str, dict[int, bytes]]:
    """Return the hashes of everything that was replayed, by origin."""
    chains: dict[str, dict[int, bytes]] = {}
    workspace_id = report.workspace_id
    if report.roster is not None:
        roster = report.roster
        chains[origin_of_roster(workspace_id)] = {
            n: roster.hash_at(n) for n in range(1, roster.head.sequence + 1)
        }
    for unit_id, unit in report.units.items():
        if unit.charter is not None:
            charter = unit.charter
            chains[origin_of_charter(workspace_id, unit_id)] = {
                n: charter.hash_at(n) for n in range(1, charter.head.sequence + 1)
            }
        for log in unit.logs:
            chains[origin_of_log(workspace_id, log.group)] = log.hashes
    return chains
