"""The vault on its disk: what is destroyed is overwritten, and a cut-off write harms nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mifeng_crypto.errors import StorageError
from mifeng_server.vault import CELL_BYTES, GRAIN_MS, GROWTH_BYTES, Vault, end_of
from tests.support.rng import SeededRng

NAME, SHARE = b"n" * 16, b"s" * 32
END = 5 * GRAIN_MS


class Recording:
    """Randomness that remembers what it gave: the keys of the vault among it."""

    def __init__(self) -> None:
        self._rng = SeededRng("vault")
        self.given: list[bytes] = []

    def __call__(self, n: int) -> bytes:
        self.given.append(self._rng(n))
        return self.given[-1]

    def keys_in(self, path: Path) -> int:
        data = path.read_bytes()
        return sum(len(given) == 32 and given in data for given in self.given)


def _cells(path: Path) -> int:
    data = path.read_bytes()
    cells = range(CELL_BYTES, len(data), CELL_BYTES)
    return sum(any(data[at : at + CELL_BYTES]) for at in cells)


async def test_a_share_is_sealed_and_its_file_private_and_made_beforehand(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault", rng=os.urandom)
    await vault.put(NAME, SHARE, deadline=END)
    path = tmp_path / "vault"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == GROWTH_BYTES
    assert path.stat().st_blocks * 512 >= GROWTH_BYTES
    assert SHARE not in path.read_bytes()


async def test_what_has_ended_is_overwritten_where_it_stood(tmp_path: Path) -> None:
    rng, path = Recording(), tmp_path / "vault"
    vault = Vault(path, rng=rng)
    for n in range(100):
        await vault.put(n.to_bytes(16, "big"), SHARE, deadline=END - n)
    witness = tmp_path / "witness"  # a second name for the same bytes on the disk
    witness.hardlink_to(path)
    assert rng.keys_in(witness) == 1
    assert await vault.expire(END - 1) == 0
    assert rng.keys_in(witness) == 1
    assert await vault.expire(END) == 1
    assert rng.keys_in(witness) == 0
    assert await vault.names() == frozenset()
    await vault.close()
    assert await Vault(path, rng=rng).names() == frozenset()


async def test_a_share_that_is_destroyed_early_leaves_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault(path, rng=os.urandom)
    await vault.put(NAME, SHARE, deadline=END)
    await vault.put(NAME, SHARE, deadline=9 * GRAIN_MS)
    assert _cells(path) == 4
    await vault.destroy(NAME)
    assert _cells(path) == 2


async def test_a_vault_is_the_same_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault(path, rng=os.urandom)
    await vault.put(NAME, SHARE, deadline=END)
    await vault.put(NAME, SHARE, deadline=9 * GRAIN_MS)
    await vault.put(b"m" * 16, b"t" * 32, deadline=END)
    await vault.close()
    vault = Vault(path, rng=os.urandom)
    assert await vault.get(NAME) == SHARE
    assert await vault.get(b"m" * 16) == b"t" * 32
    await vault.expire(END)
    assert await vault.names() == {NAME}


async def test_a_full_vault_grows_and_what_was_freed_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault(path, rng=os.urandom)
    cells = GROWTH_BYTES // CELL_BYTES
    vault._free = vault._free[-3:]
    for n in range(4):
        await vault.put(n.to_bytes(16, "big"), SHARE, deadline=END)
    assert path.stat().st_size == 2 * GROWTH_BYTES
    assert len(vault._free) == cells - 2
    await vault.close()
    vault = Vault(path, rng=os.urandom)
    assert len(await vault.names()) == 4
    await vault.expire(END)
    assert len(vault._free) == 2 * cells - 1


@pytest.mark.parametrize("written", [1, 40, 80])
async def test_a_write_that_a_power_cut_has_cut_harms_nothing_else(
    tmp_path: Path, written: int
) -> None:
    path = tmp_path / "vault"
    vault = Vault(path, rng=os.urandom)
    await vault.put(NAME, SHARE, deadline=END)
    await vault.put(b"m" * 16, SHARE, deadline=END)
    await vault.close()
    data = bytearray(path.read_bytes())
    at = CELL_BYTES * 3  # the second share: behind the first and their key
    data[at + written : at + CELL_BYTES] = bytes(CELL_BYTES - written)
    path.write_bytes(data)
    vault = Vault(path, rng=os.urandom)
    assert await vault.names() == {NAME}
    assert await vault.get(NAME) == SHARE
    assert not any(path.read_bytes()[at : at + CELL_BYTES])


async def test_something_else_is_no_vault(tmp_path: Path) -> None:
    (tmp_path / "vault").write_bytes(b"x" * 1000)
    with pytest.raises(StorageError, match="no vault of this server"):
        Vault(tmp_path / "vault", rng=os.urandom)
    (tmp_path / "link").symlink_to(tmp_path / "vault")
    with pytest.raises(StorageError, match="the vault failed"):
        Vault(tmp_path / "link", rng=os.urandom)


async def test_a_damaged_share_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault(path, rng=os.urandom)
    await vault.put(NAME, SHARE, deadline=END)
    data = bytearray(path.read_bytes())
    data[CELL_BYTES + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(StorageError, match="damaged"):
        await vault.get(NAME)


def test_the_end_of_a_share_is_its_deadline_rounded_up() -> None:
    assert end_of(1) == GRAIN_MS
    assert end_of(GRAIN_MS) == GRAIN_MS
    assert end_of(GRAIN_MS + 1) == 2 * GRAIN_MS
