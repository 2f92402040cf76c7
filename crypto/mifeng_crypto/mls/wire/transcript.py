"""RFC 9420 section 8.2: what the two transcript hashes cover."""

from __future__ import annotations

from mifeng_crypto.mls.wire.framing import FramedContent
from mifeng_crypto.tls import Opaque, UInt16, struct


@struct
class ConfirmedTranscriptHashInput:
    """Section 8.2."""

    wire_format: UInt16
    content: FramedContent
    signature: Opaque


@struct
class InterimTranscriptHashInput:
    """Section 8.2."""

    confirmation_tag: Opaque
