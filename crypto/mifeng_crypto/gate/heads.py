"""Moving the gate's judgement forward: a `heads` entry (protocol.md, "The gate")."""

from __future__ import annotations

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate.view import UnitView
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Heads

__all__ = ["check_heads"]


def check_heads(view: UnitView, heads: Heads, *, accepted_at: UnixMillis) -> None:
    """Decide whether the unit may be judged by these heads from now on.

    The server asks before it appends a charter entry or writes `heads`; clients when one comes.

    Raises:
        ProtocolError: GATE-1, GATE-2, GATE-3, GATE-31; LEDGER-8: they are of another history.
        NeedLedgerError: LEDGER-9: the ledgers are not known that far; fetch them first.
    """
    check_on_ledgers(view.roster, view.charter, heads)
    if view.log.sequence == view.charter.generation(at=heads.charter.sequence).begins:
        check_signed_now(view.charter.time_at(heads.charter.sequence), accepted_at)
        return  # the first entry of a generation
    check_forward(view.heads, heads)
    check_new_entries(view, heads)
    check_times(view, heads, accepted_at)


def check_on_ledgers(roster: Roster, charter: Charter, heads: Heads) -> None:
    """LEDGER-8, LEDGER-9 for both. GATE-3: the roster reaches as far as the charter's author knew.

    Raises:
        ProtocolError: GATE-3, LEDGER-8.
        NeedLedgerError: LEDGER-9.
    """
    roster.check_has(heads.roster)
    charter.check_has(heads.charter)
    at = heads.charter.sequence
    if at == 0 or charter.roster_sequence_at(at) > heads.roster.sequence:
        raise ProtocolError("GATE-3", "the heads name a charter without the roster that it needs")


def check_forward(before: Heads, heads: Heads) -> None:
    """GATE-1: neither ledger goes back, and one of them goes forward."""
    if (
        heads.roster.sequence < before.roster.sequence
        or heads.charter.sequence < before.charter.sequence
        or heads == before
    ):
        raise ProtocolError(
            "GATE-1",
            "the server names no newer roster or charter, or an older one; "
            "stop, and tell your admin",
        )


def check_new_entries(view: UnitView, heads: Heads) -> None:
    """GATE-2: charter entries that come with these heads know the roster of the heads before.

    Else somebody who has lost his rights in the roster could, with the server's help, sign in the
    charter as of a time when he had them.
    """
    first = view.heads.charter.sequence + 1
    if (
        first <= heads.charter.sequence
        and view.charter.roster_sequence_at(first) < view.heads.roster.sequence
    ):
        raise ProtocolError(
            "GATE-2",
            "the charter's new entry was signed under an older roster than the unit goes by; "
            "fetch the roster, sign again, send again",
        )


def check_times(view: UnitView, heads: Heads, accepted_at: UnixMillis) -> None:
    """GATE-31: entries come into the log when they say that they were signed.

    So that what counts from an entry's time, an archive's notice, cannot be over when it is shown;
    and so that no log's time moves by the server's word alone.
    """
    signed = range(view.heads.charter.sequence + 1, heads.charter.sequence + 1)
    for sequence in signed:
        check_signed_now(view.charter.time_at(sequence), accepted_at)
    if not signed and accepted_at > view.last_accepted_at:
        check_signed_now(view.roster.time_at(heads.roster.sequence), accepted_at)


def check_signed_now(time: UnixMillis, accepted_at: UnixMillis) -> None:
    """GATE-31, of one entry."""
    off = abs(time - accepted_at)
    if off > CLOCK_TOLERANCE_MS:
        raise ProtocolError(
            "GATE-31",
            "the ledger's new entry is dated {seconds} s from the time at which it was "
            "accepted; set this device's clock, sign again",
            seconds=off // 1000,
        )
