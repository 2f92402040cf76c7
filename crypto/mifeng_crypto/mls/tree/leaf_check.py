"""What a leaf must be, alone and among others (RFC 9420 sections 7.2 and 7.3).

One function for each rule. Rule 7.3-1, whether the credential is true, is the application's: its
gate decides that on what `PublicGroup.stage` and `join` return.
"""

from __future__ import annotations

from collections.abc import Iterable

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.labels import verify_with_label
from mifeng_crypto.mls.tree.tree_index import Profile
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import Extension, RequiredCapabilities, find_extension
from mifeng_crypto.mls.wire.leaf_node import Capabilities, LeafNode, Lifetime, leaf_node_tbs
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode


def profile_of(leaf: LeafNode) -> Profile:
    """Return what `check_profiles` looks at."""
    return Profile(leaf.capabilities, leaf.credential.credential_type)


def check_leaf(leaf: LeafNode, *, suite: Suite, group_id: bytes, leaf_index: LeafIndex) -> None:
    """Check all that a leaf says by itself: its keys, its extensions and its signature.

    Args:
        group_id, leaf_index: what leaves of an update or a commit are signed for; a leaf of a
            KeyPackage is for no group in particular.

    Raises:
        ProtocolError: KEY-1, RFC9420-7.3-2, 7.3-6, 13.4-1.
    """
    suite.check_signature_key(leaf.signature_key)
    check_leaf_extensions(leaf)
    check_leaf_signature(leaf, suite=suite, group_id=group_id, leaf_index=leaf_index)


def check_encryption_key(suite: Suite, public: bytes) -> None:
    """KEY-2 (RFC 9420 section 10): an HPKE public key is one of the suite.

    Checked where a key enters the group, in a KeyPackage, an Update or a path: nobody could
    encrypt to it later. Who joins relies on that.
    """
    try:
        suite.kem.check_public(public)
    except (ValueError, TypeError) as err:
        raise ProtocolError("KEY-2", "an encryption key is no public key of the suite") from err


def check_leaf_signature(
    leaf: LeafNode, *, suite: Suite, group_id: bytes, leaf_index: LeafIndex
) -> None:
    """RFC9420-7.3-2: the signature verifies under the leaf's own key."""
    tbs = leaf_node_tbs(leaf, group_id, leaf_index)
    try:
        verify_with_label(suite, leaf.signature_key, "LeafNodeTBS", tbs, leaf.signature)
    except CryptoError as err:
        raise ProtocolError("RFC9420-7.3-2", "the signature of a leaf does not verify") from err


def check_leaf_extensions(leaf: LeafNode) -> None:
    """RFC9420-7.3-6: a leaf's extensions are in its capabilities. RFC9420-13.4-1: each once."""
    known = registry.DEFAULT_EXTENSIONS.union(leaf.capabilities.extensions)
    check_unique_extensions(leaf.extensions)
    for extension in leaf.extensions:
        if extension.extension_type not in known:
            raise ProtocolError(
                "RFC9420-7.3-6",
                f"a leaf has the extension 0x{extension.extension_type:04x}, "
                "which its own capabilities do not list",
            )


def check_unique_extensions(extensions: Iterable[Extension]) -> None:
    """RFC9420-13.4-1: an extension type is in a list at most once."""
    types = [extension.extension_type for extension in extensions]
    if len(set(types)) != len(types):
        raise ProtocolError("RFC9420-13.4-1", "a list of extensions has one type twice")


def check_lifetime(lifetime: Lifetime, *, now_s: int) -> None:
    """RFC9420-7.3-5: now is within the lifetime, in unix seconds."""
    if not lifetime.not_before <= now_s <= lifetime.not_after:
        raise ProtocolError(
            "RFC9420-7.3-5",
            "a KeyPackage is expired or not yet valid: its device has to publish a new one",
        )


# ------------------------------------------------------------------ among others


def required_capabilities(extensions: tuple[Extension, ...]) -> RequiredCapabilities | None:
    """Return what the group's extensions require of every member (section 11.1).

    Raises:
        ProtocolError: RFC9420-11.1-1: the extension does not decode.
    """
    data = find_extension(extensions, registry.REQUIRED_CAPABILITIES)
    if data is None:
        return None
    try:
        return decode(RequiredCapabilities, data)
    except CodecError as err:
        raise ProtocolError(
            "RFC9420-11.1-1", "the required_capabilities extension is malformed"
        ) from err


def check_profiles(
    profiles: Iterable[Profile], *, among: Iterable[Profile], extensions: tuple[Extension, ...]
) -> None:
    """Check that members fit their group, and each other.

    Args:
        profiles: those of the members to check: all of them, or the ones that are new.
        among: those of all members.
        extensions: the group's.

    Raises:
        ProtocolError: RFC9420-7.2-1, 7.3-3, 7.3-4, 13.4-2.
    """
    new, everybody = set(profiles), set(among)
    required = required_capabilities(extensions)
    in_use = {profile.credential_type for profile in everybody}
    brought = {profile.credential_type for profile in new}
    for profile in new:
        check_version(profile.capabilities)
        check_required_capabilities(profile.capabilities, required)
        check_group_extensions(profile.capabilities, extensions)
        check_credential_types(profile.capabilities, in_use)
    for profile in everybody - new:
        check_credential_types(profile.capabilities, brought)


def check_version(capabilities: Capabilities) -> None:
    """RFC9420-7.2-1: a member supports the group's version.

    That it supports the cipher suite is said by its KeyPackage: there are implementations whose
    capabilities do not list the suite that they use.
    """
    if registry.MLS10 not in capabilities.versions:
        raise ProtocolError("RFC9420-7.2-1", "a member does not support MLS 1.0")


def check_required_capabilities(
    capabilities: Capabilities, required: RequiredCapabilities | None
) -> None:
    """RFC9420-7.3-3: a member lists what the group requires; what all have need not be listed."""
    if required is None:
        return
    missing = (
        set(required.extension_types) - registry.DEFAULT_EXTENSIONS - set(capabilities.extensions)
        or set(required.proposal_types) - registry.DEFAULT_PROPOSALS - set(capabilities.proposals)
        or set(required.credential_types) - set(capabilities.credentials)
    )
    if missing:
        raise ProtocolError("RFC9420-7.3-3", "a member lacks a capability that the group requires")


def check_group_extensions(capabilities: Capabilities, extensions: tuple[Extension, ...]) -> None:
    """RFC9420-13.4-2: every member supports every extension of the GroupContext."""
    known = registry.DEFAULT_EXTENSIONS.union(capabilities.extensions)
    if any(extension.extension_type not in known for extension in extensions):
        raise ProtocolError("RFC9420-13.4-2", "a member does not support an extension of the group")


def check_credential_types(capabilities: Capabilities, in_use: set[int]) -> None:
    """RFC9420-7.3-4: every member supports the credential types of all members."""
    if not in_use <= set(capabilities.credentials):
        raise ProtocolError(
            "RFC9420-7.3-4", "a member does not support the credential type of another"
        )
