"""One-time keys by which others add this device (protocol.md, "KeyPackages").

The private halves are saved before the public ones are published, and deleted in the transaction
that joins with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mifeng.core.membership import set_at
from mifeng.core.profile import Profile
from mifeng.core.rows import Changes
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import SET_AT_EXTENSION, UNIT_WELCOME_EXTENSION
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage, Lifetime
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.rand import Rng
from mifeng_crypto.suite import (
    MLS_XWING,
    MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
    suite_by_id,
)
from mifeng_crypto.tls import decode, encode

__all__ = ["CAPABILITIES", "DEFAULT_SUITE", "STOCK", "expired", "lifetime", "make", "missing"]

DEFAULT_SUITE = MLS_XWING
"""Of new units: safe against who records today and has a quantum computer tomorrow."""
STOCK = {
    DEFAULT_SUITE: 100,
    MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: 10,
    MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519: 10,
}
"""How many a device keeps on the server, for each suite that a unit can have (CHARTER-3)."""
LIFETIME_S = 7 * 24 * 3600
SKEW_S = 3600
"""They are valid a little before they were made: clocks differ."""

CAPABILITIES = mls.default_capabilities(extensions=(SET_AT_EXTENSION, UNIT_WELCOME_EXTENSION))


def lifetime(now: UnixMillis) -> Lifetime:
    """Return the lifetime of a leaf that is made now."""
    not_before = now // 1000 - SKEW_S
    return Lifetime(not_before, not_before + LIFETIME_S)


def missing(unused: Mapping[int, int]) -> dict[int, int]:
    """Return how many to make of each suite: none for as long as more than half are there."""
    return {
        suite_id: most - unused.get(suite_id, 0)
        for suite_id, most in STOCK.items()
        if unused.get(suite_id, 0) <= most // 2
    }


def make(
    profile: Profile, n: int, *, suite_id: int, now: UnixMillis, rng: Rng
) -> tuple[tuple[bytes, ...], Changes]:
    """Make `n` KeyPackages.

    Returns:
        What to publish (MLSMessages), and the rows with the private halves, to save before.
    """
    suite = suite_by_id(suite_id)
    public, rows = [], dict[tuple[str, bytes], bytes | None]()
    for _ in range(n):
        bundle = mls.create_key_package(
            suite=suite,
            signature_key=profile.signature_key,
            credential=BasicCredential(profile.identity),
            capabilities=CAPABILITIES,
            leaf_extensions=set_at(now),
            lifetime=lifetime(now),
            rng=rng,
        )
        public.append(encode_message(bundle.key_package))
        ref = mls.key_package_ref(suite, bundle.key_package)
        rows["key_packages", ref] = encode(bundle)
    return tuple(public), rows


def expired(stored: Iterable[tuple[bytes, bytes]], *, now: UnixMillis) -> Changes:
    """Return the deletion of those stored bundles that nobody can use any longer."""
    rows = dict[tuple[str, bytes], bytes | None]()
    for ref, bundle in stored:
        source = decode(mls.KeyPackageBundle, bundle).key_package.leaf_node.source
        assert isinstance(source, FromKeyPackage), "made above"
        # A Welcome may wait for as long as a message does.
        if now // 1000 > source.lifetime.not_after + LIFETIME_S:
            rows["key_packages", ref] = None
    return rows
