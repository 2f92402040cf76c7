"""KeyPackages: made, and verified (RFC 9420 sections 10 and 10.1)."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng_crypto.errors import CryptoError, ProtocolError, UsageError
from mifeng_crypto.labels import ref_hash, sign_with_label, verify_with_label
from mifeng_crypto.mls.group.leaf import sign_leaf
from mifeng_crypto.mls.tree.leaf_check import (
    check_encryption_key,
    check_leaf,
    check_lifetime,
    check_unique_extensions,
)
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage, key_package_tbs
from mifeng_crypto.mls.wire.leaf_node import Capabilities, FromKeyPackage, LeafNode, Lifetime
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite, suite_by_id
from mifeng_crypto.tls import encode, struct


@struct
class KeyPackageBundle:
    """A KeyPackage with the private keys of its init key and its leaf; encoded for storage."""

    key_package: KeyPackage
    init_private: Secret
    leaf_private: Secret


@dataclass(frozen=True, slots=True)
class VerifiedKeyPackage:
    """A KeyPackage that `verify_key_package` let pass."""

    key_package: KeyPackage


def key_package_ref(suite: Suite, key_package: KeyPackage) -> bytes:
    """Return the KeyPackageRef (section 5.2)."""
    return ref_hash(suite, "MLS 1.0 KeyPackage Reference", encode(key_package))


def create_key_package(
    *,
    suite: Suite,
    signature_key: Secret,
    credential: Credential,
    capabilities: Capabilities,
    lifetime: Lifetime,
    leaf_extensions: tuple[Extension, ...] = (),
    extensions: tuple[Extension, ...] = (),
    rng: Rng,
) -> KeyPackageBundle:
    """Make a KeyPackage for one use (section 10).

    Args:
        suite: the cipher suite of the groups that it is for.
        signature_key: the device's private signature key.
        credential: who this is.
        capabilities: what this client supports; lists all its extensions.
        lifetime: when others may add it, in unix seconds.
        leaf_extensions: of the leaf.
        extensions: of the KeyPackage itself.
        rng: for both encryption keys.
    """
    init, leaf_pair = suite.generate_key_pair(rng=rng), suite.generate_key_pair(rng=rng)
    leaf = sign_leaf(
        suite,
        signature_key,
        public=suite.public_signature_key(signature_key),
        encryption_key=leaf_pair.public,
        credential=credential,
        capabilities=capabilities,
        source=FromKeyPackage(lifetime),
        extensions=leaf_extensions,
    )

    def signed(signature: bytes) -> KeyPackage:
        return KeyPackage(registry.MLS10, suite.id, init.public, leaf, extensions, signature)

    tbs = key_package_tbs(signed(b""))
    signature = sign_with_label(suite, signature_key, "KeyPackageTBS", tbs)
    return KeyPackageBundle(signed(signature), init.private, leaf_pair.private)


# ------------------------------------------------------------------ verification, section 10.1


def verify_key_package(key_package: KeyPackage, *, now_s: int) -> VerifiedKeyPackage:
    """Check all that can be checked without a group; whether it fits one is checked at the Add.

    Args:
        key_package: as received.
        now_s: unix seconds.

    Raises:
        ProtocolError: RFC9420-10.1-1 to 10.1-4, 10-1, 10-2; or a rule of section 7.3.
    """
    suite = _suite_of(key_package)
    leaf = key_package.leaf_node
    check_lifetime(_source(leaf).lifetime, now_s=now_s)
    check_leaf(leaf, suite=suite, group_id=b"", leaf_index=LeafIndex(0))
    _check_signature(key_package, suite)
    _check_encryption_keys(key_package, suite)
    _check_extensions(key_package)
    return VerifiedKeyPackage(key_package)


def _suite_of(key_package: KeyPackage) -> Suite:
    """RFC9420-10.1-1: version and cipher suite are known here."""
    if key_package.version != registry.MLS10:
        raise ProtocolError("RFC9420-10.1-1", "a KeyPackage is of another version of MLS")
    try:
        return suite_by_id(key_package.cipher_suite)
    except UsageError as err:
        raise ProtocolError("RFC9420-10.1-1", str(err)) from err


def _source(leaf: LeafNode) -> FromKeyPackage:
    """RFC9420-10.1-2: the leaf is one for a KeyPackage (section 7.3, leaf_node_source)."""
    if not isinstance(leaf.source, FromKeyPackage):
        raise ProtocolError("RFC9420-10.1-2", "the leaf of a KeyPackage was made for a group")
    return leaf.source


def _check_signature(key_package: KeyPackage, suite: Suite) -> None:
    """RFC9420-10.1-3: the signature verifies under the leaf's key."""
    public, tbs = key_package.leaf_node.signature_key, key_package_tbs(key_package)
    try:
        verify_with_label(suite, public, "KeyPackageTBS", tbs, key_package.signature)
    except CryptoError as err:
        raise ProtocolError(
            "RFC9420-10.1-3", "the signature of a KeyPackage does not verify"
        ) from err


def _check_encryption_keys(key_package: KeyPackage, suite: Suite) -> None:
    """RFC9420-10.1-4: the init key is not the leaf's. KEY-2: both are keys of the suite."""
    if key_package.init_key == key_package.leaf_node.encryption_key:
        raise ProtocolError("RFC9420-10.1-4", "a KeyPackage has the same key for two purposes")
    check_encryption_key(suite, key_package.init_key)
    check_encryption_key(suite, key_package.leaf_node.encryption_key)


def _check_extensions(key_package: KeyPackage) -> None:
    """RFC9420-10-2: the extensions are in the leaf's capabilities. RFC9420-13.4-1: each once."""
    check_unique_extensions(key_package.extensions)
    known = registry.DEFAULT_EXTENSIONS.union(key_package.leaf_node.capabilities.extensions)
    if any(extension.extension_type not in known for extension in key_package.extensions):
        raise ProtocolError(
            "RFC9420-10-2", "a KeyPackage has an extension that its own capabilities do not list"
        )
