"""Processing somebody else's commit (RFC 9420 section 12.4.2): the part that needs secrets.

StagedCommit -> membership tag -> path secret -> key schedule -> confirmation tag -> Epoch
"""

from __future__ import annotations

from mifeng_crypto.errors import CryptoError, ProtocolError, UsageError
from mifeng_crypto.mls.group.epoch import Epoch, begin_epoch
from mifeng_crypto.mls.group.psks import NO_PSKS, PskStore, combine_psks
from mifeng_crypto.mls.group.stage import StagedCommit
from mifeng_crypto.mls.keys.key_schedule import derive_epoch, external_init_of, joiner_secret
from mifeng_crypto.mls.keys.transcript import verify_confirmation_tag
from mifeng_crypto.mls.message.public_message import verify_membership_tag
from mifeng_crypto.mls.tree.tree_math import node_of
from mifeng_crypto.mls.tree.treekem import PrivateKeys, decrypt_path, still_valid
from mifeng_crypto.mls.wire.framing import Member, PublicMessage
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode


def process_commit(epoch: Epoch, staged: StagedCommit, *, psk_store: PskStore = NO_PSKS) -> Epoch:
    """Go on to the epoch that a staged commit begins.

    Args:
        epoch: the one in which the commit was staged; it stays as it is.
        staged: of `stage_commit(epoch.public, ...)`, and let pass by the application's gate.

    Raises:
        UsageError: it is the own commit (its PendingCommit has the next epoch), it removes this
            member (`StagedCommit.removes` tells), it was staged for another state, or it uses a
            pre-shared key that is not in the store.
        ProtocolError: RFC9420-6.2-1, 7.5-6, 7.5-7, 12.4.2-12: a tag or a secret is wrong.
    """
    _check_is_for(epoch, staged)
    if staged.message is not None:
        check_membership_tag(epoch, staged.message)
    suite, after = epoch.public.suite, staged.after
    private_keys = still_valid(after.tree, epoch.own_leaf, _own_keys(epoch, staged))
    commit_secret = Secret(bytes(suite.hash_bytes))
    if staged.path is not None:
        commit_secret, derived_keys = _read_path(epoch, staged)
        private_keys = {**private_keys, **derived_keys}
    psk_secret = combine_psks(suite, staged.applied.psks, psk_store)
    joiner = joiner_secret(suite, _init_secret(epoch, staged), commit_secret, after.context)
    derived = derive_epoch(suite, joiner, psk_secret, after.context)
    _check_confirmation_tag(staged, derived[0].confirmation_key)
    return begin_epoch(after, epoch.own_leaf, private_keys, derived)


def _check_is_for(epoch: Epoch, staged: StagedCommit) -> None:
    if staged.before.context != epoch.public.context:
        raise UsageError("this commit was staged for another epoch: stage it again")
    if staged.committer == epoch.own_leaf and not staged.is_external:
        raise UsageError("this is the own commit: its PendingCommit has the next epoch")
    if staged.removes(epoch.own_leaf):
        raise UsageError("this commit removes this device: the group ends here for it")


def check_membership_tag(epoch: Epoch, message: PublicMessage) -> None:
    """RFC9420-6.2-1: whoever sent a PublicMessage as a member knows the epoch's secrets."""
    if not isinstance(message.content.sender, Member):
        return
    try:
        verify_membership_tag(
            epoch.public.suite,
            message,
            membership_key=epoch.secrets.membership_key,
            context=epoch.public.context,
        )
    except CryptoError as err:
        raise ProtocolError("RFC9420-6.2-1", "the membership tag of a message is wrong") from err


def _own_keys(epoch: Epoch, staged: StagedCommit) -> PrivateKeys:
    """Return the private keys that are still those of their nodes, before the path's are added."""
    keys = still_valid(staged.applied.tree, epoch.own_leaf, epoch.private_keys)
    for i, leaf in staged.updated:
        if i == epoch.own_leaf:
            new = epoch.update_keys.get(leaf.encryption_key)
            if new is None:
                raise UsageError("this commit holds an Update of this device that it did not make")
            return {**keys, node_of(i): new}
    return keys


def _read_path(epoch: Epoch, staged: StagedCommit) -> tuple[Secret, PrivateKeys]:
    """RFC9420-7.5-7: the path secret for this member decrypts (and 7.5-6, that it fits)."""
    assert staged.path is not None, "called with a path only"
    try:
        path = decrypt_path(
            staged.after.tree,
            epoch.own_leaf,
            _own_keys(epoch, staged),
            staged.committer,
            staged.path,
            added=staged.applied.added_leaves,
            context=encode(staged.provisional_context),
        )
    except CryptoError as err:
        raise ProtocolError(
            "RFC9420-7.5-7", "a commit does not decrypt for this device: it has to be added anew"
        ) from err
    return path.commit_secret, path.private_keys


def _init_secret(epoch: Epoch, staged: StagedCommit) -> Secret:
    """Section 8.3: an external commit brings its own init secret."""
    if staged.applied.external_init is None:
        return epoch.secrets.init_secret
    kem_output = staged.applied.external_init.kem_output
    try:
        return external_init_of(epoch.public.suite, epoch.secrets.external_secret, kem_output)
    except CryptoError as err:
        raise ProtocolError("RFC9420-8.3-1", "an ExternalInit does not decapsulate") from err


def _check_confirmation_tag(staged: StagedCommit, confirmation_key: Secret) -> None:
    """RFC9420-12.4.2-12: the committer arrived at the same epoch."""
    tag = staged.content.auth.confirmation_tag
    assert tag is not None, "a decoded commit has a confirmation tag"
    context = staged.after.context
    try:
        verify_confirmation_tag(
            staged.after.suite, confirmation_key, context.confirmed_transcript_hash, tag
        )
    except CryptoError as err:
        raise ProtocolError(
            "RFC9420-12.4.2-12", "the confirmation tag of a commit is wrong"
        ) from err
