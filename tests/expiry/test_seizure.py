"""A device is seized at five moments; its owner's text and file are what the table says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.expiry.seizure import Hoard, Loot, ransack
from tests.expiry.stage import HOUR, Stage, stage

TEXT = "the merger is on Friday"
NOTHING, TEXT_ONLY, ALL = Loot(False, False), Loot(True, False), Loot(True, True)

TABLE: dict[str, tuple[Loot, Loot, Loot]] = {
    # moment: alone; with the server's ciphertexts, shares destroyed; with shares as well
    "before it was posted, epoch not over": (NOTHING, TEXT_ONLY, ALL),
    "within 72 hours": (TEXT_ONLY, TEXT_ONLY, ALL),
    "just before the deadline": (TEXT_ONLY, TEXT_ONLY, ALL),
    "15 minutes after the deadline": (NOTHING, NOTHING, NOTHING),
    "switched off within 72 hours, opened after the deadline": (TEXT_ONLY, TEXT_ONLY, ALL),
    "before it was posted, a commit later": (NOTHING, NOTHING, NOTHING),
}
"""protocol.md, section 14, says the same."""


async def test_a_seized_device_gives_away_what_the_table_says_and_no_more(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    images, hoard = await _play(tmp_path)
    without_shares = Hoard(hoard.entries, {})
    found = {}
    for moment in TABLE:
        image = images[moment]
        found[moment] = (
            await ransack(image, text=TEXT.encode(), hoard=None),
            await ransack(image, text=TEXT.encode(), hoard=without_shares),
            await ransack(image, text=TEXT.encode(), hoard=hoard),
        )
    assert found == TABLE
    record_property(
        "seizure",
        {
            moment: [["text"] * loot.text + ["file"] * loot.file for loot in row]
            for moment, row in found.items()
        },
    )


async def _play(tmp_path: Path) -> tuple[dict[str, Path], Hoard]:
    """Post, and take an image of Ben's device at each moment."""
    images: dict[str, Path] = {}
    (tmp_path / "plan.txt").write_text("figures")

    def seize(on: Stage, *moments: str) -> None:
        for moment in moments:
            images[moment] = tmp_path / f"image {len(images)}"
            shutil.copytree(on.ben.folder, images[moment])

    async with stage(tmp_path, names=("Ben",)) as on:
        seize(on, "before it was posted, a commit later")
        on.clock.advance(30 * HOUR)  # long enough for the next message to bring new keys
        await on.ada.unit.send("keys are new")
        await on.ben.sync()
        seize(on, "before it was posted, epoch not over")
        said = await on.ada.unit.send(TEXT)
        shown = await on.ada.unit.upload(tmp_path / "plan.txt")
        hoard = await _hoard(on, said.sequence, shown.sequence)
        await on.ben.sync()
        seize(on, "within 72 hours", "switched off within 72 hours, opened after the deadline")
        deadline = max(name.deadline for name in on.ben.session.home.vault.slots())
        on.at(deadline - 1)
        await on.ben.tick()
        seize(on, "just before the deadline")
        on.at(deadline + 15 * 60_000)
        await on.ben.tick()
        seize(on, "15 minutes after the deadline")
    return images, hoard


async def _hoard(on: Stage, *sequences: int) -> Hoard:
    """What a server keeps that breaks its word."""
    entries = [await on.ada.unit.raw_entry(sequence) for sequence in sequences]
    shares = on.server.house.shares
    kept = {name: await shares.get(name) or b"" for name in await shares.names()}
    return Hoard(entries, kept)
