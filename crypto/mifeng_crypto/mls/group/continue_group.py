"""Making a group that replaces another, or branches off it (RFC 9420 sections 11.2, 11.3)."""

from __future__ import annotations

from collections.abc import Sequence

from mifeng_crypto.errors import UsageError
from mifeng_crypto.mls.group.commit_create import commit
from mifeng_crypto.mls.group.continuation import resumption_psk, resumption_secret
from mifeng_crypto.mls.group.create import create
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.group.key_package import VerifiedKeyPackage
from mifeng_crypto.mls.group.pending import PendingCommit
from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import Capabilities, Lifetime
from mifeng_crypto.mls.wire.psk import PreSharedKeyID, ResumptionPSKUsage
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import suite_by_id


def reinit_group(
    old: Epoch,
    *,
    add: Sequence[VerifiedKeyPackage],
    signature_key: Secret,
    credential: Credential,
    capabilities: Capabilities,
    lifetime: Lifetime,
    leaf_extensions: tuple[Extension, ...] = (),
    now_s: int,
    rng: Rng,
) -> PendingCommit:
    """Make the group that a committed ReInit asks for, with all members of the old one.

    Args:
        old: the epoch that the ReInit began.
        add: a KeyPackage of every other member, for the new cipher suite.
        signature_key: the own private key, of the new suite.
        credential, capabilities, lifetime, leaf_extensions: of the own first leaf, as in `create`.
        now_s: unix seconds.
        rng: for all keys.

    Raises:
        UsageError: no ReInit was committed, or the new cipher suite is unknown.
        ProtocolError: the new group would break a rule.
    """
    agreed = old.public.reinit
    if agreed is None:
        raise UsageError("commit a ReInit first: it says what the new group is")
    new = create(
        suite=suite_by_id(agreed.cipher_suite),
        group_id=agreed.group_id,
        signature_key=signature_key,
        credential=credential,
        capabilities=capabilities,
        lifetime=lifetime,
        leaf_extensions=leaf_extensions,
        extensions=agreed.extensions,
        rng=rng,
    )
    usage = ResumptionPSKUsage.REINIT
    return _first_commit(old, new, usage, add, signature_key, now_s=now_s, rng=rng)


def branch_group(
    old: Epoch,
    *,
    group_id: bytes,
    add: Sequence[VerifiedKeyPackage],
    signature_key: Secret,
    lifetime: Lifetime,
    extensions: tuple[Extension, ...] = (),
    now_s: int,
    rng: Rng,
) -> PendingCommit:
    """Make a group of some of the members of `old`, who prove by it that they are.

    Args:
        old: the current epoch of the group.
        group_id: of the new group.
        add: KeyPackages of the others, for the same cipher suite.
        signature_key: the own private signature key.
        lifetime: of the own first leaf.
        extensions: of the new group.
        now_s: unix seconds.
        rng: for all keys.

    Raises:
        ProtocolError: the new group would break a rule.
    """
    new = create(
        suite=old.public.suite,
        group_id=group_id,
        signature_key=signature_key,
        credential=old.leaf.credential,
        capabilities=old.leaf.capabilities,
        lifetime=lifetime,
        leaf_extensions=old.leaf.extensions,
        extensions=extensions,
        rng=rng,
    )
    usage = ResumptionPSKUsage.BRANCH
    return _first_commit(old, new, usage, add, signature_key, now_s=now_s, rng=rng)


def _first_commit(
    old: Epoch,
    new: Epoch,
    usage: ResumptionPSKUsage,
    add: Sequence[VerifiedKeyPackage],
    signature_key: Secret,
    *,
    now_s: int,
    rng: Rng,
) -> PendingCommit:
    psk = resumption_psk(old, usage)
    return commit(
        new,
        signature_key=signature_key,
        add=add,
        psks=(PreSharedKeyID(psk, rng(new.public.suite.hash_bytes)),),
        psk_store={psk: resumption_secret(old)},
        continuing=usage,
        now_s=now_s,
        rng=rng,
    )
