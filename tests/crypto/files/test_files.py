"""What is sealed opens, whole or in part; what was touched does not, and says why."""

from __future__ import annotations

import hashlib
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.files.key import FileKey, derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.open import Opener, check_sealed_length
from mifeng_crypto.files.ranged import PartialOpener
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import (
    CHUNK_BYTES,
    HEADER_BYTES,
    MAX_FILE_BYTES,
    SEALED_CHUNK_BYTES,
    room_for,
    sealed_length,
)
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.padme import padme
from mifeng_crypto.secret import Secret

RNG = random.Random(6).randbytes
UNIT, OTHER_UNIT = UnitId(RNG(16)), UnitId(RNG(16))
FILE, OTHER_FILE = FileId(RNG(16)), FileId(RNG(16))
SECRET, SHARE = new_file_secret(rng=RNG), RNG(32)


def key_of(unit: UnitId = UNIT, file: FileId = FILE, share: bytes = SHARE) -> FileKey:
    return derive_file_key(SECRET, share, unit_id=unit, file_id=file, named=share_hash(share))


def seal(plaintext: bytes, key: FileKey | None = None) -> bytes:
    sealer = Sealer(key or key_of(), size=len(plaintext))
    return sealer.update(plaintext) + b"".join(sealer.finish())


def open_(
    sealed: bytes, size: int, *, key: FileKey | None = None, digest: bytes | None = None,
    step: int = 1 << 20,
) -> bytes:  # fmt: skip
    """Open in both ways, into fresh memory and into a buffer, and see that they agree."""
    digest = hashlib.sha256(sealed).digest() if digest is None else digest
    opener, other = (Opener(key or key_of(), size=size, digest=digest) for _ in range(2))
    plaintext, buffer = bytearray(), memoryview(bytearray(room_for(step)))
    for at in range(0, len(sealed), step):
        piece = sealed[at : at + step]
        try:
            part = opener.update(piece)
        except ProtocolError as refused:
            with pytest.raises(ProtocolError, match=refused.rule):
                other.update_into(piece, buffer)
            raise
        assert bytes(buffer[: other.update_into(piece, buffer)]) == part
        plaintext += part
    return bytes(plaintext) + opener.finish()


BORDERS = [0, 1, 255, 256, 257, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES]


@pytest.mark.parametrize("size", [*BORDERS, 1_000_003])
def test_what_is_sealed_opens_and_is_as_long_as_announced(size: int) -> None:
    plaintext = RNG(size)
    sealed = seal(plaintext)
    assert len(sealed) == sealed_length(size)
    assert open_(sealed, size) == plaintext


@given(size=st.integers(0, 3 * CHUNK_BYTES), step=st.integers(1, 40_000), into=st.booleans())
def test_it_does_not_matter_in_which_pieces_it_comes(size: int, step: int, *, into: bool) -> None:
    plaintext = RNG(size)
    sealer, buffer = Sealer(key_of(), size=size), bytearray(room_for(step))

    def update(piece: bytes) -> bytes:
        return bytes(sealer.update_into(piece, buffer)) if into else sealer.update(piece)

    pieces = [update(plaintext[at : at + step]) for at in range(0, size, step)]
    sealed = b"".join([*pieces, *sealer.finish()])
    assert sealer.digest == hashlib.sha256(sealed).digest()
    assert open_(sealed, size, step=step) == plaintext


def test_sealing_the_same_file_twice_gives_nothing_in_common() -> None:
    plaintext = bytes(100_000)
    one, other = seal(plaintext), seal(plaintext)
    assert {one[at : at + 16] for at in range(0, 99_000, 16)}.isdisjoint(
        {other[at : at + 16] for at in range(0, 99_000, 16)}
    )


@given(size=st.integers(0, MAX_FILE_BYTES))
def test_padding_hides_the_size_and_costs_little(size: int) -> None:
    assert padme(size) >= size
    assert padme(size) <= max(256, size * 1.12)
    assert padme(padme(size)) == padme(size)


def test_a_sealer_refuses_a_file_that_grew_or_shrank_and_one_that_is_too_large() -> None:
    with pytest.raises(UsageError, match="grew"):
        Sealer(key_of(), size=2).update(b"abc")
    with pytest.raises(UsageError, match="grew"):
        Sealer(key_of(), size=2).update_into(b"abc", bytearray(room_for(3)))
    with pytest.raises(UsageError, match="shrank"):
        next(Sealer(key_of(), size=2).finish())
    with pytest.raises(UsageError, match="4 TiB"):
        Sealer(key_of(), size=MAX_FILE_BYTES + 1)


def test_a_file_is_never_in_memory_as_a_whole() -> None:
    size = 24 << 20
    piece = bytes(1 << 20)
    tracemalloc.start()
    try:
        sealer = Sealer(key_of(), size=size)
        opener = Opener(key_of(), size=size, digest=bytes(32))
        for _ in range(size >> 20):
            assert len(opener.update(sealer.update(piece))) <= len(piece) + CHUNK_BYTES
        for rest in sealer.finish():
            opener.update(rest)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


# ------------------------------------------------------------------ the key


def test_both_halves_unit_and_file_make_the_key() -> None:
    keys = {
        bytes(key_of().key),
        bytes(key_of(unit=OTHER_UNIT).key),
        bytes(key_of(file=OTHER_FILE).key),
        bytes(key_of(share=RNG(32)).key),
        bytes(derive_file_key(Secret(RNG(32)), SHARE, unit_id=UNIT, file_id=FILE,
                              named=share_hash(SHARE)).key),
    }  # fmt: skip
    assert len(keys) == 5


def test_the_key_is_the_one_of_protocol_md() -> None:
    key = derive_file_key(
        bytes(range(32)), bytes(range(32, 64)), named=share_hash(bytes(range(32, 64))),
        unit_id=UnitId(b"u" * 16), file_id=FileId(b"f" * 16),
    )  # fmt: skip
    # Computed with the HMAC of the standard library, by RFC 5869.
    assert key.key.hex() == "8532039938323f596376d5cfb7f9d0f59441d4b2d4be92ea7bccea67c0c5c1a2"
    assert repr(key.key) == "Secret(32 bytes)"


@pytest.mark.parametrize("share", [RNG(32), b"", bytes(32), SHARE[:-1], SHARE + b"\0"])
def test_file_1_a_share_that_the_message_does_not_name_is_refused(share: bytes) -> None:
    with pytest.raises(ProtocolError, match="share") as refused:
        derive_file_key(SECRET, share, unit_id=UNIT, file_id=FILE, named=share_hash(SHARE))
    assert refused.value.rule == "FILE-1"


def test_a_share_of_another_length_is_refused_even_when_it_is_named() -> None:
    with pytest.raises(ProtocolError, match="FILE-1"):
        derive_file_key(SECRET, b"", unit_id=UNIT, file_id=FILE, named=share_hash(b""))


# ------------------------------------------------------------------ what is refused

SIZE = 4 * CHUNK_BYTES + 100
PLAINTEXT = RNG(SIZE)
SEALED = seal(PLAINTEXT)
DIGEST = hashlib.sha256(SEALED).digest()


def chunk_at(n: int) -> slice:
    at = HEADER_BYTES + n * SEALED_CHUNK_BYTES
    return slice(at, at + SEALED_CHUNK_BYTES)


def refused_by(sealed: bytes, *, key: FileKey | None = None, digest: bytes = DIGEST) -> str:
    with pytest.raises(ProtocolError) as refused:
        open_(sealed, SIZE, key=key, digest=digest, step=20_000)
    return refused.value.rule


@pytest.mark.parametrize("keep", [0, 1, 55, 56, 57, *(chunk_at(n).start for n in range(5)), -1])
def test_file_2_a_truncated_file_is_refused_wherever_it_is_cut(keep: int) -> None:
    assert refused_by(SEALED[:keep]) == "FILE-2"


@pytest.mark.parametrize("tail", [b"\0", bytes(SEALED_CHUNK_BYTES), SEALED])
def test_file_2_a_lengthened_file_is_refused(tail: bytes) -> None:
    assert refused_by(SEALED + tail) == "FILE-2"


def test_file_2_a_length_that_no_such_file_has_is_refused_before_anything_is_fetched() -> None:
    check_sealed_length(len(SEALED), size=SIZE)
    for length in (0, len(SEALED) - 1, len(SEALED) + 1, sealed_length(2 * SIZE)):
        with pytest.raises(ProtocolError, match="FILE-2"):
            check_sealed_length(length, size=SIZE)


def test_file_3_a_file_of_another_unit_id_share_or_header_is_refused() -> None:
    assert refused_by(seal(PLAINTEXT, key_of(unit=OTHER_UNIT))) == "FILE-3"
    assert refused_by(seal(PLAINTEXT, key_of(file=OTHER_FILE))) == "FILE-3"
    assert refused_by(SEALED, key=key_of(share=RNG(32))) == "FILE-3"
    for at in (0, 23, 24, 55):
        assert refused_by(_flipped(SEALED, at)) == "FILE-3"


@pytest.mark.parametrize("at", [56, 20_000, chunk_at(1).stop - 1, len(SEALED) - 1])
def test_file_4_an_altered_chunk_is_refused(at: int) -> None:
    assert refused_by(_flipped(SEALED, at)) == "FILE-4"


def test_file_4_chunks_that_changed_places_or_come_twice_are_refused() -> None:
    one, two = SEALED[chunk_at(1)], SEALED[chunk_at(2)]
    begin, end = SEALED[: chunk_at(1).start], SEALED[chunk_at(3).start :]
    assert refused_by(begin + two + one + end) == "FILE-4"
    assert refused_by(begin + one + one + end) == "FILE-4"


def test_file_4_a_chunk_of_another_sealing_is_refused() -> None:
    other = seal(PLAINTEXT)
    spliced = SEALED[: chunk_at(2).start] + other[chunk_at(2)] + SEALED[chunk_at(3).start :]
    assert refused_by(spliced) == "FILE-4"


def test_file_5_padding_that_is_not_zeros_is_refused() -> None:
    size = SIZE - 1  # both are padded to the same length
    assert padme(size) == padme(SIZE)
    with pytest.raises(ProtocolError, match="FILE-5"):
        open_(SEALED, size)


def test_file_6_another_sealing_of_the_same_file_is_refused_by_its_hash() -> None:
    assert refused_by(seal(PLAINTEXT)) == "FILE-6"


def test_nothing_beyond_the_last_authentic_chunk_is_released() -> None:
    opener = Opener(key_of(), size=SIZE, digest=DIGEST)
    altered = _flipped(SEALED, chunk_at(2).start)
    released = bytearray()

    def release_all() -> None:
        for at in range(0, len(altered), 1000):
            released.extend(opener.update(altered[at : at + 1000]))

    with pytest.raises(ProtocolError, match="FILE-4"):
        release_all()
    assert released == PLAINTEXT[: 2 * CHUNK_BYTES]


# ------------------------------------------------------------------ parts


@given(bounds=st.lists(st.integers(0, SIZE), min_size=2, max_size=2, unique=True))
def test_any_part_opens_from_only_its_chunks(bounds: list[int]) -> None:
    start, stop = sorted(bounds)
    opener = PartialOpener(key_of(), size=SIZE, header=SEALED[:HEADER_BYTES])
    begin, end = opener.range(start, stop)
    assert end - begin <= (stop - start) + 2 * SEALED_CHUNK_BYTES + 5 * 16
    assert opener.open(start, stop, SEALED[begin:end]) == PLAINTEXT[start:stop]


def test_a_part_is_refused_when_its_chunk_is_altered_moved_or_cut() -> None:
    opener = PartialOpener(key_of(), size=SIZE, header=SEALED[:HEADER_BYTES])
    chunk = SEALED[chunk_at(1)]
    where = CHUNK_BYTES, 2 * CHUNK_BYTES
    assert opener.open(*where, chunk) == PLAINTEXT[CHUNK_BYTES : 2 * CHUNK_BYTES]
    for bad, rule in ((_flipped(chunk, 9), "4"), (SEALED[chunk_at(2)], "4"), (chunk[:-1], "2")):
        with pytest.raises(ProtocolError, match=f"FILE-{rule}"):
            opener.open(*where, bad)


def test_file_3_a_part_is_refused_before_anything_is_opened_when_the_commitment_is_wrong() -> None:
    for header in (_flipped(SEALED[:HEADER_BYTES], 30), SEALED[:40], b""):
        with pytest.raises(ProtocolError, match="FILE-3"):
            PartialOpener(key_of(), size=SIZE, header=header)
    with pytest.raises(ProtocolError, match="FILE-3"):
        PartialOpener(key_of(unit=OTHER_UNIT), size=SIZE, header=SEALED[:HEADER_BYTES])


@pytest.mark.parametrize("bounds", [(-1, 5), (5, 5), (7, 5), (0, SIZE + 1)])
def test_a_part_outside_of_the_file_is_refused(bounds: tuple[int, int]) -> None:
    opener = PartialOpener(key_of(), size=SIZE, header=SEALED[:HEADER_BYTES])
    with pytest.raises(UsageError, match="are not in a file"):
        opener.range(*bounds)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
