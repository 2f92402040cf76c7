"""RFC 9420 section 8.4: many pre-shared keys become one psk_secret."""

from __future__ import annotations

from collections.abc import Sequence

from mifeng_crypto.labels import expand_with_label
from mifeng_crypto.mls.wire.psk import PreSharedKeyID, PSKLabel
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import encode

__all__ = ["psk_secret"]


def psk_secret(suite: Suite, psks: Sequence[tuple[PreSharedKeyID, bytes]]) -> Secret:
    """Combine the PSKs in the order of the commit, or of the GroupSecrets; zero without any."""
    zero = bytes(suite.hash_bytes)
    secret = Secret(zero)
    for index, (psk_id, psk) in enumerate(psks):
        label = encode(PSKLabel(psk_id, index, len(psks)))
        extracted = suite.extract(zero, psk)
        psk_input = expand_with_label(suite, extracted, "derived psk", label, suite.hash_bytes)
        secret = suite.extract(psk_input, secret)
    return secret
