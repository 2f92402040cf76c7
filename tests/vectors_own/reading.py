"""What a receiver does with a vector: arrive at its state, and try the verb."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from mifeng_crypto import gate
from mifeng_crypto.history import HistoryPart, open_blob
from mifeng_crypto.ids import GroupId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogEntry
from mifeng_crypto.mls.group import (
    Epoch,
    KeyPackageBundle,
    PskStore,
    PublicGroup,
    decrypt,
    external_commit,
    join,
    process_commit,
    receive_private_proposal,
    receive_public_proposal,
    stage_commit,
    stage_private_commit,
    verify_key_package,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.psk import ExternalPsk
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode
from tests.vectors_own.files import STATES
from tests.vectors_own.members import CAPABILITIES, NOW_S
from tests.vectors_own.signing import HashRng

b = bytes.fromhex
PSKS: PskStore = {ExternalPsk(name): Secret(bytes(32)) for name in (b"shared", b"other")}


@cache
def load_state(name: str) -> Epoch:
    """Join by the Welcome of a state, and follow its commits."""
    state = json.loads((STATES / f"{name}.json").read_text(encoding="utf-8"))
    epoch = joined(state)
    for message in state["commits"]:
        epoch = process_commit(epoch, stage_commit(epoch.public, b(message), now_s=NOW_S))
    assert epoch.epoch_authenticator == b(state["epoch_authenticator"])
    return epoch


def joined(given: dict[str, Any], continues: Epoch | None = None) -> Epoch:
    package = decode(MLSMessage, b(given["key_package"])).message
    assert isinstance(package, KeyPackage), "the vector brings the receiver's own KeyPackage"
    bundle = KeyPackageBundle(
        package, Secret(b(given["init_priv"])), Secret(b(given["encryption_priv"]))
    )
    tree = given["ratchet_tree"]
    extension = None if tree is None else decode(RatchetTreeExtension, b(tree))
    welcome = b(given["welcome"])
    return join(welcome, bundle, tree=extension, psk_store=PSKS, continues=continues).epoch


def propose(epoch: Epoch, message: bytes) -> Epoch:
    if isinstance(decode(MLSMessage, message).message, PrivateMessage):
        return receive_private_proposal(epoch, message, now_s=NOW_S)
    return receive_public_proposal(epoch, message, now_s=NOW_S)


def process(epoch: Epoch, message: bytes) -> Epoch:
    body = decode(MLSMessage, message).message
    if isinstance(body, PrivateMessage) and body.content_type == registry.COMMIT:
        epoch, staged = stage_private_commit(epoch, body, now_s=NOW_S)
    else:
        staged = stage_commit(epoch.public, message, now_s=NOW_S)
    return process_commit(epoch, staged, psk_store=PSKS)


def read_application(epoch: Epoch, message: bytes) -> Epoch:
    return decrypt(epoch, message).epoch


def shown(given: dict[str, Any]) -> list[gate.Judged]:
    """Judge a part of a history as a newcomer does."""
    roster = Roster.from_entries(b(entry) for entry in given["roster"])
    charter = Charter.from_entries([b(entry) for entry in given["charter"]], roster)
    group, joined = decode(GroupId, b(given["group"])), decode(Head, b(given["joined"]))
    entries = [decode(LogEntry, b(entry)) for entry in given["log"]]
    past = gate.check_past(entries, group=group, joined=joined)
    part = decode(HistoryPart, b(given["part"]))
    return [
        gate.check_handed(past, handed, part, roster=roster, charter=charter)
        for handed in open_blob(b(given["blob"]), part, group=group, before=joined.sequence + 1)
    ]


MEMBER_VERBS: dict[str, Callable[[Epoch, bytes], Epoch]] = {
    "propose": propose,
    "process": process,
    "decrypt": read_application,
}


def attempt(verb: str, state: str | None, given: dict[str, Any]) -> object:
    """Do what the vector says; return what comes of it."""
    if verb in MEMBER_VERBS:
        assert state is not None, "a member's verb needs its state"
        epoch = load_state(state)
        for message in given["before"]:
            taken = b(message)
            epoch = (propose if verb != "decrypt" else read_application)(epoch, taken)
        return MEMBER_VERBS[verb](epoch, b(given["message"]))
    if verb == "join":
        return joined(given)
    if verb == "continue":
        assert state is not None, "there is a group that is continued"
        return joined(given, load_state(state))
    if verb == "history":
        return shown(given)
    if verb == "key_package":
        package = decode(MLSMessage, b(given["message"])).message
        assert isinstance(package, KeyPackage), "the message of this verb is a KeyPackage"
        return verify_key_package(package, now_s=given["now_s"])
    info = decode(MLSMessage, b(given["message"])).message
    assert isinstance(info, GroupInfo), "the message of the other verbs is a GroupInfo"
    if verb == "external_join":
        return external_commit(
            info,
            signature_key=Secret(b(given["signature_priv"])),
            credential=BasicCredential(b"somebody new"),
            capabilities=CAPABILITIES,
            now_s=NOW_S,
            rng=HashRng("somebody new"),
        )
    assert verb == "group_info", f"no verb is called {verb}"
    return PublicGroup.from_group_info(info, tree=decode(RatchetTreeExtension, b(given["tree"])))
