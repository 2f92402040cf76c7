"""MIMI content: one encoding, strict limits, nothing but typed errors."""

from __future__ import annotations

import contextlib
import random
import time

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng.content.mimi import (
    MAX_CONTENT_BYTES,
    Expiration,
    ExternalPart,
    MimiContent,
    MultiPart,
    NullPart,
    Part,
    PartSemantics,
    SinglePart,
    decode_mimi,
    encode_mimi,
)
from mifeng_crypto.errors import CodecError, MifengError, ProtocolError

SALT = bytes(range(16))
BODY: list[object] = [1, "", 1, "text/plain", b"hello"]


def raw(**changed: object) -> bytes:
    fields = {"salt": SALT, "replaces": None, "topic": b"", "expires": None, "reply": None,
              "extensions": {}, "body": BODY} | changed  # fmt: skip
    return cbor2.dumps([*fields.values()])


texts = st.text(max_size=20)
data = st.binary(max_size=20)
heads = {"disposition": st.integers(0, 255), "language": texts}
leaves: st.SearchStrategy[Part] = st.one_of(
    st.builds(NullPart, **heads),
    st.builds(SinglePart, **heads, content_type=texts, content=data),
    st.builds(
        ExternalPart, **heads, content_type=texts, url=texts, expires=st.integers(0, 2**32 - 1),
        size=st.integers(0, 2**64 - 1), enc_alg=st.integers(0, 2**16 - 1), key=data, nonce=data,
        aad=data, hash_alg=st.integers(0, 255), content_hash=data, description=texts,
        filename=texts,
    ),
)  # fmt: skip
bodies = leaves | st.builds(
    MultiPart,
    **heads,
    part_semantics=st.sampled_from(PartSemantics),
    parts=st.lists(leaves, min_size=2, max_size=4).map(tuple),
)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | texts | data
keys = st.integers(-(2**53) + 1, 2**53 - 1) | texts
values = scalars | st.dictionaries(keys | data, scalars, max_size=3)
contents = st.builds(
    MimiContent,
    salt=st.binary(min_size=16, max_size=16),
    replaces=st.none() | st.binary(min_size=32, max_size=32),
    topic_id=data,
    expires=st.none() | st.builds(Expiration, st.booleans(), st.integers(0, 2**32 - 1)),
    in_reply_to=st.none() | st.binary(min_size=32, max_size=32),
    extensions=st.dictionaries(
        st.integers(3, 2**53 - 1) | st.text(min_size=1, max_size=20), values, max_size=4
    ),
    body=bodies,
)


@given(content=contents)
def test_what_is_encoded_decodes_to_the_same(content: MimiContent) -> None:
    assert decode_mimi(encode_mimi(content)) == content


@given(content=contents, seed=st.integers(0, 1 << 32))
def test_mutated_content_gives_only_typed_errors_or_another_whole_value(
    content: MimiContent, seed: int
) -> None:
    rng = random.Random(seed)
    mutated = bytearray(encode_mimi(content))
    for _ in range(rng.randint(1, 4)):
        mutated[rng.randrange(len(mutated))] = rng.randrange(256)
    with contextlib.suppress(MifengError):
        assert encode_mimi(decode_mimi(bytes(mutated))) == mutated


@given(noise=st.binary(max_size=200))
def test_noise_gives_only_typed_errors(noise: bytes) -> None:
    with pytest.raises(MifengError):
        decode_mimi(noise)


NOT_THE_ONE_ENCODING = {
    "more follows": raw() + b"\0",
    "cut short": raw()[:-1],
    "a length in two bytes": raw().replace(b"\x45hello", b"\x58\x05hello"),
    "an indefinite array": b"\x9f" + raw()[1:] + b"\xff",
    "keys in another order": raw(extensions={"b": 1, "a": 2}),
    "keys by length first": raw(extensions={"z": 1, 300: 2}),
    "a key twice": raw(extensions={7: 1, 8: 2}).replace(b"\x07\x01\x08\x02", b"\x07\x01\x07\x02"),
    "a float": raw(extensions={7: 1.5}),
    "a tag": raw(extensions={7: cbor2.CBORTag(32, "x")}),
    "a date": raw(extensions={7: cbor2.CBORTag(1, 5)}),
    "a shared reference to itself": raw(extensions={7: 1}).replace(
        b"\x07\x01", b"\x07\xd8\x1c\x81\xd8\x1d\x00"
    ),
    "undefined": raw(extensions={7: cbor2.undefined}),
}


@pytest.mark.parametrize("encoded", NOT_THE_ONE_ENCODING.values(), ids=NOT_THE_ONE_ENCODING)
def test_anything_but_the_one_encoding_is_refused(encoded: bytes) -> None:
    decode_mimi(raw())
    with pytest.raises(CodecError):
        decode_mimi(encoded)


NOT_THE_SCHEMA = {
    "no array": cbor2.dumps({"salt": SALT}),
    "a field too few": cbor2.dumps([SALT, None, b"", None, None, {}]),
    "a short salt": raw(salt=b"123"),
    "a salt of text": raw(salt="0123456789abcdef"),
    "a short message id": raw(replaces=b"1"),
    "a topic of text": raw(topic="t"),
    "expires without a flag": raw(expires=[1, 5]),
    "expires beyond 32 bits": raw(expires=[True, 1 << 32]),
    "extensions in an array": raw(extensions=[]),
    "an empty extension name": raw(extensions={"": 1}),
    "an extension name of 256 bytes": raw(extensions={"x" * 256: 1}),
    "an extension named by true": raw(extensions={True: 1}),
    "a sender that is no text": raw(extensions={1: 5}),
    "an extension of 4096 bytes": raw(extensions={9: bytes(4094)}),
    "an empty part": raw(body=[]),
    "an unknown cardinality": raw(body=[1, "", 4]),
    "a disposition beyond a byte": raw(body=[256, "", 0]),
    "a null part with content": raw(body=[1, "", 0, b""]),
    "a single part without content": raw(body=[1, "", 1, "text/plain"]),
    "text where bytes belong": raw(body=[1, "", 1, "text/plain", "hello"]),
    "one part of many": raw(body=[1, "", 3, 0, [BODY]]),
    "unknown semantics": raw(body=[1, "", 3, 3, [BODY, BODY]]),
    "a negative size": raw(body=[6, "", 2, "", "", 0, -1, 0, b"", b"", b"", 0, b"", "", ""]),
    "true for one": raw(body=[True, "", 1, "text/plain", b"hello"]),
}


@pytest.mark.parametrize("encoded", NOT_THE_SCHEMA.values(), ids=NOT_THE_SCHEMA)
def test_content_that_does_not_follow_the_schema_is_refused(encoded: bytes) -> None:
    with pytest.raises(CodecError):
        decode_mimi(encoded)


def nested(depth: int) -> list[object]:
    return BODY if depth == 1 else [1, "", 3, 2, [BODY, nested(depth - 1)]]


def test_content_1_parts_nest_four_deep_and_no_deeper() -> None:
    decode_mimi(raw(body=nested(4)))
    with pytest.raises(MifengError):
        decode_mimi(raw(body=nested(5)))
    with pytest.raises(MifengError):
        decode_mimi(raw(body=nested(200)))


def test_content_1_a_message_has_1024_parts_and_no_more() -> None:
    tiny: list[object] = [0, "", 0]
    decode_mimi(raw(body=[1, "", 3, 2, [tiny] * 1023]))
    with pytest.raises(ProtocolError, match="CONTENT-1"):
        decode_mimi(raw(body=[1, "", 3, 2, [tiny] * 1024]))


def test_content_1_extensions_nest_four_deep_and_no_deeper() -> None:
    decode_mimi(raw(extensions={7: [[[1]]]}))
    with pytest.raises(ProtocolError, match="CONTENT-1"):
        decode_mimi(raw(extensions={7: [[[[1]]]]}))


def test_content_1_a_message_that_is_too_long_is_refused_on_both_sides() -> None:
    part = SinglePart(content_type="text/plain", content=bytes(MAX_CONTENT_BYTES))
    with pytest.raises(ProtocolError, match="256 KiB"):
        encode_mimi(MimiContent(salt=SALT, body=part))
    with pytest.raises(ProtocolError, match="CONTENT-1"):
        decode_mimi(bytes(MAX_CONTENT_BYTES + 1))
    with pytest.raises(ProtocolError, match="CONTENT-1"):
        decode_mimi(raw(topic=bytes(4097)))


def test_an_unknown_disposition_and_an_unknown_extension_survive() -> None:
    encoded = raw(extensions={-5: [1, {b"x": None}], "work": True}, body=[77, "", 0])
    content = decode_mimi(encoded)
    assert content.body.disposition == 77
    assert content.extensions[-5] == (1, {b"x": None})
    assert encode_mimi(content) == encoded


def test_a_number_that_is_costly_to_read_is_refused_at_once() -> None:
    costly = raw(extensions={7: cbor2.CBORTag(4, [0, 1 << 1_900_000])})
    assert len(costly) < MAX_CONTENT_BYTES
    begin = time.process_time()
    with pytest.raises(CodecError):
        decode_mimi(costly)
    assert time.process_time() - begin < 5  # else it would take hours
