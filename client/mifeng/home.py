"""A profile's folder: taken by one process, its database and vault open and unlocked.

Little is loaded by this, so that a process may unlock before it loads the rest: a passphrase takes
64 MiB of memory for a moment (Argon2id), which is then not on top of everything else.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

from mifeng import keychain
from mifeng.errors import ProfileDamagedError, ProfileMissingError
from mifeng.keychain import KeySource
from mifeng.store import Database, ProfileLock, Sealer, Vault
from mifeng_crypto.errors import StorageError
from mifeng_crypto.rand import Rng

__all__ = ["Home"]

STORE_KEY = "store key"
VAULT = "vault"


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """A profile that this process owns until `close`."""

    folder: Path
    lock: ProfileLock
    database: Database
    vault: Vault

    @classmethod
    async def create(cls, folder: Path, source: KeySource, *, rng: Rng) -> Home:
        """Make an empty profile.

        Raises:
            StorageError: there is one already, or the disk or the keyring refuses.
            ProfileBusyError: another process is at it.
        """
        lock = _lock(folder, make=True)
        try:
            database = await Database.create(folder / "profile.db")
            try:
                store_key, record = await asyncio.to_thread(keychain.make, source, rng=rng)
                vault = Vault.create(folder / VAULT, store_key, rng=rng)
                # Last: a profile with a key record has everything else.
                await database.put_header(STORE_KEY, record)
                database.unlock(Sealer(store_key, rng=rng), vault)
            except BaseException:
                await database.close()
                _delete(folder)
                raise
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, database, vault)

    @classmethod
    async def open(cls, folder: Path, source: KeySource, *, rng: Rng) -> Home:
        """Open a profile.

        Raises:
            ProfileMissingError: there is none.
            ProfileBusyError: another process has it.
            WrongPassphraseError: the passphrase does not open it.
            ProfileDamagedError: it is not whole.
            StorageError: the keyring refuses, or a newer version wrote it.
        """
        lock = _lock(folder, make=False)
        try:
            database = await Database.open(folder / "profile.db")
            try:
                record = await database.header(STORE_KEY)
                if record is None:
                    raise ProfileDamagedError("the profile has lost its key record; join again")
                store_key = await asyncio.to_thread(keychain.unlock, record, source)
                vault = Vault.open(folder / VAULT, store_key, rng=rng)
                try:
                    database.unlock(Sealer(store_key, rng=rng), vault)
                    await database.settle_keys()
                except BaseException:
                    vault.close()
                    raise
            except BaseException:
                await database.close()
                raise
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, database, vault)

    async def close(self) -> None:
        """Let the next process in."""
        await self.database.close()
        self.vault.close()
        self.lock.release()

    async def destroy(self) -> None:
        """Delete a profile that never came to be: its keys were refused."""
        await self.database.close()
        self.vault.close()
        _delete(self.folder)
        self.lock.release()


async def needs_passphrase(folder: Path) -> bool:
    """Whether an existing profile opens with a passphrase, not with the keyring.

    Raises:
        ProfileMissingError, ProfileDamagedError, StorageError: as `Home.open`.
    """
    database = await Database.open(folder / "profile.db")
    try:
        record = await database.header(STORE_KEY)
    finally:
        await database.close()
    return record is None or keychain.needs_passphrase(record)


def _lock(folder: Path, *, make: bool) -> ProfileLock:
    try:
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise ProfileMissingError(
                "there is no profile in {path}; join with an invite first", path=folder
            )
        return ProfileLock(folder)
    except OSError as err:
        raise StorageError("{path} cannot be used: {err}", path=folder, err=err.strerror) from err


def _delete(folder: Path) -> None:
    for name in ("profile.db", "profile.db-wal", "profile.db-shm", VAULT):
        (folder / name).unlink(missing_ok=True)
