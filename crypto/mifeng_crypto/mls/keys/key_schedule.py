"""RFC 9420 section 8: from the secrets of a commit to the named secrets of its epoch.

    init_secret_[n-1] -> (commit_secret) -> joiner_secret -> (psk_secret) -> welcome_secret
                                                                          -> epoch_secret -> ...

What the deletion schedule (section 9.2) wants gone is never kept in a value: commit_secret,
joiner_secret and epoch_secret are arguments, encryption_secret goes into the secret tree at once.
"""

from __future__ import annotations

from typing import NamedTuple

from mifeng_crypto.kem import HpkeKeyPair
from mifeng_crypto.labels import derive_secret, expand_with_label
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import encode, struct

__all__ = [
    "EpochSecrets",
    "WelcomeKey",
    "derive_epoch",
    "derive_epoch_of",
    "export",
    "external_init",
    "external_init_of",
    "external_key_pair",
    "joiner_secret",
    "welcome_key",
]


@struct
class EpochSecrets:
    """The secrets of section 8, table 4, that live as long as their epoch. Encoded for storage."""

    sender_data_secret: Secret
    exporter_secret: Secret
    external_secret: Secret
    confirmation_key: Secret
    membership_key: Secret
    resumption_psk: Secret
    epoch_authenticator: Secret
    init_secret: Secret


class WelcomeKey(NamedTuple):
    """What a Welcome's GroupInfo is encrypted with (section 12.4.3.1)."""

    key: Secret
    nonce: Secret


def joiner_secret(
    suite: Suite, init_secret: bytes, commit_secret: bytes, context: GroupContext
) -> Secret:
    """Section 8: `init_secret` is the last epoch's, `context` the new epoch's."""
    intermediate = suite.extract(init_secret, commit_secret)
    return expand_with_label(suite, intermediate, "joiner", encode(context), suite.hash_bytes)


def welcome_secret(suite: Suite, joiner: bytes, psk_secret: bytes) -> Secret:
    """Section 8."""
    return derive_secret(suite, suite.extract(joiner, psk_secret), "welcome")


def welcome_key(suite: Suite, joiner: bytes, psk_secret: bytes) -> WelcomeKey:
    """Section 12.4.3.1: welcome_key and welcome_nonce."""
    secret = welcome_secret(suite, joiner, psk_secret)
    return WelcomeKey(
        expand_with_label(suite, secret, "key", b"", suite.key_bytes),
        expand_with_label(suite, secret, "nonce", b"", suite.nonce_bytes),
    )


def derive_epoch(
    suite: Suite, joiner: bytes, psk_secret: bytes, context: GroupContext
) -> tuple[EpochSecrets, Secret]:
    """Return the named secrets, and the encryption_secret for the secret tree (section 8)."""
    member = suite.extract(joiner, psk_secret)
    epoch_secret = expand_with_label(suite, member, "epoch", encode(context), suite.hash_bytes)
    return derive_epoch_of(suite, epoch_secret)


def derive_epoch_of(suite: Suite, epoch_secret: bytes) -> tuple[EpochSecrets, Secret]:
    """As `derive_epoch`, from an epoch_secret: a creator draws its first one (section 11)."""
    labels = (
        "sender data",
        "exporter",
        "external",
        "confirm",
        "membership",
        "resumption",
        "authentication",
        "init",
    )
    named = EpochSecrets(*(derive_secret(suite, epoch_secret, label) for label in labels))
    return named, derive_secret(suite, epoch_secret, "encryption")


def export(suite: Suite, exporter_secret: bytes, label: str, context: bytes, n: int) -> Secret:
    """MLS-Exporter (section 8.5)."""
    secret = derive_secret(suite, exporter_secret, label)
    return expand_with_label(suite, secret, "exported", suite.hash(context), n)


# ------------------------------------------------------------------ external initialization, 8.3

_EXTERNAL_INIT = b"MLS 1.0 external init secret"


def external_key_pair(suite: Suite, external_secret: bytes) -> HpkeKeyPair:
    """external_priv and external_pub (section 8)."""
    return suite.derive_key_pair(external_secret)


def external_init(suite: Suite, external_pub: bytes, *, rng: Rng) -> tuple[Secret, bytes]:
    """Return a fresh init_secret and the kem_output that tells it to the group.

    Raises:
        CryptoError: `external_pub` is no public key of the suite.
    """
    return suite.hpke.export_to(external_pub, b"", _EXTERNAL_INIT, suite.hash_bytes, rng=rng)


def external_init_of(suite: Suite, external_secret: bytes, kem_output: bytes) -> Secret:
    """Return the init_secret of an ExternalInit proposal.

    Raises:
        CryptoError: `kem_output` does not fit the suite.
    """
    private, _ = external_key_pair(suite, external_secret)
    return suite.hpke.export_from(private, b"", kem_output, _EXTERNAL_INIT, suite.hash_bytes)
