"""RFC 9420 section 8.2: the running hash over all commits, and the tag that confirms it (6.1).

Epoch 0 has the empty string for its confirmed transcript hash (section 11).
"""

from __future__ import annotations

from mifeng_crypto.mls.wire.framing import AuthenticatedContent
from mifeng_crypto.mls.wire.transcript import (
    ConfirmedTranscriptHashInput,
    InterimTranscriptHashInput,
)
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import encode

__all__ = [
    "confirmation_tag",
    "confirmed_transcript_hash",
    "interim_transcript_hash",
    "verify_confirmation_tag",
]


def confirmed_transcript_hash(
    suite: Suite, interim_transcript_hash: bytes, commit: AuthenticatedContent
) -> bytes:
    """Section 8.2; the interim hash is the one of the epoch in which the commit was sent."""
    covered = ConfirmedTranscriptHashInput(
        commit.wire_format, commit.content, commit.auth.signature
    )
    return suite.hash(interim_transcript_hash + encode(covered))


def interim_transcript_hash(suite: Suite, confirmed: bytes, tag: bytes) -> bytes:
    """Section 8.2; `tag` is the confirmation tag of the commit, or of a GroupInfo."""
    return suite.hash(confirmed + encode(InterimTranscriptHashInput(tag)))


def confirmation_tag(suite: Suite, confirmation_key: bytes, confirmed: bytes) -> bytes:
    """Section 6.1: key and confirmed transcript hash are those of the new epoch."""
    return suite.mac(confirmation_key, confirmed)


def verify_confirmation_tag(
    suite: Suite, confirmation_key: bytes, confirmed: bytes, tag: bytes
) -> None:
    """Check that the sender of a commit or GroupInfo arrived at the same epoch.

    Raises:
        CryptoError: it did not.
    """
    suite.verify_mac(confirmation_key, confirmed, tag)
