"""An event loop: time passes only when nobody has anything to do, chance comes from a seed."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar

from mifeng.errors import AccessEndedError
from tests.simulation.disk import PowerOffError

__all__ = ["SimLoop", "StuckError", "start_as", "tasks_of"]

T = TypeVar("T")
OWNER: contextvars.ContextVar[str] = contextvars.ContextVar("OWNER", default="world")
"""The machine on which the code runs."""
_numbers = [itertools.count()]


class StuckError(Exception):
    """Everybody waits for somebody else, for ever."""


class SimTask(asyncio.Task[Any]):
    """A task that hashes by its number: sets of tasks have the same order in every run."""

    def __init__(self, coro: Any, **kwargs: Any) -> None:  # noqa: ANN401 - asyncio's own signature
        self.number = next(_numbers[0])
        context: Context | None = kwargs.get("context")
        self.owner = context.get(OWNER, "world") if context else OWNER.get()
        super().__init__(coro, **kwargs)

    def __hash__(self) -> int:
        return self.number


class _Selector(selectors.SelectSelector):
    """Never waits: it lets time pass instead, and shuffles who comes next."""

    loop: SimLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("nobody has anything to do, and no timer runs")
        if timeout > 0:
            self.loop.now_s += timeout
        self.loop.shuffle()
        return []


class SimLoop(asyncio.SelectorEventLoop):
    """Virtual time from 0; the order of what is ready comes from `random`.

    Attributes:
        now_s: seconds since the beginning.
        failures: exceptions that nobody was there to catch.
    """

    _ready: deque[asyncio.Handle]

    def __init__(self, chance: random.Random) -> None:
        self.now_s = 0.0
        # Sets are ordered by these numbers: each run counts from the beginning.
        _numbers[0] = itertools.count()
        self.chance = chance
        self.failures: list[str] = []
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self.set_task_factory(_make_task)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self.now_s

    def shuffle(self) -> None:
        """Change the order of what is ready."""
        if len(self._ready) > 1:
            waiting = list(self._ready)
            self.chance.shuffle(waiting)
            self._ready.clear()
            self._ready.extend(waiting)

    def leap(self, seconds: float) -> None:
        """Let time pass at once, as for machines that slept: whatever is due is due now."""
        self.now_s += seconds

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,  # noqa: ANN401 - asyncio's own signature
        func: Callable[..., Any],
        *args: Any,  # noqa: ANN401
    ) -> asyncio.Future[Any]:
        """No threads: it is done here and now."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as err:  # noqa: BLE001 - it is handed on
            done.set_exception(err)
        return done

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # The reader of a socket ends by it, and nobody asks it why.
        if not isinstance(context.get("exception"), PowerOffError | AccessEndedError):
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")


def _make_task(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    context: Context | None = None,
) -> SimTask:
    return SimTask(coro, loop=loop, context=context)


def tasks_of(owner: str) -> list[SimTask]:
    """The tasks of one machine, in the order in which they began."""
    found = [task for task in asyncio.all_tasks() if isinstance(task, SimTask)]
    return sorted((task for task in found if task.owner == owner), key=lambda t: t.number)


def start_as(owner: str, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task on a machine; what it starts is of that machine, too."""
    context = contextvars.copy_context()
    context.run(OWNER.set, owner)
    return asyncio.get_running_loop().create_task(coro, context=context)
