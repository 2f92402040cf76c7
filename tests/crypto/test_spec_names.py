"""The engine speaks the RFC's language: each of its structs is here under its own name, with its
own fields in its own order, and the map from sections to files is right.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path
from typing import get_args

import pytest

from mifeng_crypto import labels, mls
from mifeng_crypto.mls import wire

# The structs of RFC 9420 with their fields; those of section 5 that are inputs of labelled
# operations stand in labels.py. Where a field is chosen by another one (`select`), the value says
# which it is: `version` and `content_type` are then not stored beside it.
STRUCTS = {
    # section 5
    "SignContent": "label content",
    "EncryptContext": "label context",
    "RefHashInput": "label value",
    "Certificate": "cert_data",
    # section 6
    "FramedContent": "group_id epoch sender authenticated_data content",
    "MLSMessage": "version message",
    "AuthenticatedContent": "wire_format content auth",
    "FramedContentAuthData": "signature confirmation_tag",
    "PublicMessage": "content auth membership_tag",
    "PrivateMessage": (
        "group_id epoch content_type authenticated_data encrypted_sender_data ciphertext"
    ),
    "PrivateContentAAD": "group_id epoch content_type authenticated_data",
    "SenderData": "leaf_index generation reuse_guard",
    "SenderDataAAD": "group_id epoch content_type",
    # section 7
    "ParentNode": "encryption_key parent_hash unmerged_leaves",
    "Capabilities": "versions cipher_suites extensions proposals credentials",
    "Lifetime": "not_before not_after",
    "Extension": "extension_type extension_data",
    "LeafNode": "encryption_key signature_key credential capabilities source extensions signature",
    "HPKECiphertext": "kem_output ciphertext",
    "UpdatePathNode": "encryption_key encrypted_path_secret",
    "UpdatePath": "leaf_node nodes",
    "TreeHashInput": "node",
    "LeafNodeHashInput": "leaf_index leaf_node",
    "ParentNodeHashInput": "parent_node left_hash right_hash",
    "ParentHashInput": "encryption_key parent_hash original_sibling_tree_hash",
    # section 8
    "KDFLabel": "length label context",
    "GroupContext": (
        "version cipher_suite group_id epoch tree_hash confirmed_transcript_hash extensions"
    ),
    "ConfirmedTranscriptHashInput": "wire_format content signature",
    "InterimTranscriptHashInput": "confirmation_tag",
    "PreSharedKeyID": "source psk_nonce",
    "PSKLabel": "id index count",
    # sections 10 and 11
    "KeyPackage": "version cipher_suite init_key leaf_node extensions signature",
    "RequiredCapabilities": "extension_types proposal_types credential_types",
    # section 12
    "Add": "key_package",
    "Update": "leaf_node",
    "Remove": "removed",
    "PreSharedKey": "psk",
    "ReInit": "group_id version cipher_suite extensions",
    "ExternalInit": "kem_output",
    "GroupContextExtensions": "extensions",
    "ExternalSender": "signature_key credential",
    "Commit": "proposals path",
    "GroupInfo": "group_context extensions confirmation_tag signer signature",
    "PathSecret": "path_secret",
    "GroupSecrets": "joiner_secret path_secret psks",
    "EncryptedGroupSecrets": "new_member encrypted_group_secrets",
    "Welcome": "cipher_suite secrets encrypted_group_info",
    "ExternalPub": "external_pub",
}

# Structs that are nothing but a choice: unions of what can be chosen.
CHOICES = {
    "Credential": "BasicCredential X509Credential",
    "Sender": "Member External NewMemberProposal NewMemberCommit",
    "Proposal": "Add Update Remove PreSharedKey ReInit ExternalInit GroupContextExtensions",
    "ProposalOrRef": "ProposalByValue ProposalByReference",
    "Node": "LeafNode ParentNode",
}

# What is only ever signed, authenticated or encrypted has no value of its own: functions write it.
CONTENTS = {
    "FramedContentTBS": "framing.framed_content_tbs",
    "AuthenticatedContentTBM": "framing.authenticated_content_tbm",
    "PrivateMessageContent": "framing.write_private_message_content",
    "LeafNodeTBS": "leaf_node.leaf_node_tbs",
    "KeyPackageTBS": "key_package.key_package_tbs",
    "GroupInfoTBS": "welcome.group_info_tbs",
}


def declared() -> dict[str, object]:
    """Every name of the wire's modules and of labels.py."""
    names = vars(labels).copy()
    for info in pkgutil.iter_modules(wire.__path__, f"{wire.__name__}."):
        names |= vars(importlib.import_module(info.name))
    return names


def test_the_list_is_whole() -> None:
    """RFC 9420 declares 59 structs, besides an example of the presentation language."""
    assert len(STRUCTS) + len(CHOICES) + len(CONTENTS) == 59


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_has_the_fields_of_the_rfc(name: str) -> None:
    struct = declared()[name]
    assert isinstance(struct, type)
    assert dataclasses.is_dataclass(struct)
    assert " ".join(field.name for field in dataclasses.fields(struct)) == STRUCTS[name]


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_offers_what_the_rfc_does(name: str) -> None:
    assert " ".join(each.__name__ for each in get_args(declared()[name])) == CHOICES[name]


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_only_signed_or_sealed_is_written_by_a_function(name: str) -> None:
    module, function = CONTENTS[name].split(".")
    assert callable(getattr(importlib.import_module(f"{wire.__name__}.{module}"), function))


# ------------------------------------------------------------------ where a section is

ROOT = Path(mls.__path__[0])
ROW = re.compile(r"^ {4}([A-C0-9][A-C0-9., ]*?) {2,}(\S.*\.py)$", re.MULTILINE)


def where() -> list[tuple[str, str]]:
    """Return (section, file) as the map in `mls/__init__.py` has them."""
    rows = ROW.findall(mls.__doc__ or "")
    return [(s, f) for ss, ff in rows for s in ss.split(", ") for f in ff.split(", ")]


def test_the_map_names_every_file_and_no_other() -> None:
    files = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")}
    assert {file for _, file in where()} == {f for f in files if not f.endswith("__init__.py")}


def test_the_map_names_every_section_that_asks_for_code() -> None:
    top = {section.partition(".")[0] for section, _ in where()}
    assert top >= {"4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "17", "C"}


@pytest.mark.parametrize(("section", "file"), where())
def test_a_file_cites_its_section(section: str, file: str) -> None:
    cited = re.escape(section)
    assert re.search(rf"(?<![\d.]){cited}(?![\d]|\.\d)", (ROOT / file).read_text())
