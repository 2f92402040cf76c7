"""The vault of several nodes: shares and the keys that seal them, as objects of one bucket.

    keys/<end>            32 random bytes and 16 of their SHA-256, made once by whoever comes first
    sealed/<name>/<end>   nonce || AES-256-GCM(key of the end, share), aad = end || name

<end> is in hex, 16 digits. What has ended dies with its key's object, however much it sealed; the
bucket must keep no versions (`check_bucket`). No key is held in memory: another node
may destroy it.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import obstore
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import ObjectStore

from mifeng_crypto.errors import StorageError
from mifeng_crypto.rand import Rng
from mifeng_server.vault import end_of

__all__ = ["ObjectShares"]

NONCE_BYTES = 12
KEY_BYTES = 32


class ObjectShares:
    """`Shares` in an object store whose `put` is durable and can insist on a new name."""

    def __init__(self, store: ObjectStore, *, rng: Rng) -> None:
        self._store = store
        self._rng = rng

    async def put(self, name: bytes, share: bytes, *, deadline: int) -> None:
        end = end_of(deadline)
        key = await self._key(end)
        if key is None:
            key = await self._make_key(end)
        nonce = self._rng(NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, share, _place(end, name))
        await self._put(_sealed(name, end), sealed)

    async def get(self, name: bytes) -> bytes | None:
        for end in sorted([end async for _, end in self._ends(name)], reverse=True):
            key = await self._key(end)
            sealed = await self._get(_sealed(name, end))
            if key is not None and sealed is not None:
                try:
                    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
                    return AESGCM(key).decrypt(nonce, rest, _place(end, name))
                except (InvalidTag, ValueError) as err:
                    raise StorageError(
                        "a share in the bucket is damaged; post the file again"
                    ) from err
        return None

    async def destroy(self, *names: bytes) -> None:
        for name in names:
            paths = [path async for path, _ in self._ends(name)]
            await self._delete(paths)

    async def expire(self, until: int) -> int:
        ended = [path async for path in self._list("keys/") if _end(path) <= until]
        if not ended:
            return 0
        await self._delete(ended)
        # What they had sealed is noise from now on.
        await self._delete([path async for path in self._list("sealed/") if _end(path) <= until])
        return len(ended)

    async def names(self) -> frozenset[bytes]:
        live = {_end(path) async for path in self._list("keys/")}
        sealed = [path async for path in self._list("sealed/") if _end(path) in live]
        return frozenset(bytes.fromhex(path.split("/")[1]) for path in sealed)

    async def close(self) -> None:
        """Nothing is open."""

    # -------------------------------------------------------------- objects

    async def _key(self, end: int) -> bytes | None:
        kept = await self._get(f"keys/{end:016x}")
        if kept is None:
            return None
        key, checksum = kept[:KEY_BYTES], kept[KEY_BYTES:]
        if checksum != _checksum(key):
            # What was sealed under it could never be opened again.
            raise StorageError("a key of the vault is damaged on its way or in the bucket")
        return key

    async def _make_key(self, end: int) -> bytes:
        key = self._rng(KEY_BYTES)
        await self._put(f"keys/{end:016x}", key + _checksum(key), new=True)
        kept = await self._key(end)
        if kept is None:
            raise StorageError("a key of the vault was destroyed while it was made; try again")
        return kept

    async def _put(self, path: str, data: bytes, *, new: bool = False) -> None:
        try:
            if new:
                await obstore.put_async(self._store, path, data, mode="create")
            else:
                await obstore.put_async(self._store, path, data, use_multipart=False)
        except AlreadyExistsError:
            pass  # another node was first
        except (BaseError, OSError) as err:
            raise _failure(err) from err

    async def _get(self, path: str) -> bytes | None:
        try:
            return bytes(await (await obstore.get_async(self._store, path)).bytes_async())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as err:
            raise _failure(err) from err

    async def _delete(self, paths: list[str]) -> None:
        try:
            if paths:
                await obstore.delete_async(self._store, paths)
        except (NotFoundError, FileNotFoundError):
            pass
        except (BaseError, OSError) as err:
            raise _failure(err) from err

    async def _ends(self, name: bytes) -> AsyncIterator[tuple[str, int]]:
        async for path in self._list(f"sealed/{name.hex()}/"):
            yield path, _end(path)

    async def _list(self, prefix: str) -> AsyncIterator[str]:
        try:
            async for page in obstore.list(self._store, prefix=prefix):
                for meta in page:
                    yield meta["path"]
        except (BaseError, OSError) as err:
            raise _failure(err) from err


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:16]


def _sealed(name: bytes, end: int) -> str:
    return f"sealed/{name.hex()}/{end:016x}"


def _end(path: str) -> int:
    return int(path.rpartition("/")[2], 16)


def _place(end: int, name: bytes) -> bytes:
    return end.to_bytes(8, "big") + name


def _failure(err: Exception) -> StorageError:
    return StorageError("the vault's bucket failed: {reason}", reason=type(err).__name__)
