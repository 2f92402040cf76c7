"""RFC 9420 section 12: joining a group, and following it through its epochs."""

from __future__ import annotations

from mifeng_crypto.labels import verify_with_label
from mifeng_crypto.mls.group import (
    Epoch,
    KeyPackageBundle,
    PskStore,
    join,
    process_commit,
    receive_private_proposal,
    receive_public_proposal,
    stage_commit,
    stage_private_commit,
)
from mifeng_crypto.mls.group.join import _group_info, _group_secrets
from mifeng_crypto.mls.keys.key_schedule import derive_epoch
from mifeng_crypto.mls.keys.psk import psk_secret
from mifeng_crypto.mls.keys.transcript import verify_confirmation_tag
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.psk import ExternalPsk, ResumptionPsk, ResumptionPSKUsage
from mifeng_crypto.mls.wire.welcome import Welcome, group_info_tbs
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode
from tests.conformance.case import Case, b, hpke_private, suite_of

NOW_S = 1_700_000_000
"""Any time will do: all lifetimes of the published vectors are 0 .. 2^64 - 1."""


def _bundle(suite: Suite, case: Case) -> KeyPackageBundle:
    key_package = decode(MLSMessage, b(case["key_package"])).message
    assert isinstance(key_package, KeyPackage)
    leaf_private = hpke_private(suite, case.get("encryption_priv", ""))
    return KeyPackageBundle(key_package, hpke_private(suite, case["init_priv"]), leaf_private)


def check_welcome(case: Case) -> None:
    """These Welcomes are for groups without a tree: only their secrets can be checked."""
    suite = suite_of(case)
    welcome = decode(MLSMessage, b(case["welcome"])).message
    assert isinstance(welcome, Welcome)
    secrets = _group_secrets(suite, welcome, _bundle(suite, case))
    joiner, psk = Secret(secrets.joiner_secret), psk_secret(suite, ())
    info = _group_info(suite, welcome, joiner, psk)
    tbs = group_info_tbs(info)
    verify_with_label(suite, b(case["signer_pub"]), "GroupInfoTBS", tbs, info.signature)
    named, _ = derive_epoch(suite, joiner, psk, info.group_context)
    confirmed = info.group_context.confirmed_transcript_hash
    verify_confirmation_tag(suite, named.confirmation_key, confirmed, info.confirmation_tag)


def check_passive_client(case: Case) -> None:
    """Join, then follow each commit; all members agree if the epoch authenticators do."""
    suite = suite_of(case)
    psks: dict[ExternalPsk | ResumptionPsk, Secret] = {
        ExternalPsk(b(v["psk_id"])): Secret(b(v["psk"])) for v in case["external_psks"]
    }
    given = case["ratchet_tree"]
    tree = None if given is None else decode(RatchetTreeExtension, b(given))
    epoch = join(b(case["welcome"]), _bundle(suite, case), tree=tree, psk_store=psks).epoch
    assert epoch.epoch_authenticator == b(case["initial_epoch_authenticator"])
    for v in case["epochs"]:
        psks[_resumption_psk(epoch)] = epoch.secrets.resumption_psk
        for proposal in v["proposals"]:
            epoch = _take_in(epoch, decode(MLSMessage, b(proposal)))
        epoch = _follow(epoch, decode(MLSMessage, b(v["commit"])), psks)
        assert epoch.epoch_authenticator == b(v["epoch_authenticator"])


def _resumption_psk(epoch: Epoch) -> ResumptionPsk:
    """The name of an epoch's own PSK, which later commits may use (section 8.6)."""
    return ResumptionPsk(ResumptionPSKUsage.APPLICATION, epoch.public.group_id, epoch.public.epoch)


def _take_in(epoch: Epoch, message: MLSMessage) -> Epoch:
    if isinstance(message.message, PrivateMessage):
        return receive_private_proposal(epoch, message, now_s=NOW_S)
    return receive_public_proposal(epoch, message, now_s=NOW_S)


def _follow(epoch: Epoch, message: MLSMessage, psks: PskStore) -> Epoch:
    if isinstance(message.message, PrivateMessage):
        epoch, staged = stage_private_commit(epoch, message, now_s=NOW_S)
    else:
        staged = stage_commit(epoch.public, message, now_s=NOW_S)
    return process_commit(epoch, staged, psk_store=psks)
