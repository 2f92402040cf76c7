"""Locks by name, which exist only while somebody holds or awaits them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from weakref import WeakValueDictionary

__all__ = ["TaskLocks"]


class TaskLocks:
    """`Locks` between the tasks of one event loop."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: bytes) -> AbstractAsyncContextManager[None]:
        lock = self._locks.get(name)
        if lock is None:
            self._locks[name] = lock = asyncio.Lock()
        return lock
