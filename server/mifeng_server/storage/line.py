"""One SQLite connection and the thread that it lives in.

A visit to the thread costs more than a lookup does: so whole transactions are one visit, and what
is asked in one turn of the event loop is handed over, done and told in one go.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Line"]

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], Any]
Visit = tuple[Work, "asyncio.Future[Any]"]
Told = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Line:
    """Does what it is handed, one after the other. `close` it.

    Attributes:
        waiting: how many visits have not come back.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self.waiting = 0
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._asked: list[Visit] = []
        self._handed: SimpleQueue[list[Visit]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite", daemon=True)
        self._thread.start()

    def visit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Do something with the connection; what it returns or raises is the future's.

        Whoever gives up waiting does not stop it.
        """
        done: asyncio.Future[T] = self._loop.create_future()
        self.waiting += 1
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append((work, done))
        return done

    async def close(self) -> None:
        """Do what waits, and close the connection."""
        self._hand_over()
        self._handed.put([])
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        """Hand the thread all that was asked in this turn of the loop: to wake it takes as long as
        a lookup does.
        """
        if self._asked:
            self._handed.put(self._asked)
            self._asked = []

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while visits := self._handed.get():
            failure: BaseException | None = None
            if connection is None:
                try:
                    connection = self._connect()
                except BaseException as err:  # noqa: BLE001 - who waits is told; the next try again
                    failure = err
            self._tell(
                [
                    (done, *(_outcome(work, connection) if connection else (None, failure)))
                    for work, done in visits
                ]
            )
        if connection is not None:
            connection.close()

    def _tell(self, told: list[Told]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._end, told)

    def _end(self, told: list[Told]) -> None:
        self.waiting -= len(told)
        for done, result, failure in told:
            if done.done():
                continue
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)


def _outcome(work: Work, connection: sqlite3.Connection) -> tuple[Any, BaseException | None]:
    try:
        return work(connection), None
    except BaseException as err:  # noqa: BLE001 - whoever waits is told
        return None, err
