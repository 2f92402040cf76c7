"""Into a workspace by the page: a way that stops where somebody has to look, write down or compare.

The page asks `enrol`, and then `enrol_next` for each following step; nothing is remembered once the
last one is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec

import mifeng
from mifeng import Workspace
from mifeng.core.sheet import RecoverySheet
from mifeng.web.keeper import Keeper
from mifeng_crypto.errors import MifengError, UsageError

__all__ = ["EnrolStep", "Enrolling", "opening_of"]

Opening = Callable[["Enrolling"], AbstractAsyncContextManager[Workspace]]


class EnrolStep(msgspec.Struct, kw_only=True, frozen=True):
    """Where it stands.

    `sheet`: `link` and `code` are a recovery sheet, to be kept before it goes on; `digits`: `code`
    is to be typed on the other device, which lets this one in; `done`: the profile is open.
    """

    step: str
    profile: str
    link: str = ""
    code: str = ""


class Enrolling:
    """One try."""

    def __init__(self, profile: str, keeper: Keeper, opening: Opening) -> None:
        self._profile = profile
        self._steps = asyncio.Queue[EnrolStep | MifengError]()
        self._kept = asyncio.Event()
        self._task = asyncio.create_task(self._run(keeper, opening))

    async def next(self) -> EnrolStep:
        """Wait for the next step.

        Raises:
            MifengError: it has come to an end.
        """
        if self._task.done() and self._steps.empty():
            raise UsageError("this way in has come to its end; begin again")
        self._kept.set()
        step = await self._steps.get()
        if isinstance(step, MifengError):
            raise step
        return step

    async def cancel(self) -> None:
        """Give it up."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # -------------------------------------------------------------- what the SDK calls

    async def keep(self, sheet: RecoverySheet) -> None:
        """Show a recovery sheet, and wait until its owner says that it is kept."""
        self._kept.clear()
        self._tell("sheet", link=sheet.link, code=sheet.code)
        await self._kept.wait()

    async def show(self, code: str) -> None:
        """Show the digits for the other device."""
        self._tell("digits", code=code)

    # -------------------------------------------------------------- inside

    async def _run(self, keeper: Keeper, opening: Opening) -> None:
        try:
            await keeper.take(opening(self))
        except MifengError as err:
            self._steps.put_nowait(err)
        else:
            self._tell("done")

    def _tell(self, step: str, *, link: str = "", code: str = "") -> None:
        told = EnrolStep(step=step, profile=self._profile, link=link, code=code)
        self._steps.put_nowait(told)


def opening_of(
    text: str,
    code: str,
    keeper: Keeper,
    *,
    name: str,
    title: str,
    device_name: str | None,
    passphrase: str | None,
) -> Opening:
    """Return what opens a profile by a link of any kind.

    Raises:
        UsageError: it is no link, or its recovery code is damaged.
    """
    folder = keeper.folder
    if "mifeng:recover#" in text:
        sheet = RecoverySheet.parse(f"{text}\n{code}")
        return lambda way: mifeng.recover(
            sheet,
            profile=folder,
            keep_sheet=way.keep,
            device_name=device_name,
            passphrase=passphrase,
        )
    if "mifeng:link#" in text:
        return lambda way: mifeng.link(
            text, profile=folder, show=way.show, device_name=device_name, passphrase=passphrase
        )
    begin = mifeng.found if "mifeng:found#" in text else mifeng.join
    return lambda way: begin(
        text,
        profile=folder,
        name=name,
        title=title,
        device_name=device_name,
        keep_sheet=way.keep,
        passphrase=passphrase,
    )
