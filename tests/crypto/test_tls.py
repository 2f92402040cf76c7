"""The codec: one encoding for each value, `CodecError` for everything else, and no hang."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Annotated, Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mifeng_crypto import kinds, tls
from mifeng_crypto.errors import CodecError
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import Capabilities, FromUpdate, LeafNode
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import ParentNode, RatchetTreeExtension
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode, encode
from tests.crypto.declared import declared_structs, values_of

STRUCTS = declared_structs()
every_struct = pytest.mark.parametrize("cls", STRUCTS, ids=lambda cls: cls.__name__)


class Colour(IntEnum):
    RED = 1
    BLUE = 2


@tls.struct(tag=1, tag_bytes=1)
class Small:
    n: tls.UInt8


@tls.struct(tag=2, tag_bytes=1)
class Large:
    n: tls.UInt64


@tls.struct
class Everything(tls.KeepsBytes):
    small: tls.UInt8
    colour: Annotated[Colour, tls.Width(1)]
    raw: tls.Opaque
    secret: Secret
    text: tls.Text
    fixed: tls.Bytes16
    numbers: tls.Vec[tls.UInt16]
    nested: tls.Vec[tls.Vec[tls.Opaque]]
    either: Small | Large
    maybe: Small | Large | None


VALUE = Everything(
    7,
    Colour.BLUE,
    b"raw",
    Secret(b"key"),
    "密封",
    bytes(16),
    (1, 2),
    ((b"a",), ()),
    Large(5),
    Small(6),
)
BYTES = bytes.fromhex(
    "07 02 03726177 036b6579 06e5af86e5b081 00000000000000000000000000000000 0400010002"
    " 04 02 0161 00 02 0000000000000005 01 01 06"
)


def test_each_kind_of_field_has_the_bytes_that_rfc_9420_says() -> None:
    assert encode(VALUE) == BYTES
    assert decode(Everything, BYTES) == VALUE


def test_a_secret_stays_a_secret_when_it_is_read() -> None:
    secret = decode(Everything, BYTES).secret
    assert type(secret) is Secret
    assert "key" not in repr(decode(Everything, BYTES))


# ------------------------------------------------------------------ every declared struct


def _decode_or_refuse(cls: type, data: bytes) -> None:
    """Whatever decodes is the encoding of what was decoded; nothing else but `CodecError`."""
    try:
        value: Any = decode(cls, data)
    except CodecError as error:
        assert error.offset <= len(data)  # noqa: PT017 - both outcomes are right
        return
    assert encode(value) == data
    assert encode(_without_kept_bytes(value)) == data


def _without_kept_bytes(value: object) -> object:
    """Return an equal value that has to be encoded from its fields."""
    if isinstance(value, tuple):
        return tuple(map(_without_kept_bytes, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return type(value)(*(_without_kept_bytes(getattr(value, f.name)) for f in fields(value)))


def test_all_structs_are_found() -> None:
    assert {"MLSMessage", "RatchetTreeExtension"} <= {cls.__name__ for cls in STRUCTS}


@every_struct
@settings(max_examples=20)
@given(data=st.data())
def test_a_value_is_what_its_bytes_decode_to(cls: type, data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    assert decode(cls, encode(value)) == value


@every_struct
@settings(max_examples=40)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused_or_canonical(cls: type, data: bytes) -> None:
    _decode_or_refuse(cls, data)


@every_struct
@settings(max_examples=40)
@given(data=st.data())
def test_mutated_bytes_are_refused_or_canonical(cls: type, data: st.DataObject) -> None:
    good = encode(data.draw(values_of(cls)))
    at = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(st.binary(max_size=4))
    _decode_or_refuse(cls, good[:at] + put + good[at + cut :])


# ------------------------------------------------------------------ what is not canonical


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends inside a field"),
        (BYTES[:-1], "ends inside a field"),
        (BYTES + b"\0", "bytes follow"),
        (BYTES.replace(b"\x03raw", b"\x40\x03raw"), "shortest"),
        (BYTES.replace(b"\x03raw", b"\x80\0\0\x03raw"), "shortest"),
        (BYTES.replace(b"\x03raw", b"\xc0\0\0\0\0\0\0\x03raw"), "0b11"),
        (BYTES.replace(b"\x03raw", b"\x3fraw"), "longer than its input"),
        (BYTES.replace("密".encode(), b"\xff\xff\xff"), "UTF-8"),
        (BYTES[:1] + b"\x03" + BYTES[2:], "no value 3"),
        (BYTES[:-2] + b"\x03\x06", "no Small or Large"),
        (BYTES[:-3] + b"\x02\x01\x06", "neither 0 nor 1"),
        (BYTES.replace(b"\x04\0\x01\0\x02", b"\x03\0\x01\0"), "ends inside a field"),
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(CodecError, match=why):
        decode(Everything, data)


@pytest.mark.parametrize("length", ["7f", "4100", "bfffffff", "80004000", "ffffffffffffffff"])
def test_a_length_without_its_bytes_is_refused_at_once(length: str) -> None:
    with pytest.raises(CodecError):
        tls.read_length(bytes.fromhex(length), 0, len(length) // 2)


@pytest.mark.parametrize(
    "broken",
    [
        Small(256),
        Small(-1),
        Small("1"),  # type: ignore[arg-type]
        Large(2**64),
    ],
)
def test_a_value_that_does_not_fit_its_declaration_is_not_encoded(broken: object) -> None:
    with pytest.raises(CodecError):
        encode(broken)


def test_a_struct_of_no_variant_is_not_encoded() -> None:
    @tls.struct
    class Other:
        n: tls.UInt8

    @tls.struct
    class Choice:
        either: Small | Large

    with pytest.raises(CodecError):
        encode(Choice(Other(1)))  # type: ignore[arg-type]


# ------------------------------------------------------------------ bombs


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(b"\xbf\xff\xff\xff" + bytes(64), id="length"),
        pytest.param(b"\x80\x80\x00\x00" + bytes(0x800000), id="count"),
        pytest.param(b"\x80\x80\x00\x00" + b"\xbf" * 0x800000, id="no-count"),
    ],
)
@pytest.mark.parametrize("cls", [RatchetTreeExtension, Capabilities])
def test_a_bomb_is_refused_quickly(cls: type, bomb: bytes) -> None:
    began = time.process_time()
    with pytest.raises(CodecError):
        decode(cls, bomb)
    assert time.process_time() - began < 2  # 50 ms: a neighbour's work does not count


def test_vectors_inside_of_vectors_do_not_multiply() -> None:
    @tls.struct
    class Nested:
        lists: tls.Vec[tls.Vec[tls.UInt8]]

    def nested(lists: int, n: int) -> bytes:
        return encode(Nested((tuple(bytes(n)),) * lists))

    full, more = nested(21, 15_000), nested(22, 15_000)
    assert len(decode(Nested, full).lists) == 21
    with pytest.raises(CodecError, match="more than 327680 elements"):
        decode(Nested, more)
    assert len(decode(Nested, full).lists) == 21  # each input is counted by itself


def filled(element: bytes) -> bytes:
    """A vector of eight MiB."""
    content = element * (8 * 2**20 // len(element))
    return (len(content) | 0x80000000).to_bytes(4, "big") + content


def leaf_with(n: int) -> bytes:
    numbers = tuple(range(n))
    capabilities = Capabilities(numbers, numbers, numbers, numbers, numbers)
    extensions = tuple(Extension(i, b"") for i in numbers)
    leaf = LeafNode(b"", b"", BasicCredential(b""), capabilities, FromUpdate(), extensions, b"")
    return b"\1\1" + encode(leaf)


def parent_with(n: int) -> bytes:
    return b"\1\2" + encode(ParentNode(b"", b"", tuple(range(n))))


NESTED = {
    "leaves with a few of everything": (RatchetTreeExtension, filled(leaf_with(8))),
    "leaves with much of everything": (RatchetTreeExtension, filled(leaf_with(1000))),
    "parents with a few unmerged leaves": (RatchetTreeExtension, filled(parent_with(16))),
    "parents with many unmerged leaves": (RatchetTreeExtension, filled(parent_with(10_000))),
}


@pytest.mark.parametrize("what", NESTED)
def test_a_nested_bomb_is_refused_after_little_work(what: str) -> None:
    """Work is counted in calls, of which an idle machine does ten in a microsecond or two."""
    calls = Counter[str]()
    kind, bomb = NESTED[what]
    sys.setprofile(lambda _frame, event, _arg: calls.update((event,)))
    try:
        with pytest.raises(CodecError, match="more than"):
            decode(kind, bomb)
    finally:
        sys.setprofile(None)
    assert calls["call"] + calls["c_call"] < 500_000


def test_nothing_is_declared_inside_itself() -> None:
    """So no input can be nested deeper than the declarations are: there are no depth bombs."""

    def walk(kind: object, inside: tuple[object, ...]) -> None:
        base, _ = kinds.parts_of(kind)
        assert base not in inside
        for part in kinds.variants_of(base) or get_args(base):
            walk(part, inside)
        if hasattr(base, "_tag"):
            for hint in get_type_hints(base, include_extras=True).values():
                walk(hint, (*inside, base))

    for cls in [*STRUCTS, MLSMessage]:
        walk(cls, ())
