"""Files that somebody has open when their time ends: the keys in memory end with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mifeng.errors import NotFoundError
from mifeng.transfer import Reader
from mifeng.web.media import Media
from tests.expiry.stage import HOUR, Stage, stage


async def _open(on: Stage) -> Reader:
    (on.folder / "film.bin").write_bytes(bytes(100_000))
    await on.ada.unit.upload(on.folder / "film.bin")
    await on.ben.sync()
    (shared,) = await on.ben.unit.files()
    return await on.ben.unit.reader(shared.file)


async def test_the_key_of_a_file_that_is_being_watched_dies_at_its_deadline(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        reader = await _open(on)
        (shared,) = await on.ben.unit.files()
        end = int(shared.until.timestamp() * 1000)
        on.at(end - 1)
        await on.ben.tick()
        pieces, was_open = reader.pieces(0, reader.size), reader.is_open
        on.at(end)
        await on.ben.tick()
        assert (was_open, reader.is_open) == (True, False)
        assert not reader.opener._keys.key.is_alive
        with pytest.raises(NotFoundError, match="its time is over"):
            await anext(pieces)


async def test_the_pages_way_to_a_file_ends_with_the_file_and_not_an_hour_later(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        reader, media = await _open(on), Media()
        way = await media.offer("profile", reader, "film.bin", save=False)
        assert way.is_open(way.until_s - 1)
        on.clock.advance(80 * HOUR)
        await on.ben.tick()
        assert not way.is_open(way.until_s - 1)


async def test_the_keys_of_open_files_die_when_the_profile_is_closed(tmp_path: Path) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        reader = await _open(on)
        await on.ben.close()
        assert not reader.is_open
