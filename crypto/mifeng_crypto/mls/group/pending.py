"""An own commit that waits for the delivery service (RFC 9420 section 14)."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng_crypto.mls.group.epoch import Epoch, StoredSecrets
from mifeng_crypto.mls.group.stage import StagedCommit, stage_verified
from mifeng_crypto.mls.message.authenticate import VerifiedContent
from mifeng_crypto.mls.wire.framing import AuthenticatedContent, PublicMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Opaque, UInt64, Vec, decode, encode, struct


@struct
class StoredPart:
    """A part of the next epoch's secret tree."""

    key: Opaque
    value: Secret


@struct
class StoredPending:
    """A pending commit as it is stored: the public half follows from the commit itself."""

    message: Opaque
    welcome: Opaque | None
    now_s: UInt64
    content: AuthenticatedContent
    secrets: StoredSecrets
    secret_tree: Vec[StoredPart]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCommit:
    """An own commit that nobody has accepted yet. There is at most one for a group.

    Attributes:
        message: the MLSMessage to send.
        welcome: the MLSMessage for the new members; None where there are none.
        staged: what it changes, as `stage_commit` will tell everybody else.
        epoch: the current epoch, in which it is sent; for a PrivateMessage without the key that
            encrypted it: store it before sending, and go on with it if the commit is refused.
        next: the epoch that begins when it is accepted.
        now_s: when it was made, in unix seconds.
    """

    message: bytes
    welcome: bytes | None
    staged: StagedCommit
    epoch: Epoch
    next: Epoch
    now_s: int

    def __repr__(self) -> str:
        return f"PendingCommit(of {self.epoch!r})"

    def encode(self) -> bytes:
        """Return it for storage. It holds the secrets of the next epoch."""
        tree_parts = self.next.secret_tree.parts(None)
        return encode(
            StoredPending(
                self.message,
                self.welcome,
                self.now_s,
                self.staged.content,
                self.next.stored_secrets(),
                tuple(StoredPart(key, Secret(value)) for key, value in tree_parts.items() if value),
            )
        )

    @classmethod
    def decode(cls, data: bytes, epoch: Epoch) -> PendingCommit:
        """Read what `encode` returned.

        Args:
            epoch: the current epoch, the one in which the commit was made.

        Raises:
            CodecError: the data are damaged.
            ProtocolError: the commit does not fit `epoch`.
        """
        stored = decode(StoredPending, data)
        verified = VerifiedContent(stored.content)  # by oneself, when it was made
        sent = decode(MLSMessage, stored.message).message
        message = sent if isinstance(sent, PublicMessage) else None
        staged = stage_verified(epoch.public, verified, message=message, now_s=stored.now_s)
        tree_parts = {part.key: part.value for part in stored.secret_tree}
        return cls(
            message=stored.message,
            welcome=stored.welcome,
            staged=staged,
            epoch=epoch,
            next=Epoch.from_stored(staged.after, stored.secrets, tree_parts),
            now_s=stored.now_s,
        )
