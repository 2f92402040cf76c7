"""What the screen is to look like, and the words on it."""

from __future__ import annotations

import msgspec

from mifeng import text
from mifeng.web.calls.table import Desk, Done, Nothing, call

__all__ = ["WordsReply"]


class WordsReply(msgspec.Struct, frozen=True):
    """The language in use and its texts; English has none, its texts stand in the page."""

    language: str
    words: dict[str, str]


class AboutReply(msgspec.Struct, frozen=True):
    """Which version of Mifeng this is."""

    version: str


class SettingsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; the rest stays."""

    language: str | None = None
    theme: str | None = None
    notify: bool | None = None
    preview: bool | None = None
    lock_after_min: int | None = None


@call
async def words(_desk: Desk, request: Nothing) -> WordsReply:
    """Return the texts of the page in the user's language."""
    del request
    return WordsReply(text.language_in_use(), text.words())


@call
async def set_settings(desk: Desk, request: SettingsRequest) -> Done:
    """Change how the screen looks."""
    changes = {
        name: value for name, value in msgspec.structs.asdict(request).items() if value is not None
    }
    desk.house.save(**changes)
    return Done()


@call
async def about(_desk: Desk, request: Nothing) -> AboutReply:
    """Say which version this is."""
    from importlib.metadata import version  # noqa: PLC0415 - nobody waits for that at the start

    del request
    return AboutReply(version("mifeng"))
