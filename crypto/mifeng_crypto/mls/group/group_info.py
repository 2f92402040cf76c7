"""What a group says about itself to those who are not in it yet (RFC 9420 section 12.4.3)."""

from __future__ import annotations

from dataclasses import replace

from mifeng_crypto.labels import sign_with_label
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.keys.key_schedule import external_key_pair
from mifeng_crypto.mls.keys.transcript import confirmation_tag
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import Extension, ExternalPub
from mifeng_crypto.mls.wire.welcome import GroupInfo, group_info_tbs
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode


def group_info(
    epoch: Epoch,
    *,
    signature_key: Secret,
    extensions: tuple[Extension, ...] = (),
    with_tree: bool = False,
    with_external_pub: bool = False,
) -> GroupInfo:
    """Sign a GroupInfo for the current epoch.

    Args:
        signature_key: the own private signature key.
        extensions: the application's, for those who join.
        with_tree: bring the whole tree along (section 12.4.3.3).
        with_external_pub: allow external commits to this epoch (section 12.4.3.2).
    """
    public, suite = epoch.public, epoch.public.suite
    if with_tree:
        tree = Extension(registry.RATCHET_TREE, encode(public.tree.to_wire()))
        extensions = (*extensions, tree)
    if with_external_pub:
        pair = external_key_pair(suite, epoch.secrets.external_secret)
        external_pub = Extension(registry.EXTERNAL_PUB, encode(ExternalPub(pair.public)))
        extensions = (*extensions, external_pub)
    confirmed = public.context.confirmed_transcript_hash
    unsigned = GroupInfo(
        public.context,
        extensions,
        confirmation_tag(suite, epoch.secrets.confirmation_key, confirmed),
        epoch.own_leaf,
        b"",
    )
    signature = sign_with_label(suite, signature_key, "GroupInfoTBS", group_info_tbs(unsigned))
    return replace(unsigned, signature=signature)
