"""NOTE-n and CHECKPOINT-n: the server's signed word on a head, and how it is pinned."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto import signature
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import GroupId, UnitId, WorkspaceId
from mifeng_crypto.ledger.chain import SplitViewError
from mifeng_crypto.ledger.checkpoint import (
    Checkpoint,
    check_pin,
    key_name,
    open_checkpoint,
    origin_of_charter,
    origin_of_log,
    origin_of_roster,
    sign_checkpoint,
)
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.ledger.note import key_id_of, parse_note, sign_note, verify_note

KEY, OTHER_KEY = b"\x11" * 32, b"\x12" * 32
PUBLIC = signature.public_of(KEY)
WORKSPACE, UNIT = WorkspaceId(b"w" * 16), UnitId(b"u" * 16)
ROSTER = origin_of_roster(WORKSPACE)
HEAD = Head(7, b"\x07" * 32)


def checkpoint(head: Head = HEAD, origin: str = ROSTER) -> Checkpoint:
    note = sign_checkpoint(origin, head, workspace_id=WORKSPACE, signing_key=KEY)
    return open_checkpoint(note, origin=origin, workspace_id=WORKSPACE, public_key=PUBLIC)


def refused(rule: str, note: bytes, origin: str = ROSTER, public_key: bytes = PUBLIC) -> None:
    with pytest.raises(ProtocolError) as error:
        open_checkpoint(note, origin=origin, workspace_id=WORKSPACE, public_key=public_key)
    assert error.value.rule == rule


# ------------------------------------------------------------------ notes


def test_the_notes_of_the_specification_are_read_and_verified(
    vectors_of: Callable[[str], Path],
) -> None:
    examples = json.loads((vectors_of("signed-note") / "examples.json").read_text(encoding="utf-8"))
    verified = 0
    for example in examples:
        note = example["note"].encode()
        assert parse_note(note).text == example["note"].rpartition("\n\n")[0] + "\n"
        if example["vkey"] is not None:
            name, key_id, encoded = example["vkey"].split("+", 2)
            public = base64.b64decode(encoded)[1:]
            assert key_id_of(name, public).hex() == key_id
            verify_note(note, name=name, public_key=public)
            for bent in (note.replace(b"example", b"Example", 1), b" " + note):
                with pytest.raises(ProtocolError, match="NOTE-2"):
                    verify_note(bent, name=name, public_key=public)
            verified += 1
    assert verified == 1


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name QUFBQUE=",
        b"text\n\n\xe2\x80\x94 name QUFBQUE=\n\n",
        b"text\n\n\xe2\x80\x94 name QUFBQQ==\n",
        b"text\n\n\xe2\x80\x94 name QUFBQUF=\n",
        b"text\n\n\xe2\x80\x94 na+me QUFBQUE=\n",
        b"text\n\n\xe2\x80\x94 QUFBQUE=\n",
        b"text\n\n- name QUFBQUE=\n",
        b"te\x00xt\n\n\xe2\x80\x94 name QUFBQUE=\n",
        b"te\xffxt\n\n\xe2\x80\x94 name QUFBQUE=\n",
        b"text\n\n" + b"\xe2\x80\x94 name QUFBQUE=\n" * 17,
        b"x" * 20_000 + b"\n\n\xe2\x80\x94 name QUFBQUE=\n",
    ],
)
def test_what_is_no_note_is_refused_note_1(note: bytes) -> None:
    with pytest.raises(ProtocolError, match="NOTE-1"):
        parse_note(note)


def test_a_note_by_another_key_or_name_is_refused_note_2() -> None:
    note = sign_note("text\n", name="a", signing_key=KEY)
    assert verify_note(note, name="a", public_key=PUBLIC) == "text\n"
    for name, public in (("b", PUBLIC), ("a", signature.public_of(OTHER_KEY))):
        with pytest.raises(ProtocolError, match="NOTE-2"):
            verify_note(note, name=name, public_key=public)


def test_signatures_of_others_beside_the_own_one_are_passed_over() -> None:
    """Witnesses may add theirs (C2SP tlog-witness)."""
    note = sign_note("text\n", name="a", signing_key=KEY)
    witness = sign_note("text\n", name="w", signing_key=OTHER_KEY).split(b"\n\n")[1]
    assert verify_note(note + witness, name="a", public_key=PUBLIC) == "text\n"
    own = note.split(b"\n\n")[1]
    with pytest.raises(ProtocolError, match="NOTE-2"):
        verify_note(note + own, name="a", public_key=PUBLIC)


# ------------------------------------------------------------------ checkpoints


def test_a_checkpoint_reads_as_it_is_specified() -> None:
    found = checkpoint()
    lines = found.note.decode().split("\n")
    assert lines[:4] == [
        f"mifeng/{WORKSPACE.hex()}/roster",
        "7",
        base64.b64encode(HEAD.hash).decode(),
        "",
    ]
    assert found.head == HEAD
    assert checkpoint(EMPTY).head == EMPTY


def test_each_ledger_and_log_has_an_origin_of_its_own_checkpoint_1() -> None:
    origins = [
        ROSTER,
        origin_of_roster(WorkspaceId(b"x" * 16)),
        origin_of_charter(WORKSPACE, UNIT),
        origin_of_charter(WORKSPACE, UnitId(b"v" * 16)),
        origin_of_log(WORKSPACE, GroupId(UNIT, 0)),
        origin_of_log(WORKSPACE, GroupId(UNIT, 1)),
    ]
    assert len(set(origins)) == len(origins)
    for other in origins[1:]:
        refused("CHECKPOINT-1", checkpoint().note, origin=other)


@pytest.mark.parametrize(
    "tail",
    [
        "7\n",
        "07\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "+7\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "-1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "\u0667\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        f"{2**64}\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "7\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd=\n",
        "7\nBwcHBw==\n",
        "7\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nmore\n",
        f"{'9' * 5000}\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
    ],
)
def test_a_note_of_another_form_is_no_checkpoint_checkpoint_1(tail: str) -> None:
    note = sign_note(f"{ROSTER}\n{tail}", name=key_name(WORKSPACE), signing_key=KEY)
    refused("CHECKPOINT-1", note)


def test_a_checkpoint_by_another_key_is_refused_note_2() -> None:
    refused("NOTE-2", checkpoint().note, public_key=signature.public_of(OTHER_KEY))


@given(st.data())
def test_no_mutated_checkpoint_is_accepted(data: st.DataObject) -> None:
    raw = bytearray(checkpoint().note)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError):
        open_checkpoint(bytes(raw), origin=ROSTER, workspace_id=WORKSPACE, public_key=PUBLIC)


# ------------------------------------------------------------------ pinning


def test_a_pin_stays_or_goes_forward() -> None:
    check_pin(None, checkpoint())
    check_pin(checkpoint(), checkpoint())
    check_pin(checkpoint(), checkpoint(Head(8, b"\x08" * 32)))


def test_a_server_that_goes_back_is_refused_checkpoint_2() -> None:
    with pytest.raises(ProtocolError, match="CHECKPOINT-2"):
        check_pin(checkpoint(), checkpoint(Head(6, b"\x06" * 32)))


def test_a_server_that_signs_two_histories_is_convicted_by_both_notes_checkpoint_3() -> None:
    pinned, found = checkpoint(), checkpoint(Head(7, b"\x08" * 32))
    with pytest.raises(SplitViewError, match="CHECKPOINT-3") as error:
        check_pin(pinned, found)
    split = error.value.split
    assert (split.ours, split.theirs) == (pinned.head, found.head)
    assert split.statement == pinned.note + found.note
