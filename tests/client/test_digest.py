"""The hash that is made beside sealing is the same, and its thread ends."""

from __future__ import annotations

import hashlib
import os
import threading

from mifeng.transfer.digest import AHEAD, ThreadedSha256


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
