"""May this device ask to be removed and added again? See protocol.md, "The gate"."""

from __future__ import annotations

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.gate.authenticated import check_clock
from mifeng_crypto.gate.view import UnitView
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, UnixMillis
from mifeng_crypto.labels import verify_mifeng
from mifeng_crypto.log import NeedsReadd, NeedsReaddTBS
from mifeng_crypto.tls import decode, encode

__all__ = ["check_readd"]


def check_readd(
    view: UnitView, statement: bytes, *, accepted_at: UnixMillis, device_id: DeviceId
) -> NeedsReaddTBS:
    """Decide whether a device's statement that it cannot go on counts.

    Args:
        view: the unit before it.
        statement: an encoded NeedsReadd.
        accepted_at: when the log accepted it.
        device_id: the device that the log says sent it (of the server: that is logged in).

    Returns:
        What it says.

    Raises:
        ProtocolError: GATE-7, GATE-21, GATE-27, GATE-30, GATE-34, GATE-35.
        SplitViewError: LOG-8: the device was shown another log.
    """
    view.ledgers.check_open(view.public.group_id)
    tbs = check_statement(view, statement, device_id)
    check_seen(view, tbs)
    check_clock(tbs.time, accepted_at)
    check_asks_once(view, device_id)
    return tbs


def check_statement(view: UnitView, statement: bytes, device_id: DeviceId) -> NeedsReaddTBS:
    """GATE-34: a device that is in the tree signed it, for this group. GATE-27: in this epoch.

    A statement counts in one epoch only, so that nobody can have a device removed by it again.
    """
    try:
        said = decode(NeedsReadd, statement)
        leaf = view.standing.leaves[device_id]
        key = view.public.leaf(leaf).signature_key
        verify_mifeng(key, "NeedsReadd", encode(said.tbs), said.signature)
    except (CodecError, CryptoError, KeyError) as err:
        raise ProtocolError(
            "GATE-34", "nobody but a device of the unit asks for itself to be added again"
        ) from err
    tbs = said.tbs
    if (tbs.version, tbs.device_id, encode(tbs.group)) != (
        PROTOCOL_VERSION,
        device_id,
        view.public.group_id,
    ):
        raise ProtocolError("GATE-34", "this was signed for another unit, device or version")
    if tbs.epoch != view.public.epoch:
        raise ProtocolError(
            "GATE-27",
            "the statement is of epoch {found}, and the group is in epoch {epoch}; sign it again",
            found=tbs.epoch,
            epoch=view.public.epoch,
        )
    return tbs


def check_seen(view: UnitView, tbs: NeedsReaddTBS) -> None:
    """LOG-8: the device was shown this log, up to an entry of this epoch.

    Nobody knows the hash of an entry before it is made: so a server that names a later epoch to a
    device gets nothing that it could use once that has come.
    """
    view.log.check_has(tbs.seen)


def check_asks_once(view: UnitView, device_id: DeviceId) -> None:
    """GATE-35: a device asks once in an epoch; the next commit removes it."""
    if device_id in view.asked:
        raise ProtocolError("GATE-35", "this device has asked already; wait for the next commit")
