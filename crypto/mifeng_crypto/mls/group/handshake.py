"""Handshake messages that only a member can check in full (RFC 9420 sections 6.2 and 6.3).

A PrivateMessage has to be decrypted; a PublicMessage has a membership tag. That of a commit is
checked where it is processed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from mifeng_crypto.mls.group.application import open_private, private_message
from mifeng_crypto.mls.group.commit_process import check_membership_tag
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.group.stage import (
    StagedCommit,
    keep_proposal,
    public_message,
    stage_verified,
    verify_public_message,
)
from mifeng_crypto.mls.wire.framing import PrivateMessage, PublicMessage
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
    epoch, verified, _, _ = open_private(epoch, private_message(message))
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
    epoch, verified, _, _ = open_private(epoch, private_message(message))
    return replace(epoch, public=keep_proposal(epoch.public, verified, now_s=now_s))


def receive_public_proposal(
    epoch: Epoch, message: bytes | MLSMessage | PublicMessage, *, now_s: int
) -> Epoch:
    """Check a proposal and its membership tag, and keep it for a later commit.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: RFC9420-6.2-1: its sender does not know this epoch's secrets; or it breaks
            another rule.
    """
    public = public_message(message)
    verified = verify_public_message(epoch.public, public)
    check_membership_tag(epoch, public)
    return replace(epoch, public=keep_proposal(epoch.public, verified, now_s=now_s))
