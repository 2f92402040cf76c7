"""The hash that is made beside sealing is the same, and its thread ends."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from mifeng.transfer.digest import AHEAD, ThreadedSha256
from mifeng.transfer.sealing import READ_BYTES, sealed
from mifeng_crypto.files.key import FileKey
from mifeng_crypto.files.open import Opener
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.secret import Secret


def test_the_hash_is_that_of_all_that_was_put_in_in_order() -> None:
    pieces = [os.urandom(n) for n in range(3 * AHEAD)]
    digest = ThreadedSha256()
    for piece in pieces:
        digest.update(piece)
    assert digest.digest() == hashlib.sha256(b"".join(pieces)).digest()
    assert digest.digest() == hashlib.sha256(b"".join(pieces)).digest()


def test_its_thread_ends_also_where_nobody_asks_for_the_hash() -> None:
    before = threading.active_count()
    digest = ThreadedSha256()
    digest.update(b"x")
    digest.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, 40 * READ_BYTES + 17])
def test_buffers_that_are_used_in_turn_are_hashed_before_they_are_used_again(size: int) -> None:
    plaintext = os.urandom(size)
    key, digest = FileKey(Secret(bytes(32)), b""), ThreadedSha256()
    sealer = Sealer(key, size=size, sha256=digest)
    ciphertext = b"".join(bytes(piece) for piece in sealed([plaintext], sealer))
    assert sealer.digest == hashlib.sha256(ciphertext).digest()
    opener = Opener(key, size=size, digest=sealer.digest)
    assert opener.update(ciphertext) + opener.finish() == plaintext
