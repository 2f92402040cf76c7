"""A browser with an empty profile; tests without one skip, and say so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

__all__ = ["EXECUTABLE", "browser", "need_a_browser"]

EXECUTABLE = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


def need_a_browser() -> None:
    """Skip where there is none."""
    pytest.importorskip("playwright", reason="playwright is missing: run scripts/ci_setup.sh")
    if not EXECUTABLE.exists():
        pytest.skip(f"there is no browser at {EXECUTABLE}: run scripts/ci_setup.sh")


@contextlib.asynccontextmanager
async def browser(
    user_data: Path,
    *,
    language: str = "en-GB",
    dark: bool = False,
    width: int = 1360,
    height: int = 860,
) -> AsyncIterator[BrowserContext]:
    """Start a browser whose profile is this new folder."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - not everywhere

    async with async_playwright() as driver:
        context = await driver.chromium.launch_persistent_context(
            user_data,
            executable_path=EXECUTABLE,
            headless=True,
            args=FLAGS,
            locale=language,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            accept_downloads=True,
        )
        try:
            yield context
        finally:
            await context.close()
