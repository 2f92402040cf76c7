"""Plaintext in, ciphertext out, in a few buffers in turn.

Fresh memory for each piece costs more than sealing it, at times: the system hands it out page by
page, and takes it back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from mifeng.transfer.digest import IN_USE
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import room_for

__all__ = ["READ_BYTES", "sealed"]

READ_BYTES = 512 << 10
"""What is read and sealed at once."""


def sealed(plaintext: Iterable[bytes], sealer: Sealer) -> Iterator[bytes | memoryview]:
    """Yield all of a file's ciphertext; each piece holds only until the next one is asked for.

    Args:
        plaintext: all of the file.
        sealer: what seals it, and hashes with `ThreadedSha256` or at once.

    Raises:
        UsageError: the file is longer or shorter than was announced.
    """
    buffers = itertools.cycle([bytearray(room_for(READ_BYTES)) for _ in range(IN_USE)])
    for piece in plaintext:
        whole = memoryview(piece)
        for at in range(0, len(whole), READ_BYTES):
            yield sealer.update_into(whole[at : at + READ_BYTES], next(buffers))
    yield from sealer.finish()
