"""RFC 9420 section 8.4: names of pre-shared keys; never the keys themselves."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from mifeng_crypto.tls import Opaque, UInt16, UInt64, Width, struct


class ResumptionPSKUsage(IntEnum):
    """What a resumption PSK is used for."""

    APPLICATION = 1
    REINIT = 2
    BRANCH = 3


@struct(tag=1, tag_bytes=1)
class ExternalPsk:
    """psktype external: known to the application."""

    psk_id: Opaque


@struct(tag=2, tag_bytes=1)
class ResumptionPsk:
    """psktype resumption: from an epoch of this or another group."""

    usage: Annotated[ResumptionPSKUsage, Width(1)]
    psk_group_id: Opaque
    psk_epoch: UInt64


@struct
class PreSharedKeyID:
    """Section 8.4."""

    source: ExternalPsk | ResumptionPsk
    psk_nonce: Opaque


@struct
class PSKLabel:
    """Section 8.4: the context of one step of the psk_secret."""

    id: PreSharedKeyID
    index: UInt16
    count: UInt16
