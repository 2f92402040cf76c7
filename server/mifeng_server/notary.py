"""The server's checkpoint key: what it has on the disk, it signs (protocol.md, "Checkpoints").

The key is in a file of the data folder, mode 0600, made by `init`; the roster names its public
half. A signature costs about as much as a hundred hashes, so they are shared: receipts that are
asked for in one turn of the event loop, as those of one fsync are, hang on one signature; a
checkpoint is signed once and handed out until the head moves.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable

from mifeng_crypto import signature
from mifeng_crypto.errors import StorageError
from mifeng_crypto.ids import WorkspaceId
from mifeng_crypto.ledger.checkpoint import sign_checkpoint
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.receipt import Acceptance, sign_receipts
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_server.folder import Folder

__all__ = ["KeyNotary", "make_checkpoint_key", "next_checkpoint_key", "read_checkpoint_key"]

KEY_BYTES = 32
CHECKPOINTS_IN_MEMORY = 10_000
MOST_TOGETHER = 4096
"""Acceptances under one signature: their paths have twelve steps."""

Waiting = tuple[Acceptance, "asyncio.Future[bytes]"]


class KeyNotary:
    """`Notary` with a key in this process.

    Args:
        key: the present one.
        following: returns the next one, if it was made.
    """

    def __init__(
        self, key: Secret, *, following: Callable[[], Secret | None] = lambda: None
    ) -> None:
        self._key = key
        self._following = following
        self.public_key = signature.public_of(key)
        self._waiting: list[Waiting] = []
        self._made: OrderedDict[str, tuple[Head, bytes]] = OrderedDict()

    def has(self, public_key: bytes) -> bool:
        return public_key == self.public_key or self._named(public_key) is not None

    def use(self, public_key: bytes) -> bool:
        if public_key == self.public_key:
            return True
        key = self._named(public_key)
        if key is None:
            return False
        self._key, self.public_key = key, public_key
        self._made.clear()
        return True

    def _named(self, public_key: bytes) -> Secret | None:
        key = self._following()
        return key if key is not None and signature.public_of(key) == public_key else None

    async def receipt(self, acceptance: Acceptance) -> bytes:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._sign_what_waits)
        done: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((acceptance, done))
        return await done

    def checkpoint(self, origin: str, head: Head) -> bytes:
        made = self._made.get(origin)
        if made is None or made[0] != head:
            workspace_id = WorkspaceId(bytes.fromhex(origin.split("/")[1]))
            note = sign_checkpoint(origin, head, workspace_id=workspace_id, signing_key=self._key)
            made = self._made[origin] = head, note
            while len(self._made) > CHECKPOINTS_IN_MEMORY:
                self._made.popitem(last=False)
        return made[1]

    def _sign_what_waits(self) -> None:
        group, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._sign_what_waits)
        acceptances = [acceptance for acceptance, _ in group]
        made = sign_receipts(
            acceptances, workspace_id=acceptances[0].workspace_id, signing_key=self._key
        )
        for (_, done), receipt in zip(group, made, strict=True):
            if not done.done():  # whoever asked may have gone
                done.set_result(receipt)


def make_checkpoint_key(folder: Folder, *, rng: Rng) -> None:
    """Make the key; there is none yet."""
    fd = os.open(folder.checkpoint_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(rng(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


def read_checkpoint_key(folder: Folder) -> Secret:
    """Return the key in the data folder.

    Raises:
        StorageError: it is missing or damaged.
    """
    try:
        key = folder.checkpoint_key.read_bytes()
    except OSError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StorageError(
            "{path} is missing or damaged; restore it from a backup: without it the server cannot "
            "sign what clients hold it to",
            path=folder.checkpoint_key,
        )
    return Secret(key)


def next_checkpoint_key(folder: Folder) -> Secret | None:
    """Return the key that `rotate-key log` has made; None if there is none."""
    following = folder.next
    return read_checkpoint_key(following) if following.checkpoint_key.exists() else None
