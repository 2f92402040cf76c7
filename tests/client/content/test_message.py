"""Texts and files in MIMI content, and what is refused of others."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import msgspec
import pytest

from mifeng import content
from mifeng.content import Attachment, Origin, printable
from mifeng.content.attachment import MEDIA, extensions_of, parts_of
from mifeng.content.message import MARKDOWN
from mifeng.content.mimi import (
    Disposition,
    ExternalPart,
    MimiContent,
    MultiPart,
    NullPart,
    PartSemantics,
    SinglePart,
    Value,
    encode_mimi,
)
from mifeng_crypto.errors import CodecError, ProtocolError, UsageError
from mifeng_crypto.ids import FileId, MemberId, UnitId, WorkspaceId
from mifeng_crypto.secret import Secret

RNG = random.Random(7).randbytes
HERE = Origin(
    workspace_id=WorkspaceId(RNG(16)), unit_id=UnitId(RNG(16)), member_id=MemberId(RNG(16))
)
FILE = Attachment(
    file_id=FileId(RNG(16)), name="计划 2026.pdf", content_type="application/pdf", size=12_345,
    secret=Secret(RNG(32)), share_hash=RNG(32), digest=RNG(32),
)  # fmt: skip

OTHER_FILE = dataclasses.replace(FILE, file_id=FileId(RNG(16)), name="b.txt")


def test_a_text_comes_out_as_it_went_in() -> None:
    sent = content.encode_text("你好 *world*", origin=HERE, rng=RNG)
    got = content.decode(sent, origin=HERE)
    assert (got.text, got.attachments) == ("你好 *world*", ())
    assert len(got.id) == 32


def test_the_same_text_twice_is_two_messages() -> None:
    ids = {
        content.decode(content.encode_text("ok", origin=HERE, rng=RNG), origin=HERE).id
        for _ in range(2)
    }
    assert len(ids) == 2


def test_a_file_comes_out_as_it_went_in_and_shows_no_secret() -> None:
    got = content.decode(content.encode_file(FILE, origin=HERE, rng=RNG), origin=HERE)
    assert got.attachments == (FILE,)
    assert got.text == ""
    assert FILE.secret.hex() not in repr(got.attachments)


@pytest.mark.parametrize("field", ["member_id", "unit_id", "workspace_id"])
def test_content_2_a_message_of_somebody_else_or_for_elsewhere_is_refused(field: str) -> None:
    changed: dict[str, Any] = {field: RNG(16)}
    elsewhere = dataclasses.replace(HERE, **changed)
    with pytest.raises(ProtocolError, match="CONTENT-2"):
        content.decode(content.encode_text("me", origin=elsewhere, rng=RNG), origin=HERE)


def test_the_id_depends_on_sender_and_unit_even_where_the_content_is_silent() -> None:
    encoded = encode_mimi(MimiContent(salt=bytes(16), body=NullPart()))
    other = dataclasses.replace(HERE, member_id=MemberId(RNG(16)))
    assert content.decode(encoded, origin=HERE).id != content.decode(encoded, origin=other).id


GOOD = content.decode(content.encode_file(FILE, origin=HERE, rng=RNG), origin=HERE).content
BAD_FILES = {
    "another server": {"url": "https://example.com/f"},
    "another workspace": {"url": f"mimi://{bytes(16).hex()}/f/{FILE.file_id.hex()}"},
    "a path instead of an id": {"url": f"mimi://{HERE.workspace_id.hex()}/f/../../etc"},
    "a short secret": {"key": b"short"},
    "no secret": {"key": b""},
    "another algorithm": {"enc_alg": 1},
    "no hash": {"hash_alg": 0, "content_hash": b""},
    "a size beyond all": {"size": 1 << 60},
    "a nonce": {"nonce": bytes(12)},
}


@pytest.mark.parametrize("changed", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_nobody_could_open_is_refused(changed: dict[str, object]) -> None:
    assert isinstance(GOOD.body, ExternalPart)
    body = dataclasses.replace(GOOD.body, **changed)  # type: ignore[arg-type]
    with pytest.raises(CodecError):
        content.decode(encode_mimi(dataclasses.replace(GOOD, body=body)), origin=HERE)


def test_a_file_without_the_hash_of_its_share_is_refused() -> None:
    bare = {key: value for key, value in GOOD.extensions.items() if key != "mifeng.shares"}
    with pytest.raises(CodecError, match="nobody can open"):
        content.decode(encode_mimi(dataclasses.replace(GOOD, extensions=bare)), origin=HERE)


def test_a_kind_that_is_not_known_has_neither_text_nor_files_and_survives() -> None:
    poll = SinglePart(content_type="application/x-mifeng-poll", content=b"?")
    encoded = encode_mimi(MimiContent(salt=bytes(16), body=poll))
    got = content.decode(encoded, origin=HERE)
    assert (got.text, got.attachments) == ("", ())
    assert encode_mimi(got.content) == encoded


def test_several_parts_show_all_their_texts_and_files() -> None:
    assert isinstance(GOOD.body, ExternalPart)
    caption = SinglePart(content_type=MARKDOWN, content=b"see here")
    body = MultiPart(part_semantics=PartSemantics.PROCESS_ALL, parts=(caption, GOOD.body))
    got = content.decode(encode_mimi(dataclasses.replace(GOOD, body=body)), origin=HERE)
    assert (got.text, got.attachments) == ("see here", (FILE,))


def test_a_text_that_is_not_utf_8_is_refused() -> None:
    body = SinglePart(content_type=MARKDOWN, content=b"\xff\xfe")
    with pytest.raises(CodecError, match="UTF-8"):
        content.decode(encode_mimi(MimiContent(salt=bytes(16), body=body)), origin=HERE)


def test_a_text_that_is_not_unicode_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        content.encode_text("caf\udce9", origin=HERE, rng=RNG)


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    assert printable("plain 文字 é ❤") == "plain 文字 é ❤"
    assert printable("\x1b[2J\x07a\nb") == "\ufffd[2J\ufffda\ufffdb"
    assert printable("a\r\nb\tc", lines=True) == "a\nb\tc"
    assert printable("invoice\u202efdp.exe") == "invoice\ufffdfdp.exe"
    assert printable("\x9b31m\u2028x") == "\ufffd31m\ufffdx"


@pytest.mark.parametrize("emoji", ["👍", "👩‍💻", "🏴\U000e0067\U000e0062\U000e007f", "好", "+1"])
def test_a_reaction_comes_out_as_it_went_in(emoji: str) -> None:
    named = RNG(32)
    got = content.decode(content.encode_reaction(emoji, named, origin=HERE, rng=RNG), origin=HERE)
    assert (got.reaction, got.text, got.refers.in_reply_to) == (emoji, "", named)


@pytest.mark.parametrize("emoji", ["", " ", "a\nb", "\x1b[2J", "\u202eabc", "x" * 65, "\ue000"])
def test_a_reaction_that_does_not_show_itself_is_refused_content_3(emoji: str) -> None:
    part = SinglePart(disposition=2, content_type="text/plain", content=emoji.encode())
    with pytest.raises(ProtocolError, match="CONTENT-3"):
        content.decode(encode_mimi(MimiContent(salt=bytes(16), body=part)), origin=HERE)


def test_files_come_with_their_caption() -> None:
    sent = content.encode_file(FILE, OTHER_FILE, caption="see *here*", origin=HERE, rng=RNG)
    got = content.decode(sent, origin=HERE)
    assert (got.text, got.attachments) == ("see *here*", (FILE, OTHER_FILE))


def test_no_message_shows_more_files_than_its_extension_holds() -> None:
    eight = [dataclasses.replace(FILE, file_id=FileId(RNG(16))) for _ in range(8)]
    content.encode_file(*eight, origin=HERE, rng=RNG)
    for some in ([], [*eight, FILE]):
        with pytest.raises(UsageError, match="1 to 8 files"):
            content.encode_file(*some, origin=HERE, rng=RNG)


def test_fifty_nested_parts_are_refused() -> None:
    body: MultiPart | SinglePart = SinglePart(content_type=MARKDOWN, content=b"deep")
    for _ in range(50):
        leaf = SinglePart(content_type=MARKDOWN, content=b"x")
        body = MultiPart(part_semantics=PartSemantics.PROCESS_ALL, parts=(body, leaf))
    with pytest.raises((ProtocolError, CodecError)):
        encode_mimi(MimiContent(salt=bytes(16), body=body))


# ------------------------------------------------------------------ what is said of a file

PREVIEW = content.Preview(
    width=640, height=480, duration_ms=1500, pages=3, thumbnail=b"RIFF", thumbnail_type="image/webp"
)


def test_what_is_said_of_a_file_comes_out_as_it_went_in() -> None:
    shown = dataclasses.replace(FILE, preview=PREVIEW)
    sent = content.encode_file(shown, OTHER_FILE, caption="two", origin=HERE, rng=RNG)
    assert content.decode(sent, origin=HERE).attachments == (shown, OTHER_FILE)


def test_eight_files_with_their_pictures_fit_into_a_message() -> None:
    files = [
        dataclasses.replace(
            FILE,
            file_id=FileId(RNG(16)),
            preview=_with_thumbnail(b"x" * content.MAX_THUMBNAIL_BYTES),
        )
        for _ in range(8)
    ]
    sent = content.encode_file(*files, caption="c" * 10_000, origin=HERE, rng=RNG)
    assert content.decode(sent, origin=HERE).attachments == tuple(files)


def _with_thumbnail(thumbnail: bytes) -> content.Preview:
    return msgspec.structs.replace(PREVIEW, thumbnail=thumbnail)


@pytest.mark.parametrize(
    "facts",
    [
        None,
        "640x480",
        (1, 2, 3),
        (1, 2, 3, 4, 5),
        {1: 2},
    ],
)
def test_facts_that_are_not_said_as_they_should_be_are_passed_over(facts: Value) -> None:
    assert _with_media(facts).preview == content.Preview()


def test_numbers_that_are_none_are_not_known() -> None:
    assert _with_media((-1, True, 1 << 60, 7)).preview == content.Preview(pages=7)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("image/svg+xml", b"<svg/>"),
        ("text/html", b"<script>"),
        ("image/webp", b"x" * (content.MAX_THUMBNAIL_BYTES + 1)),
    ],
)
def test_a_small_picture_of_another_kind_or_size_is_not_shown(kind: str, data: bytes) -> None:
    small = SinglePart(disposition=Disposition.PREVIEW, content_type=kind, content=data)
    [part] = parts_of(FILE, HERE.workspace_id)
    body = MultiPart(part_semantics=PartSemantics.PROCESS_ALL, parts=(part, small))
    sent = MimiContent(salt=RNG(16), extensions=extensions_of([FILE]), body=body)
    got = content.decode(encode_mimi(sent), origin=HERE)
    assert got.attachments == (FILE,)


def _with_media(facts: Value) -> Attachment:
    [part] = parts_of(FILE, HERE.workspace_id)
    said: Value = {bytes(FILE.file_id): facts}
    extensions = {**extensions_of([FILE]), MEDIA: said}
    sent = MimiContent(salt=RNG(16), extensions=extensions, body=part)
    [got] = content.decode(encode_mimi(sent), origin=HERE).attachments
    return got
