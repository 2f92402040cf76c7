"""The official `messages` vectors: every struct decodes and encodes to the same bytes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from mifeng_crypto.mls.wire.commit import Commit
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    ReInit,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.welcome import GroupSecrets
from mifeng_crypto.tls import decode, encode

DECLARED: dict[str, type] = {
    "mls_welcome": MLSMessage,
    "mls_group_info": MLSMessage,
    "mls_key_package": MLSMessage,
    "ratchet_tree": RatchetTreeExtension,
    "group_secrets": GroupSecrets,
    "add_proposal": Add,
    "update_proposal": Update,
    "remove_proposal": Remove,
    "pre_shared_key_proposal": PreSharedKey,
    "re_init_proposal": ReInit,
    "external_init_proposal": ExternalInit,
    "group_context_extensions_proposal": GroupContextExtensions,
    "commit": Commit,
    "public_message_application": MLSMessage,
    "public_message_proposal": MLSMessage,
    "public_message_commit": MLSMessage,
    "private_message": MLSMessage,
}


def anew(value: object) -> object:
    """Rebuild a struct field by field, so that no encoding is remembered from decoding."""
    if isinstance(value, tuple):
        return tuple(anew(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return type(value)(*(anew(getattr(value, field.name)) for field in fields))
    return value


def test_every_struct_of_the_messages_vectors_encodes_to_its_own_bytes(
    vectors_of: Callable[[str], Path],
) -> None:
    cases = json.loads((vectors_of("mls") / "test-vectors/messages.json").read_text())
    for case in cases:
        assert set(case) == set(DECLARED)
        for name, declared in DECLARED.items():
            data = bytes.fromhex(case[name])
            value: object = decode(declared, data)
            assert encode(value) == data, name
            assert encode(anew(value)) == data, name
