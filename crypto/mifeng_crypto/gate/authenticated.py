"""What the sender of a commit or message says that it had seen (protocol.md, "Unit log").

A server that shows two people two histories is caught by the first entry between them: the ledgers
and the log that its sender names must be on the receiver's own.
"""

from __future__ import annotations

from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.gate.view import UnitView
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS, SplitViewError
from mifeng_crypto.log import AuthenticatedData, UnitState
from mifeng_crypto.tls import decode

__all__ = ["check_authenticated_data"]


def check_authenticated_data(
    view: UnitView, data: bytes, *, accepted_at: UnixMillis
) -> AuthenticatedData:
    """Hold what a sender says against what is known here.

    Raises:
        ProtocolError: GATE-20, GATE-21, LOG-8.
        SplitViewError: LEDGER-8, LOG-8: ledger or log are of another history there.
        NeedLedgerError: LEDGER-9: the sender knows more of a ledger; fetch it first.
    """
    said = read_authenticated_data(data)
    check_clock(said.time, accepted_at)
    try:
        view.log.check_has(said.log)
        view.roster.check_has(said.roster)
        view.charter.check_has(said.charter)
    except SplitViewError as err:
        raise err.stated_in(data) from err
    return said


def read_authenticated_data(data: bytes) -> AuthenticatedData:
    """GATE-20: it is an `AuthenticatedData` of this version, and names no file twice."""
    try:
        said = decode(AuthenticatedData, data)
    except CodecError as err:
        raise ProtocolError("GATE-20", "the authenticated data is malformed") from err
    if said.version != PROTOCOL_VERSION:
        raise ProtocolError(
            "GATE-20",
            "this was sent under version {version} of the protocol; install a newer mifeng",
            version=said.version,
        )
    if len(set(said.files)) != len(said.files):
        raise ProtocolError("GATE-20", "the message names a file twice")
    return said


def state_in(said: AuthenticatedData) -> UnitState:
    """GATE-36: return by what the unit is judged, as a commit says it."""
    if said.unit is None:
        raise ProtocolError("GATE-36", "a commit does not say by what its unit is judged")
    return said.unit


def check_clock(time: UnixMillis, accepted_at: UnixMillis) -> None:
    """GATE-21: sender and server agree on the time, within ten minutes."""
    off = abs(time - accepted_at)
    if off > CLOCK_TOLERANCE_MS:
        raise ProtocolError(
            "GATE-21",
            "the sender's clock and the server's are {seconds} s apart; set this device's clock",
            seconds=off // 1000,
        )
