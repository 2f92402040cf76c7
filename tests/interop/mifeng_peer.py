"""This project as a peer: `python tests/interop/mifeng_peer.py`, see json_lines.py for the form.

Commands change one member's state, which stays here under its name. A commit is merged at once.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mifeng_crypto.mls.group import (  # noqa: E402 - run as a file, from any folder
    Epoch,
    KeyPackageBundle,
    LeafIndex,
    PendingCommit,
    VerifiedKeyPackage,
    commit,
    create,
    create_key_package,
    decrypt,
    default_capabilities,
    encrypt,
    export,
    external_commit,
    group_info,
    join,
    process_commit,
    propose,
    receive_private_proposal,
    receive_public_proposal,
    stage_commit,
    stage_private_commit,
    verify_key_package,
)
from mifeng_crypto.mls.wire import registry  # noqa: E402
from mifeng_crypto.mls.wire.credential import BasicCredential  # noqa: E402
from mifeng_crypto.mls.wire.framing import (  # noqa: E402
    CommitContent,
    PrivateMessage,
    PublicMessage,
)
from mifeng_crypto.mls.wire.key_package import KeyPackage  # noqa: E402
from mifeng_crypto.mls.wire.leaf_node import Lifetime  # noqa: E402
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message  # noqa: E402
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension  # noqa: E402
from mifeng_crypto.mls.wire.proposal import Add, Proposal, Remove  # noqa: E402
from mifeng_crypto.mls.wire.welcome import GroupInfo  # noqa: E402
from mifeng_crypto.secret import Secret  # noqa: E402
from mifeng_crypto.suite import MLS_XWING, SUITES, Suite  # noqa: E402
from mifeng_crypto.tls import decode, encode  # noqa: E402
from tests.interop.json_lines import Answer, Command, rss, serve, timed  # noqa: E402

IMPORT_MS = round((time.perf_counter() - STARTED) * 1000, 2)
HOUR, WEEK = 3600, 7 * 86_400


def now_s() -> int:
    """Return unix seconds."""
    return int(time.time())


@dataclass
class Client:
    """A member, or somebody who may become one."""

    name: str
    suite: Suite
    signature_key: Secret
    bundle: KeyPackageBundle | None = None
    epoch: Epoch | None = None
    stored: dict[bytes, bytes] | None = None

    @property
    def now(self) -> Epoch:
        if self.epoch is None:
            raise LookupError(f"{self.name} is in no group")
        return self.epoch

    def about(self) -> dict[str, Any]:
        """Return what a leaf says of this client; valid since an hour, for clocks that are late."""
        return {
            "suite": self.suite,
            "signature_key": self.signature_key,
            "credential": BasicCredential(self.name.encode()),
            "capabilities": default_capabilities(),
            "lifetime": Lifetime(now_s() - HOUR, now_s() + WEEK),
            "rng": os.urandom,
        }


clients: dict[str, Client] = {}

# ------------------------------------------------------------------ clients and KeyPackages


def hello() -> Answer:
    return {
        "peer": "mifeng",
        "version": "0.1.0",
        "suites": list(SUITES),
        "xwing": MLS_XWING,
        "import_ms": IMPORT_MS,
        "remove_by": "leaf",
    }


def client(name: str, suite: int = 1) -> Answer:
    key, ms = timed(lambda: SUITES[suite].generate_signature_key(rng=os.urandom))
    clients[name] = Client(name, SUITES[suite], key.private)
    return {"ms": ms, "identity": name.encode()}


def key_package(name: str) -> Answer:
    one = clients[name]
    bundle, ms = timed(lambda: create_key_package(**one.about()))
    one.bundle = bundle
    return {"data": encode_message(bundle.key_package), "ms": ms}


def key_packages(prefix: str, count: int, suite: int = 1) -> Answer:
    made, took = [], 0.0
    for i in range(count):
        client(f"{prefix}{i}", suite)
        answer = key_package(f"{prefix}{i}")
        made.append(answer["data"].hex())
        took += answer["ms"]
    return {"data": made, "ms_each": took / max(count, 1)}


def drop(name: str) -> Answer:
    clients.pop(name, None)
    return {}


# ------------------------------------------------------------------ into a group


def new_group(name: str, group_id: str) -> Answer:
    one = clients[name]
    one.epoch, ms = timed(lambda: create(group_id=bytes.fromhex(group_id), **one.about()))
    return {"ms": ms}


def enter(name: str, welcome: str, tree: str | None = None) -> Answer:
    one, given = clients[name], None
    if one.bundle is None:
        raise LookupError(f"{name} has no KeyPackage")
    if tree is not None:
        given = decode(RatchetTreeExtension, bytes.fromhex(tree))
    data, bundle = bytes.fromhex(welcome), one.bundle
    joined, ms = timed(lambda: join(data, bundle, tree=given))
    one.epoch, one.bundle = joined.epoch, None
    return {"ms": ms, "epoch": joined.epoch.public.epoch}


# ------------------------------------------------------------------ commits


def change(name: str, **what: Any) -> Answer:  # noqa: ANN401 - as `commit` takes it
    one = clients[name]
    epoch = one.now

    def call() -> PendingCommit:
        return commit(
            epoch,
            signature_key=one.signature_key,
            references=tuple(epoch.public.proposals),
            with_tree=True,
            now_s=now_s(),
            rng=os.urandom,
            **what,
        )

    pending, ms = timed(call)
    one.epoch = pending.next
    return {
        "commit": pending.message,
        "welcome": pending.welcome,
        "create_ms": ms,
        "merge_ms": 0,
        "ms": ms,
    }


def commit_add(
    name: str, key_packages: list[str], *, private: bool = False, path: bool = True
) -> Answer:
    encoded = [bytes.fromhex(data) for data in key_packages]
    verified, took = timed(lambda: [verify(data) for data in encoded])
    answer = change(name, add=verified, private=private, path=path)
    return answer | {"create_ms": answer["create_ms"] + took, "ms": answer["ms"] + took}


def verify(data: bytes) -> VerifiedKeyPackage:
    found = decode(MLSMessage, data).message
    if not isinstance(found, KeyPackage):
        raise TypeError("this is no KeyPackage")
    return verify_key_package(found, now_s=now_s())


def commit_remove(
    name: str, leaf: int, identity: str | None = None, *, private: bool = False
) -> Answer:
    return change(name, remove=[LeafIndex(leaf)], private=private)


def commit_update(name: str, *, private: bool = False) -> Answer:
    return change(name, private=private)


def propose_add(name: str, key_package: str, *, private: bool = False) -> Answer:
    found = decode(MLSMessage, bytes.fromhex(key_package)).message
    if not isinstance(found, KeyPackage):
        raise TypeError("this is no KeyPackage")
    return suggest(name, Add(found), private=private)


def propose_remove(name: str, leaf: int, *, private: bool = False) -> Answer:
    return suggest(name, Remove(leaf), private=private)


def suggest(name: str, proposal: Proposal, *, private: bool) -> Answer:
    one = clients[name]
    sent, ms = timed(
        lambda: propose(
            one.now,
            proposal,
            signature_key=one.signature_key,
            private=private,
            now_s=now_s(),
            rng=os.urandom,
        )
    )
    one.epoch = sent.epoch
    return {"data": sent.message, "ms": ms}


def external_join(name: str, group_info: str, *, resync: bool = False) -> Answer:
    one, found = clients[name], decode(MLSMessage, bytes.fromhex(group_info)).message
    if not isinstance(found, GroupInfo):
        raise TypeError("this is no GroupInfo")
    if resync:
        raise LookupError("no command: external_join with resync")
    about = {key: value for key, value in one.about().items() if key not in ("suite", "lifetime")}
    made, ms = timed(lambda: external_commit(found, now_s=now_s(), **about))
    one.epoch = made.next
    return {"commit": made.message, "ms": ms}


def process(name: str, message: str) -> Answer:
    """Take in whatever a member sent."""
    one, data = clients[name], bytes.fromhex(message)
    received, took = timed(lambda: decode(MLSMessage, data))
    answer = take(one, received.message)
    return answer | {"ms": answer["ms"] + took}


def take(one: Client, body: object) -> Answer:
    epoch, now = one.now, now_s()
    if isinstance(body, PublicMessage):
        if not isinstance(body.content.content, CommitContent):
            one.epoch, ms = timed(lambda: receive_public_proposal(epoch, body, now_s=now))
            return {"kind": "proposal", "ms": ms}
        return follow(one, lambda: (epoch, stage_commit(epoch.public, body, now_s=now)))
    if not isinstance(body, PrivateMessage):
        raise TypeError("this is neither a PublicMessage nor a PrivateMessage")
    if body.content_type == registry.COMMIT:
        return follow(one, lambda: stage_private_commit(epoch, body, now_s=now))
    if body.content_type == registry.PROPOSAL:
        one.epoch, ms = timed(lambda: receive_private_proposal(epoch, body, now_s=now))
        return {"kind": "proposal", "ms": ms}
    opened, ms = timed(lambda: decrypt(epoch, body))
    one.epoch = opened.epoch
    return {
        "kind": "application",
        "data": opened.received.data,
        "sender": opened.received.sender,
        "ms": ms,
    }


def follow(one: Client, stage: Any) -> Answer:  # noqa: ANN401 - two stages, one form
    def call() -> Epoch | None:
        epoch, staged = stage()
        return None if staged.removes(epoch.own_leaf) else process_commit(epoch, staged)

    after, ms = timed(call)
    one.epoch = after
    return {"kind": "removed" if after is None else "commit", "ms": ms}


# ------------------------------------------------------------------ inside a group


def seal(name: str, data: str) -> Answer:
    one = clients[name]
    plain = bytes.fromhex(data)
    sent, ms = timed(
        lambda: encrypt(one.now, plain, signature_key=one.signature_key, rng=os.urandom)
    )
    one.epoch = sent.epoch
    return {"data": sent.message, "ms": ms}


def exporter(name: str, label: str, context: str = "", length: int = 32) -> Answer:
    return {"secret": export(clients[name].now, label, bytes.fromhex(context), length)}


def state(name: str) -> Answer:
    epoch = clients[name].now
    return {
        "epoch": epoch.public.epoch,
        "members": epoch.public.n_members,
        "own_leaf": epoch.own_leaf,
        "tree_hash": epoch.public.context.tree_hash,
        "epoch_authenticator": epoch.epoch_authenticator,
    }


def tree(name: str) -> Answer:
    return {"data": encode(clients[name].now.public.tree.to_wire())}


def info(name: str) -> Answer:
    one = clients[name]
    made = group_info(
        one.now, signature_key=one.signature_key, with_tree=True, with_external_pub=True
    )
    return {"data": encode_message(made)}


def save(name: str) -> Answer:
    one = clients[name]
    parts, ms = timed(lambda: one.now.parts(None))
    one.stored = {key: value for key, value in parts.items() if value is not None}
    return {"ms": ms, "bytes": sum(map(len, one.stored.values()))}


def load(name: str, group_id: str | None = None) -> Answer:
    one = clients[name]
    if one.stored is None:
        raise LookupError(f"{name} was not saved")
    stored = one.stored
    one.epoch, ms = timed(lambda: Epoch.from_parts(stored))
    return {"ms": ms}


COMMANDS: dict[str, Command] = {
    "hello": hello,
    "client": client,
    "key_package": key_package,
    "key_packages": key_packages,
    "create": new_group,
    "commit_add": commit_add,
    "commit_remove": commit_remove,
    "commit_update": commit_update,
    "propose_add": propose_add,
    "propose_remove": propose_remove,
    "join": enter,
    "external_join": external_join,
    "process": process,
    "encrypt": seal,
    "decrypt": process,
    "export": exporter,
    "state": state,
    "tree": tree,
    "group_info": info,
    "save": save,
    "load": load,
    "drop": drop,
    "rss": rss,
}

if __name__ == "__main__":
    serve(COMMANDS)
