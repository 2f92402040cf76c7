"""Messages at random moments and at the borders of slots; each is looked for when it must be there,
and when it must be gone: on two running devices and at the server.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from mifeng.store import SlotName
from mifeng_crypto.expiry.slot import SLOT_MS, retain_until, slot_of
from mifeng_crypto.ids import UnixMillis
from mifeng_server.domain.rows import ContentRow
from tests.expiry.stage import Device, Stage

__all__ = ["Journey"]

MUST_MS, GONE_MS = 72 * SLOT_MS, 74 * SLOT_MS
RETENTION_S = 259_200


@dataclass
class Journey:
    """One run.

    Attributes:
        posted: how many messages.
        looked: how often one was looked for.
        lost: what was not there within 72 hours.
        kept: what still was there after 74 hours.
        epochs: in how many epochs.
        least_ms, most_ms: how long after its acceptance the earliest and latest deadline was.
    """

    stage: Stage
    seed: int
    posted: int = 0
    looked: int = 0
    lost: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    epochs: set[int] = field(default_factory=set)
    least_ms: int = GONE_MS
    most_ms: int = 0

    async def run(self, cases: int, *, days: float) -> None:
        """Post `cases` messages within `days`, and go on until all of them are over."""
        chance, stage = random.Random(self.seed), self.stage
        start = stage.clock.now()
        events: list[tuple[int, int, str, str]] = []
        for n in range(cases):
            moment = start + 1000 + chance.randrange(int(days * 24) * SLOT_MS)
            if n % 2:  # a second before, at, or after the border of a slot
                border = -(-moment // SLOT_MS) * SLOT_MS
                moment = border + chance.choice([-1000, -1, 0, 1, 1000])
            heapq.heappush(events, (moment, n, "post", f"case {n:04}"))
        while events:
            moment, n, what, text = heapq.heappop(events)
            stage.at(moment)
            author = [stage.ada, stage.ben][n % 2]
            if what == "post":
                accepted_at = await self._post(author, text)
                must, gone = accepted_at + MUST_MS - 1, accepted_at + GONE_MS
                heapq.heappush(events, (must, n, "must", text))
                heapq.heappush(events, (gone, n, "gone", text))
            else:
                await self._look(n, what, text)

    async def _post(self, author: Device, text: str) -> int:
        await author.tick()
        message = await author.unit.send(text)
        self.posted += 1
        self.epochs.add(message.epoch)
        accepted_at = UnixMillis(int(message.time.timestamp() * 1000 + 0.5))
        lives = retain_until(accepted_at, RETENTION_S) - accepted_at
        self.least_ms, self.most_ms = min(self.least_ms, lives), max(self.most_ms, lives)
        assert abs(accepted_at - self.stage.clock.now()) <= 1
        return accepted_at

    async def _look(self, n: int, what: str, text: str) -> None:
        stage = self.stage
        await stage.server.purge()
        for device in (stage.ada, stage.ben):
            await device.tick()
            self.looked += 1
            found = text in await device.texts()
            if what == "must" and not found:  # it has not asked the server since
                await device.sync()
                found = text in await device.texts()
            if what == "must" and not found:
                self.lost.append(f"{text} on {device.name}'s device")
            if what == "gone" and found:
                self.kept.append(f"{text} on {device.name}'s device")
            if what == "gone":
                self._no_key_is_left(device.session.home.vault.slots(), text)
        await self._look_at_the_server(what, text)

    def _no_key_is_left(self, slots: Iterable[SlotName], text: str) -> None:
        for name in slots:
            if name.deadline <= self.stage.clock.now() - 60_000:
                self.kept.append(f"the key of slot {name.slot} when {text} was over")

    async def _look_at_the_server(self, what: str, text: str) -> None:
        stage = self.stage
        rows = await stage.server.house.store.find(
            ContentRow, order="deadline", after=0, limit=100_000
        )
        now = stage.clock.now()
        if what == "gone" and any(row.deadline <= now - 15 * 60_000 for row in rows):
            self.kept.append(f"ciphertexts at the server when {text} was over")
        if what == "must":
            slot = slot_of(UnixMillis(now + 1 - MUST_MS))
            if not any(row.deadline == (slot + 1 + 72) * SLOT_MS + 1_800_000 for row in rows):
                self.lost.append(f"{text} at the server")
