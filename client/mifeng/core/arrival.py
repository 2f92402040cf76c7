"""What of a content only those can judge who read it, at the moment in which it arrives.

Then the unit is as it was for the sender: its tree, its roles, its policy. What does not pass
stands in the timeline with its author and the rule, never its content (protocol.md, "Content").
"""

from __future__ import annotations

from mifeng.content import Message, Origin, decode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import UnitView
from mifeng_crypto.ids import MemberId
from mifeng_crypto.log import Purpose

__all__ = ["check_arrival"]


def check_arrival(
    view: UnitView, content: bytes, *, purpose: Purpose, sender: MemberId
) -> Message | None:
    """Judge a content that the gate has let pass.

    Args:
        view: the unit before the message.
        content: what was encrypted.
        purpose: what it was sent as.
        sender: whose device signed it.

    Returns:
        What it says, if it had to be looked at; most need not be.

    Raises:
        CodecError: it is malformed.
        ProtocolError: CONTENT-n.
    """
    if purpose is not Purpose.RESPONSE:
        return None
    origin = Origin(
        workspace_id=view.roster.workspace_id, unit_id=view.charter.unit_id, member_id=sender
    )
    message = decode(content, origin=origin)
    check_purpose(message, purpose)
    return message


def check_purpose(message: Message, purpose: Purpose) -> None:
    """CONTENT-4: what is sent as a response is one.

    Raises:
        ProtocolError: it is a post, by somebody who may only read.
    """
    if purpose is Purpose.RESPONSE and not message.is_response:
        raise ProtocolError(
            "CONTENT-4", "this was posted by somebody who may only read and react here"
        )
