"""rine-mls (PyPI; mls-rs in Rust) as a peer. It runs in rine's own environment.

What rine has not: an exporter, an epoch authenticator, updates without another change. Its
credentials are public keys, and it puts a byte 0x04 before an application message.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import rine_mls  # type: ignore[import-not-found]  # in its own environment only

from tests.interop.json_lines import Answer, Command, rss, serve, timed

FOLDER = Path(tempfile.mkdtemp(prefix="rine-"))
APPLICATION = bytes([rine_mls.APP_MESSAGE_TAG])
clients: dict[str, Any] = {}
groups: dict[str, Any] = {}


def hello() -> Answer:
    suites = [rine_mls.CIPHER_SUITE_CLASSICAL, rine_mls.CIPHER_SUITE_XWING]
    return {"peer": "rine", "version": "0.1.1", "suites": suites}


def client(name: str, suite: int = 1) -> Answer:
    folder, seed = str(FOLDER / name), hashlib.sha256(name.encode()).digest()
    clients[name], ms = timed(lambda: rine_mls.MlsClient(folder, seed, suite))
    return {"ms": ms}


def key_package(name: str) -> Answer:
    made, ms = timed(clients[name].generate_key_package)
    return {"data": made, "ms": ms}


def create(name: str, group_id: str) -> Answer:
    wanted = bytes.fromhex(group_id)
    groups[name], ms = timed(lambda: clients[name].create_group(wanted))
    return {"ms": ms}


def join(name: str, welcome: str) -> Answer:
    data = bytes.fromhex(welcome)
    groups[name], ms = timed(lambda: clients[name].join_from_welcome(data))
    return {"ms": ms}


def external_join(name: str, group_info: str) -> Answer:
    data = bytes.fromhex(group_info)
    groups[name], ms = timed(lambda: clients[name].join_by_external_commit(data))
    return {"commit": groups[name].last_commit().commit, "ms": ms}


def commit_add(name: str, key_packages: list[str], only: int | None = None) -> Answer:
    """Each one added gets a Welcome with the whole tree; `only` names the one that is wanted."""
    data = [bytes.fromhex(each) for each in key_packages]
    bundle, ms = timed(lambda: groups[name].add_members(data))
    welcomes = bundle.welcomes if only is None else [bundle.welcomes[only]]
    return {"commit": bundle.commit, "welcomes": [w.hex() for w in welcomes], "ms": ms}


def commit_remove(name: str, leaf: int) -> Answer:
    bundle, ms = timed(lambda: groups[name].remove_member(leaf))
    return {"commit": bundle.commit, "ms": ms}


def process(name: str, message: str) -> Answer:
    _, ms = timed(lambda: groups[name].apply_commit(bytes.fromhex(message)))
    return {"kind": "commit" if groups[name].is_active() else "removed", "ms": ms}


def encrypt(name: str, data: str) -> Answer:
    sent, ms = timed(lambda: groups[name].encrypt_application_message(bytes.fromhex(data)))
    return {"data": sent.removeprefix(APPLICATION), "ms": ms}


def decrypt(name: str, message: str) -> Answer:
    data = APPLICATION + bytes.fromhex(message)
    found, ms = timed(lambda: groups[name].decrypt_application_message(data))
    return {"kind": "application", "data": found.envelope, "sender": found.sender_index, "ms": ms}


def state(name: str) -> Answer:
    group = groups[name]
    members = group.member_identities()
    return {
        "epoch": group.epoch(),
        "members": len(members),
        "own_leaf": group.current_member_index(),
    }


def group_info(name: str) -> Answer:
    return {"data": groups[name].group_info()}


def save_and_load(name: str) -> Answer:
    groups[name].save()
    groups[name] = clients[name].load_group(groups.pop(name).group_id())
    return {}


def drop(name: str) -> Answer:
    clients.pop(name, None)
    groups.pop(name, None)
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    return {}


COMMANDS: dict[str, Command] = {
    "hello": hello,
    "client": client,
    "key_package": key_package,
    "create": create,
    "join": join,
    "external_join": external_join,
    "commit_add": commit_add,
    "commit_remove": commit_remove,
    "process": process,
    "encrypt": encrypt,
    "decrypt": decrypt,
    "state": state,
    "group_info": group_info,
    "save_and_load": save_and_load,
    "drop": drop,
    "rss": rss,
}

if __name__ == "__main__":
    try:
        serve(COMMANDS)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
