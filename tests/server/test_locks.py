"""Locks by name: one at a time, first come, first served, and nothing stays."""

from __future__ import annotations

import asyncio

import pytest

from mifeng_server.locks import TaskLocks


class Queue:
    """Tasks that take one lock, and note who has it."""

    def __init__(self) -> None:
        self.locks = TaskLocks()
        self.had: list[str] = []
        self.leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def enter(self, *names: str) -> None:
        """Let these ask for the lock, one after the other."""
        for name in names:
            self.leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._take(name))
            await self.turn()

    async def _take(self, name: str) -> None:
        async with self.locks.of(b"it"):
            self.had.append(name)
            await self.leave[name].wait()

    async def turn(self) -> None:
        """Let everybody who can go on do so until he waits again."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def end(self, *names: str) -> None:
        """Let these leave, when it is their turn, and be through."""
        for name in names:
            self.leave[name].set()
        await asyncio.gather(*(self.tasks[name] for name in names))


async def test_a_lock_is_had_by_one_after_the_other_in_order() -> None:
    queue = Queue()
    await queue.enter("ada", "ben", "cem")
    assert queue.had == ["ada"]
    await queue.end("ada")
    assert queue.had == ["ada", "ben"]
    await queue.end("ben", "cem")
    assert queue.had == ["ada", "ben", "cem"]


async def test_locks_of_other_names_do_not_wait() -> None:
    queue = Queue()
    await queue.enter("ada")
    async with queue.locks.of(b"another"):
        pass
    await queue.end("ada")


async def test_a_lock_that_nobody_has_or_awaits_does_not_exist() -> None:
    queue = Queue()
    await queue.enter("ada", "ben")
    await queue.end("ada", "ben")
    assert queue.locks._held == {}


async def test_who_gives_up_waiting_is_passed_over() -> None:
    queue = Queue()
    await queue.enter("ada", "ben", "cem")
    queue.tasks["ben"].cancel()
    await queue.turn()
    await queue.end("ada", "cem")
    assert queue.had == ["ada", "cem"]
    assert queue.locks._held == {}


async def test_who_gives_up_when_it_is_his_turn_hands_it_on() -> None:
    queue = Queue()
    async with queue.locks.of(b"it"):
        await queue.enter("ben", "cem")
    queue.tasks["ben"].cancel()  # the loop has not come to him since
    with pytest.raises(asyncio.CancelledError):
        await queue.tasks["ben"]
    await queue.end("cem")
    assert queue.had == ["cem"]
    assert queue.locks._held == {}


async def test_who_fails_within_leaves() -> None:
    locks = TaskLocks()
    with pytest.raises(ValueError, match="within"):
        async with locks.of(b"it"):
            raise ValueError("within")
    async with locks.of(b"it"):
        pass
