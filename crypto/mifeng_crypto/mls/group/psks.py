"""Looking up pre-shared keys (RFC 9420 sections 8.4 and 8.6). Who has them is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from mifeng_crypto.errors import UsageError
from mifeng_crypto.mls.keys.psk import psk_secret
from mifeng_crypto.mls.wire.psk import ExternalPsk, PreSharedKeyID, ResumptionPsk
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite

PskStore: TypeAlias = Mapping[ExternalPsk | ResumptionPsk, Secret]
"""The PSKs that a client has. A resumption PSK is some epoch's `secrets.resumption_psk`."""

NO_PSKS: PskStore = MappingProxyType({})


def combine_psks(suite: Suite, psk_ids: Iterable[PreSharedKeyID], store: PskStore) -> Secret:
    """Return the psk_secret of these PSKs, in this order (section 8.4).

    Raises:
        UsageError: one of them is not in the store.
    """
    found = []
    for psk_id in psk_ids:
        psk = store.get(psk_id.source)
        if psk is None:
            raise UsageError("this device does not have a pre-shared key that the group uses")
        found.append((psk_id, psk))
    return psk_secret(suite, found)
