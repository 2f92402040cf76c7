"""RFC 9420 section 6, and the bytes of every kind of message."""

from __future__ import annotations

import random
from dataclasses import fields, is_dataclass

from mifeng_crypto.errors import UsageError
from mifeng_crypto.mls.keys.secret_tree import SecretTree
from mifeng_crypto.mls.message.authenticate import sign_content, with_confirmation_tag
from mifeng_crypto.mls.message.private_message import decrypt_private, encrypt_private
from mifeng_crypto.mls.message.public_message import (
    protect_public,
    verify_membership_tag,
    verify_public,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    CommitContent,
    Content,
    FramedContent,
    Member,
    PrivateMessage,
    ProposalContent,
    PublicMessage,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
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
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode
from tests.conformance.case import Case, b, signature_private, suite_of

# Fields of messages.json that are no MLSMessage.
_STRUCTS: dict[str, type] = {
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
}


def check_messages(case: Case) -> None:
    for name, value in case.items():
        kind = _STRUCTS.get(name, MLSMessage)
        decoded: object = decode(kind, b(value))
        assert encode(decoded) == b(value), name
        assert encode(_rebuilt(decoded)) == b(value), name


def _rebuilt(value: object) -> object:
    """Return an equal struct without any bytes that it may have kept from decoding."""
    if isinstance(value, tuple):
        return tuple(_rebuilt(item) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return type(value)(*(_rebuilt(getattr(value, field.name)) for field in fields(value)))


def check_message_protection(case: Case) -> None:
    """Leaf 1 of a group of two sends; each given message opens, and so does our own of it."""
    suite = suite_of(case)
    context = GroupContext(
        registry.MLS10,
        suite.id,
        b(case["group_id"]),
        case["epoch"],
        b(case["tree_hash"]),
        b(case["confirmed_transcript_hash"]),
        (),
    )
    for name in ("proposal", "commit", "application"):
        given = decode(MLSMessage, b(case[f"{name}_priv"])).message
        assert isinstance(given, PrivateMessage)
        content = _open(suite, case, context, given)
        assert _raw(content) == b(case[name])
        own = _own_private(suite, case, context, content)
        assert _raw(_open(suite, case, context, own)) == b(case[name])
        if name == "application":
            _check_that_it_is_never_public(suite, case, context, content)
        else:
            public = decode(MLSMessage, b(case[f"{name}_pub"])).message
            assert isinstance(public, PublicMessage)
            for message in (public, _own_public(suite, case, context, content)):
                _check_public(suite, case, context, message)
                assert _raw(message.content.content) == b(case[name])


def _raw(content: Content) -> bytes:
    return content.application_data if isinstance(content, ApplicationContent) else encode(content)


def _fresh_tree(suite: Suite, case: Case) -> SecretTree:
    return SecretTree.create(suite, Secret(b(case["encryption_secret"])), 2)


def _open(suite: Suite, case: Case, context: GroupContext, message: PrivateMessage) -> Content:
    opened = decrypt_private(
        message,
        tree=_fresh_tree(suite, case),
        sender_data_secret=b(case["sender_data_secret"]),
        context=context,
        signature_key_of=lambda _leaf: b(case["signature_pub"]),
    )
    assert opened.verified.content.sender == Member(1)
    return opened.verified.content.content


def _framed(case: Case, content: Content) -> FramedContent:
    return FramedContent(b(case["group_id"]), case["epoch"], Member(1), b"", content)


def _own_private(
    suite: Suite, case: Case, context: GroupContext, content: Content
) -> PrivateMessage:
    signed = sign_content(
        suite,
        signature_private(suite, case["signature_priv"]),
        wire_format=registry.PRIVATE_MESSAGE,
        content=_framed(case, content),
        context=context,
    )
    if isinstance(content, CommitContent):
        signed = with_confirmation_tag(signed, bytes(suite.hash_bytes))
    tree, message = encrypt_private(
        signed,
        tree=_fresh_tree(suite, case),
        sender_data_secret=b(case["sender_data_secret"]),
        rng=random.Random(9420).randbytes,
    )
    assert tree != _fresh_tree(suite, case)
    sent = decode(MLSMessage, encode_message(message)).message
    assert sent == message
    return message


def _own_public(suite: Suite, case: Case, context: GroupContext, content: Content) -> PublicMessage:
    assert isinstance(content, ProposalContent | CommitContent)
    signed = sign_content(
        suite,
        signature_private(suite, case["signature_priv"]),
        wire_format=registry.PUBLIC_MESSAGE,
        content=_framed(case, content),
        context=context,
    )
    if isinstance(content, CommitContent):
        signed = with_confirmation_tag(signed, bytes(suite.hash_bytes))
    return protect_public(suite, signed, membership_key=b(case["membership_key"]), context=context)


def _check_public(suite: Suite, case: Case, context: GroupContext, message: PublicMessage) -> None:
    key = b(case["membership_key"])
    verify_membership_tag(suite, message, membership_key=key, context=context)
    verify_public(suite, message, signature_key=b(case["signature_pub"]), context=context)


def _check_that_it_is_never_public(
    suite: Suite, case: Case, context: GroupContext, content: Content
) -> None:
    try:
        _own_public_application(suite, case, context, content)
    except UsageError:
        return
    raise AssertionError("application data was put into a PublicMessage")


def _own_public_application(
    suite: Suite, case: Case, context: GroupContext, content: Content
) -> None:
    signed = sign_content(
        suite,
        signature_private(suite, case["signature_priv"]),
        wire_format=registry.PUBLIC_MESSAGE,
        content=_framed(case, content),
        context=context,
    )
    protect_public(suite, signed, membership_key=b(case["membership_key"]), context=context)
