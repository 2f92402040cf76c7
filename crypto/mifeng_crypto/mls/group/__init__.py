"""Epochs and the verbs of a group (RFC 9420 sections 11 and 12). Each returns new state.

create, create_key_package, join          into a group
commit -> PendingCommit                   out: change it
stage_commit -> process_commit            in: follow somebody's change
encrypt, decrypt, export                  use it
PublicGroup                               the half that needs no secret
"""

from mifeng_crypto.mls.group.application import Decrypted, Encrypted, Received, decrypt, encrypt
from mifeng_crypto.mls.group.commit_create import commit
from mifeng_crypto.mls.group.commit_process import process_commit
from mifeng_crypto.mls.group.continue_group import branch_group, reinit_group
from mifeng_crypto.mls.group.create import create
from mifeng_crypto.mls.group.epoch import Epoch, export
from mifeng_crypto.mls.group.external_commit import ExternalCommit, external_commit
from mifeng_crypto.mls.group.group_info import group_info
from mifeng_crypto.mls.group.handshake import (
    receive_private_proposal,
    receive_public_proposal,
    stage_private_commit,
)
from mifeng_crypto.mls.group.join import Joined, join
from mifeng_crypto.mls.group.key_package import (
    KeyPackageBundle,
    VerifiedKeyPackage,
    create_key_package,
    key_package_ref,
    verify_key_package,
)
from mifeng_crypto.mls.group.leaf import default_capabilities
from mifeng_crypto.mls.group.pending import PendingCommit
from mifeng_crypto.mls.group.propose import (
    ProposalSent,
    propose,
    propose_from_outside,
    propose_update,
)
from mifeng_crypto.mls.group.psks import PskStore
from mifeng_crypto.mls.group.public_group import PublicGroup, ReceivedProposal
from mifeng_crypto.mls.group.stage import StagedCommit, receive_proposal, stage_commit
from mifeng_crypto.mls.tree.tree_math import LeafIndex

__all__ = [
    "Decrypted",
    "Encrypted",
    "Epoch",
    "ExternalCommit",
    "Joined",
    "KeyPackageBundle",
    "LeafIndex",
    "PendingCommit",
    "ProposalSent",
    "PskStore",
    "PublicGroup",
    "Received",
    "ReceivedProposal",
    "StagedCommit",
    "VerifiedKeyPackage",
    "branch_group",
    "commit",
    "create",
    "create_key_package",
    "decrypt",
    "default_capabilities",
    "encrypt",
    "export",
    "external_commit",
    "group_info",
    "join",
    "key_package_ref",
    "process_commit",
    "propose",
    "propose_from_outside",
    "propose_update",
    "receive_private_proposal",
    "receive_proposal",
    "receive_public_proposal",
    "reinit_group",
    "stage_commit",
    "stage_private_commit",
    "verify_key_package",
]
