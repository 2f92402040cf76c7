"""Handshake messages as PrivateMessages (RFC 9420 section 6.3), where members see them only."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from mifeng_crypto.mls.group.application import open_private, private_message
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.group.stage import StagedCommit, keep_proposal, stage_verified
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage


class StagedPrivately(NamedTuple):
    """A staged commit; the epoch no longer has the key that encrypted it."""

    epoch: Epoch
    staged: StagedCommit


def stage_private_commit(
    epoch: Epoch, message: bytes | MLSMessage | PrivateMessage, *, now_s: int
) -> StagedPrivately:
    """Decrypt a commit and check it; process it with the returned epoch.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: it does not decrypt or verify, or breaks a rule.
    """
    epoch, verified, _ = open_private(epoch, private_message(message))
    staged = stage_verified(epoch.public, verified, message=None, now_s=now_s)
    return StagedPrivately(epoch, staged)


def receive_private_proposal(
    epoch: Epoch, message: bytes | MLSMessage | PrivateMessage, *, now_s: int
) -> Epoch:
    """Decrypt a proposal and keep it for a later commit.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: it does not decrypt or verify, or breaks a rule.
    """
    epoch, verified, _ = open_private(epoch, private_message(message))
    return replace(epoch, public=keep_proposal(epoch.public, verified, now_s=now_s))
