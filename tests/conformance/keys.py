"""RFC 9420 sections 2.1.2, 5.1, 5.2, 8 and 9."""

from __future__ import annotations

from mifeng_crypto.labels import (
    decrypt_with_label,
    derive_secret,
    derive_tree_secret,
    encrypt_with_label,
    expand_with_label,
    ref_hash,
    sign_with_label,
    verify_with_label,
)
from mifeng_crypto.mls.keys import key_schedule, transcript
from mifeng_crypto.mls.keys.psk import psk_secret
from mifeng_crypto.mls.keys.secret_tree import RatchetKind, SecretTree
from mifeng_crypto.mls.message.private_message import sender_data_key
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import AuthenticatedContent
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.psk import ExternalPsk, PreSharedKeyID
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode, read_length, write_length
from tests.conformance.case import Case, b, suite_of


def check_deserialization(case: Case) -> None:
    header, n = b(case["vlbytes_header"]), case["length"]
    # Zeros follow, as many as the header says: without them the length would be refused.
    assert read_length(header + bytes(n), 0, len(header) + n) == (n, len(header))
    out = bytearray()
    write_length(n, out)
    assert out == header


def check_crypto_basics(case: Case) -> None:
    suite = suite_of(case)
    v = case["ref_hash"]
    assert ref_hash(suite, v["label"], b(v["value"])) == b(v["out"])
    v = case["expand_with_label"]
    context, n = b(v["context"]), v["length"]
    assert expand_with_label(suite, b(v["secret"]), v["label"], context, n) == b(v["out"])
    v = case["derive_secret"]
    assert derive_secret(suite, b(v["secret"]), v["label"]) == b(v["out"])
    v = case["derive_tree_secret"]
    secret, generation, n = b(v["secret"]), v["generation"], v["length"]
    assert derive_tree_secret(suite, secret, v["label"], generation, n) == b(v["out"])
    _check_signature(suite, case["sign_with_label"])
    _check_encryption(suite, case["encrypt_with_label"])


def _check_signature(suite: Suite, v: Case) -> None:
    public, label, content = b(v["pub"]), v["label"], b(v["content"])
    verify_with_label(suite, public, label, content, b(v["signature"]))
    own = sign_with_label(suite, b(v["priv"]), label, content)
    verify_with_label(suite, public, label, content, own)


def _check_encryption(suite: Suite, v: Case) -> None:
    private, public = Secret(b(v["priv"])), b(v["pub"])
    label, context, plaintext = v["label"], b(v["context"]), b(v["plaintext"])
    own = encrypt_with_label(suite, public, label, context, plaintext)
    for kem_output, ciphertext in (own, (b(v["kem_output"]), b(v["ciphertext"]))):
        opened = decrypt_with_label(
            suite, private, label, context, kem_output=kem_output, ciphertext=ciphertext
        )
        assert opened == plaintext


def check_key_schedule(case: Case) -> None:
    suite = suite_of(case)
    init_secret = Secret(b(case["initial_init_secret"]))
    for epoch, v in enumerate(case["epochs"]):
        context = GroupContext(
            registry.MLS10,
            suite.id,
            b(case["group_id"]),
            epoch,
            b(v["tree_hash"]),
            b(v["confirmed_transcript_hash"]),
            (),
        )
        assert encode(context) == b(v["group_context"])
        commit_secret, psk = b(v["commit_secret"]), b(v["psk_secret"])
        joiner = key_schedule.joiner_secret(suite, init_secret, commit_secret, context)
        assert joiner == b(v["joiner_secret"])
        assert key_schedule.welcome_secret(suite, joiner, psk) == b(v["welcome_secret"])
        secrets, encryption_secret = key_schedule.derive_epoch(suite, joiner, psk, context)
        assert encryption_secret == b(v["encryption_secret"])
        for name in secrets.__dataclass_fields__:
            assert getattr(secrets, name) == b(v[name]), name
        pair = key_schedule.external_key_pair(suite, secrets.external_secret)
        assert pair.public == b(v["external_pub"])
        x = v["exporter"]
        exported = key_schedule.export(
            suite, secrets.exporter_secret, x["label"], b(x["context"]), x["length"]
        )
        assert exported == b(x["secret"])
        init_secret = secrets.init_secret


def check_psk_secret(case: Case) -> None:
    suite = suite_of(case)
    psks = [
        (PreSharedKeyID(ExternalPsk(b(v["psk_id"])), b(v["psk_nonce"])), b(v["psk"]))
        for v in case["psks"]
    ]
    assert psk_secret(suite, psks) == b(case["psk_secret"])


def check_transcript_hashes(case: Case) -> None:
    suite = suite_of(case)
    commit = decode(AuthenticatedContent, b(case["authenticated_content"]))
    tag = commit.auth.confirmation_tag
    assert tag is not None
    before = b(case["interim_transcript_hash_before"])
    confirmed = transcript.confirmed_transcript_hash(suite, before, commit)
    assert confirmed == b(case["confirmed_transcript_hash_after"])
    interim = transcript.interim_transcript_hash(suite, confirmed, tag)
    assert interim == b(case["interim_transcript_hash_after"])
    key = b(case["confirmation_key"])
    transcript.verify_confirmation_tag(suite, key, confirmed, tag)
    assert transcript.confirmation_tag(suite, key, confirmed) == tag


def check_secret_tree(case: Case) -> None:
    """All keys from the fresh tree, and once more from one tree that goes on and is stored."""
    suite = suite_of(case)
    v = case["sender_data"]
    assert sender_data_key(suite, b(v["sender_data_secret"]), b(v["ciphertext"])) == (
        b(v["key"]),
        b(v["nonce"]),
    )
    n_leaves = len(case["leaves"])
    fresh = SecretTree.create(suite, Secret(b(case["encryption_secret"])), n_leaves)
    tree, stored = fresh, fresh.parts(None)
    kinds = {"handshake": RatchetKind.HANDSHAKE, "application": RatchetKind.APPLICATION}
    for leaf, generations in enumerate(case["leaves"]):
        for v in generations:
            for name, kind in kinds.items():
                due = (b(v[f"{name}_key"]), b(v[f"{name}_nonce"]))
                assert fresh.take(leaf, kind, v["generation"])[1] == due
                before = tree
                tree, key = tree.take(leaf, kind, v["generation"])
                assert key == due
                stored |= tree.parts(before)
    kept = {at: node for at, node in stored.items() if node is not None}
    assert SecretTree.from_parts(suite, n_leaves, kept) == tree
