"""May this message be accepted? See protocol.md, "The gate".

The server asks about bytes that it cannot read, by what stands beside them in the clear; a client
asks again about the same once it has decrypted them, and knows then which leaf signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate.authenticated import check_authenticated_data
from mifeng_crypto.gate.commit import check_sender
from mifeng_crypto.gate.view import UnitView, key_expired
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.policy import Posting
from mifeng_crypto.log import AuthenticatedData, Purpose
from mifeng_crypto.mls.group import LeafIndex
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode

__all__ = ["MAY_COMMENT", "MAY_POST", "authenticated_data_of", "check_message"]

MAY_POST: Mapping[Posting, frozenset[UnitRole]] = MappingProxyType(
    {
        Posting.EVERYONE: frozenset({UnitRole.MANAGER, UnitRole.MEMBER, UnitRole.PUBLISHER}),
        Posting.PUBLISHERS: frozenset({UnitRole.MANAGER, UnitRole.PUBLISHER}),
        Posting.COMMENTS: frozenset({UnitRole.MANAGER, UnitRole.PUBLISHER}),
    }
)
"""Who may post, by the unit's policy. Readers never may; whoever is in may respond."""

MAY_COMMENT: Mapping[Posting, frozenset[UnitRole]] = MappingProxyType(
    {**MAY_POST, Posting.COMMENTS: frozenset(UnitRole) - {UnitRole.ARCHIVE}}
)
"""Who may write in a thread, by the unit's policy: whoever may post, or all but archives."""


def authenticated_data_of(view: UnitView, message: bytes) -> bytes:
    """Return what stands in the clear beside an encrypted message: for the server.

    Raises:
        CodecError: it is no MLSMessage.
        ProtocolError: GATE-26; GATE-27: it is of another epoch than the group.
    """
    private = decode(MLSMessage, message).message
    if (
        not isinstance(private, PrivateMessage)
        or private.content_type != registry.APPLICATION
        or private.group_id != view.public.group_id
    ):
        raise ProtocolError("GATE-26", "a message is a PrivateMessage of this unit's group")
    if private.epoch != view.public.epoch:
        raise ProtocolError(
            "GATE-27",
            "the message is of epoch {found}, and the group is in epoch {epoch}; "
            "catch up, encrypt again, send again",
            found=private.epoch,
            epoch=view.public.epoch,
        )
    return private.authenticated_data


def check_message(
    view: UnitView,
    authenticated_data: bytes,
    *,
    accepted_at: UnixMillis,
    device_id: DeviceId,
    sender: LeafIndex | None,
) -> AuthenticatedData:
    """Decide whether a message may be accepted.

    Args:
        view: the unit before the message.
        authenticated_data: of the PrivateMessage; authenticated only once it is decrypted.
        accepted_at: when the log accepted it.
        device_id: the device that the log says sent it (of the server: that is logged in).
        sender: the leaf that signed it; None at the server, which cannot know.

    Returns:
        What its sender says that it had seen, and the files that it shows.

    Raises:
        ProtocolError: GATE-7, GATE-20 to GATE-25, GATE-30, GATE-37, LOG-8, LEDGER-8.
        NeedLedgerError: LEDGER-9: its sender knows more of a ledger; fetch it first.
    """
    if sender is not None:
        check_sender(view.public.leaf(sender), device_id)
    view.ledgers.check_open(view.public.group_id)
    check_nothing_due(view)
    check_key(view, accepted_at)
    said = check_authenticated_data(view, authenticated_data, accepted_at=accepted_at)
    check_no_state(said)
    check_may_post(view, device_id, said.purpose)
    return said


def check_nothing_due(view: UnitView) -> None:
    """GATE-23: while removals are due, nothing is sent that the removed could read."""
    if view.standing.due:
        raise ProtocolError(
            "GATE-23",
            "{n} devices must be removed from the unit before anything is sent",
            n=len(view.standing.due),
        )


def check_key(view: UnitView, accepted_at: UnixMillis) -> None:
    """GATE-24: nothing is encrypted under keys that are older than the policy allows."""
    if key_expired(view, accepted_at):
        raise ProtocolError("GATE-24", "the unit's keys have expired; commit a rotation, then send")


def check_no_state(said: AuthenticatedData) -> None:
    """GATE-37: only a commit says by what the unit is judged."""
    if said.unit is not None:
        raise ProtocolError("GATE-37", "a message says of the unit what only commits say")


def check_may_post(view: UnitView, device_id: DeviceId, purpose: Purpose) -> None:
    """GATE-25: MAY_POST, or it is a response; and the device is in the unit.

    That a response is one, only those can see who can read it: they hold it against the content.
    """
    leaf = view.standing.leaves.get(device_id)
    if leaf is None:
        raise ProtocolError("GATE-25", "this device is not in the unit (yet)")
    device = view.roster.device(device_id, at=view.heads.roster.sequence)
    role = view.ledgers.role_of(device.member_id) if device is not None else None
    if purpose is Purpose.RESPONSE and role is not None:
        return
    if role not in MAY_POST[view.ledgers.policy.posting]:
        raise ProtocolError(
            "GATE-25", "this member may read here and not post; ask the unit's manager"
        )
