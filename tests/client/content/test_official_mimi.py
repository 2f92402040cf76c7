"""The examples that are published with draft-ietf-mimi-content-08."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mifeng.content.mimi import (
    ROOM_URI,
    SENDER_URI,
    Disposition,
    Expiration,
    ExternalPart,
    MultiPart,
    NullPart,
    Part,
    PartSemantics,
    SinglePart,
    decode_mimi,
    encode_mimi,
    message_id,
)

EXAMPLES = [
    "attachment", "conferencing", "delete", "edit", "expiring", "mention", "mention-html",
    "multipart-1", "multipart-2", "multipart-3", "original", "reaction", "reply", "unlike",
]  # fmt: skip


@pytest.fixture
def mimi(vectors_of: Callable[[str], Path]) -> Path:
    return vectors_of("mimi")


def test_no_example_is_left_out(mimi: Path) -> None:
    # implied-original is no content, but what receivers derive from `original`.
    assert {file.stem for file in mimi.glob("*.cbor")} == {*EXAMPLES, "implied-original"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_decodes_and_encodes_to_the_same_bytes(mimi: Path, name: str) -> None:
    raw = (mimi / f"{name}.cbor").read_bytes()
    assert encode_mimi(decode_mimi(raw)) == raw


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_the_id_that_is_stated(mimi: Path, name: str) -> None:
    raw = (mimi / f"{name}.cbor").read_bytes()
    stated = _stated_id((mimi / f"{name}.edn").read_text(encoding="utf-8"))
    content = decode_mimi(raw)
    sender, room = content.extensions[SENDER_URI], content.extensions[ROOM_URI]
    assert isinstance(sender, str)
    assert isinstance(room, str)
    assert message_id(raw, salt=content.salt, sender_uri=sender, room_uri=room) == stated


def _stated_id(text: str) -> bytes:
    found = re.search(r"message ID = h'([0-9a-f\s#]+)'", text)
    assert found
    return bytes.fromhex(re.sub(r"[\s#]", "", found[1]))


def _body(mimi: Path, name: str) -> Part:
    return decode_mimi((mimi / f"{name}.cbor").read_bytes()).body


def test_the_fields_of_the_examples_are_where_the_draft_has_them(mimi: Path) -> None:
    file = _body(mimi, "attachment")
    assert isinstance(file, ExternalPart)
    assert file.disposition == Disposition.ATTACHMENT
    assert (file.content_type, file.language, file.size) == ("video/mp4", "en", 708_234_961)
    assert (file.filename, file.description) == ("bigfile.mp4", "2 hours of key signing video")
    assert (file.enc_alg, file.hash_alg, len(file.key), len(file.nonce)) == (1, 1, 16, 12)
    assert isinstance(_body(mimi, "delete"), NullPart)
    reaction = _body(mimi, "reaction")
    assert isinstance(reaction, SinglePart)
    assert (reaction.disposition, reaction.content.decode()) == (Disposition.REACTION, "❤")
    nested = _body(mimi, "multipart-3")
    assert isinstance(nested, MultiPart)
    assert nested.part_semantics == PartSemantics.CHOOSE_ONE
    expiring = decode_mimi((mimi / "expiring.cbor").read_bytes())
    assert expiring.expires == Expiration(relative=False, time=1_644_390_004)
    edit = decode_mimi((mimi / "edit.cbor").read_bytes())
    assert edit.replaces == _stated_id((mimi / "reply.edn").read_text(encoding="utf-8"))
    assert edit.in_reply_to == _stated_id((mimi / "original.edn").read_text(encoding="utf-8"))
