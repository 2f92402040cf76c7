"""The public vectors of Cobblestone-256 (Wycheproof): for streams, and for parts of them."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.files.key import FileKey
from mifeng_crypto.files.ranged import PartialOpener, derive_chunk_keys
from mifeng_crypto.files.sealed import CHUNK_BYTES, HEADER_BYTES, SEALED_CHUNK_BYTES
from mifeng_crypto.secret import Secret


@pytest.fixture(scope="module")
def cases(vectors_of: Callable[[str], Path]) -> list[dict[str, Any]]:
    file = vectors_of("cobblestone") / "c2sp_chunked_encryption_aes_256_gcm_test.json"
    groups = json.loads(file.read_text(encoding="utf-8"))["testGroups"]
    return [test for group in groups for test in group["tests"]]


def _inputs(case: dict[str, Any]) -> tuple[FileKey, bytes]:
    key = FileKey(Secret(bytes.fromhex(case["key"])), bytes.fromhex(case["ctx"]))
    return key, zlib.decompress(bytes.fromhex(case["ct"]))


def test_a_stream_opens_exactly_when_the_vector_says_so(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        key, sealed = _inputs(case)
        opened, valid = b"", True
        try:
            decryptor = Cobblestone256Decryptor(key.key, key.context)
            opened = decryptor.update(sealed)
            opened += decryptor.finalize()
        except (InvalidTag, ValueError):
            valid = False
        assert valid == (case["result"] == "valid"), case["tcId"]
        if valid:
            assert hashlib.sha512(opened).hexdigest() == case["msgSha512"]


def test_chunk_by_chunk_every_valid_vector_opens_by_our_derivation(
    cases: list[dict[str, Any]],
) -> None:
    valid = [case for case in cases if case["result"] == "valid"]
    assert len(valid) > 5
    for case in valid:
        key, sealed = _inputs(case)
        opened = b"".join(_by_chunks(key, sealed))
        assert len(opened) == case["msgLength"], case["tcId"]
        assert hashlib.sha512(opened).hexdigest() == case["msgSha512"]


def _by_chunks(key: FileKey, sealed: bytes) -> Iterator[bytes]:
    opener = PartialOpener(key, size=1 << 40, header=sealed[:HEADER_BYTES])
    for chunk, at in enumerate(range(HEADER_BYTES, len(sealed), SEALED_CHUNK_BYTES)):
        yield opener._open_chunk(chunk, sealed[at : at + SEALED_CHUNK_BYTES])


def test_the_derived_keys_are_those_of_the_vectors(cases: list[dict[str, Any]]) -> None:
    stated = [case for case in cases if case.get("aeadKey") and case["result"] == "valid"]
    assert stated
    for case in stated:
        key, sealed = _inputs(case)
        keys = derive_chunk_keys(key, sealed[:HEADER_BYTES])
        buffer = bytearray(32)
        keys.key.copy_into(memoryview(buffer))
        assert buffer.hex() == case["aeadKey"]
        assert keys.nonce(0).hex() == case["baseNonce"]


def test_a_vector_with_a_wrong_header_is_refused_before_any_chunk(
    cases: list[dict[str, Any]],
) -> None:
    wrong = [
        case
        for case in cases
        if "HeaderFailure" in case["flags"] and "InvalidKeySize" not in case["flags"]
    ]
    assert wrong
    for case in wrong:
        key, sealed = _inputs(case)
        with pytest.raises(ProtocolError, match="FILE-3"):
            derive_chunk_keys(key, sealed[:HEADER_BYTES])


def test_a_part_of_a_chunk_starts_where_the_arithmetic_says(cases: list[dict[str, Any]]) -> None:
    longest = max((c for c in cases if c["result"] == "valid"), key=lambda c: int(c["msgLength"]))
    key, sealed = _inputs(longest)
    opener = PartialOpener(key, size=longest["msgLength"], header=sealed[:HEADER_BYTES])
    start, stop = CHUNK_BYTES + 5, 2 * CHUNK_BYTES + 7
    begin, end = opener.range(start, stop)
    whole = b"".join(_by_chunks(key, sealed))
    assert opener.open(start, stop, sealed[begin:end]) == whole[start:stop]
