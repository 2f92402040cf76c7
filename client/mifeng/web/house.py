"""The profiles that this process serves, who looks at them, and how the screen is to look."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec

from mifeng import text
from mifeng.errors import NotFoundError
from mifeng.web.enrolling import Enrolling
from mifeng.web.keeper import Keeper, Lending, cancel, started, uptime_s

__all__ = ["House", "Settings", "profile_id"]

CHECK_IDLE_S = 5.0
LOCK_AFTER_MIN = 30
Watcher = Callable[[bytes], None]


class Settings(msgspec.Struct, kw_only=True):
    """How the screen is to look; nothing secret. Kept in the user's configuration.

    Attributes:
        language: `en` or `zh_CN`; empty for that of the system.
        theme: `light`, `dark`, or empty for that of the system.
        notify: whether to say that something has come.
        preview: whether notifications say what; without, only that there is something.
        lock_after_min: minutes after which an untouched profile is locked; 0 for never.
        profiles: the folders of profiles besides the first.
    """

    language: str = ""
    theme: str = ""
    notify: bool = True
    preview: bool = False
    lock_after_min: int = LOCK_AFTER_MIN
    profiles: list[str] = msgspec.field(default_factory=list)


class House:
    """What all calls work on."""

    def __init__(
        self,
        folders: list[Path],
        settings_file: Path,
        lending: Lending | None = None,
        uptime_s: Callable[[], float] = uptime_s,
    ) -> None:
        self._lending = lending
        self._uptime_s = uptime_s
        self._file = settings_file
        self.settings = self._read()
        self._watchers = set[Watcher]()
        self._errands = set[asyncio.Task[None]]()
        self.enrolling: Enrolling | None = None
        """The way into a workspace that somebody is on at the moment."""
        self.on_lock: list[Callable[[str], None]] = []
        """What else holds something of a profile, and must let go of it."""
        self.on_unseen: list[Callable[[], None]] = []
        """Whom to tell that something calls the user while no page is open."""
        self.keepers: dict[str, Keeper] = {}
        for folder in [*folders, *map(Path, self.settings.profiles)]:
            self.add(folder)
        if self.settings.language:
            text.use(self.settings.language)

    def add(self, folder: Path) -> Keeper:
        """Serve one more profile, or one that is to be made."""
        name = profile_id(folder)
        if name not in self.keepers:
            self.keepers[name] = Keeper(
                folder,
                tell=lambda kind, facts: self.tell(name, kind, facts),
                let_go=lambda: [act(name) for act in self.on_lock],
                lending=self._lending,
                uptime_s=self._uptime_s,
            )
        return self.keepers[name]

    def room_for_one_more(self) -> Keeper:
        """Return an empty profile: the first that is none yet, else one beside it."""
        for keeper in self.keepers.values():
            if not (keeper.exists or keeper.is_open):
                return keeper
        first, n = next(iter(self.keepers.values())).folder, 2
        while (folder := first.with_name(f"{first.name}-{n}")).exists():
            n += 1
        self.save(profiles=[*self.settings.profiles, str(folder)])
        return self.add(folder)

    def keeper(self, name: str) -> Keeper:
        """Return a profile.

        Raises:
            NotFoundError: there is none of this id.
        """
        if name not in self.keepers:
            raise NotFoundError("there is no such profile here; load this page again")
        return self.keepers[name]

    async def close(self) -> None:
        """Lock everything."""
        if self.enrolling is not None:
            await self.enrolling.cancel()
        await asyncio.gather(*(keeper.close() for keeper in self.keepers.values()))
        await cancel([*self._errands])

    def errand(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do this for a page, also when that has gone meanwhile."""
        task = started(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    async def lock_idle_ones(self) -> None:
        """For ever: lock what nobody has touched for as long as the settings say."""
        while True:
            await asyncio.sleep(CHECK_IDLE_S)
            for keeper in [*self.keepers.values()]:
                await self.lock_if_idle(keeper)

    async def lock_if_idle(self, keeper: Keeper) -> None:
        """Lock a profile now if its time is over; whoever comes back later does not revive it."""
        after_s = self.settings.lock_after_min * 60
        is_idle = after_s > 0 and keeper.is_open and keeper.idle_s >= after_s
        if is_idle and await keeper.needs_passphrase():
            await keeper.lock_after(after_s)

    # -------------------------------------------------------------- watchers

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Tell somebody all that happens from now on; return what ends that."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def tell(self, profile: str, kind: str, facts: dict[str, object]) -> None:
        """Tell every page; each knows which profile it shows."""
        said = msgspec.json.encode({"profile": profile, "kind": kind, **facts})
        for watcher in [*self._watchers]:
            watcher(said)
        if facts.get("notify") and self.settings.notify and not self._watchers:
            for act in self.on_unseen:
                act()

    # -------------------------------------------------------------- settings

    def save(self, **changes: object) -> None:
        """Change settings, and keep them."""
        for name, value in changes.items():
            setattr(self.settings, name, value)
        if "language" in changes:
            text.use(self.settings.language or text.language_from(os.environ))
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(self.settings))
        new.replace(self._file)

    def _read(self) -> Settings:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Settings)
        except (OSError, msgspec.DecodeError):  # there is none yet, or somebody has edited it
            return Settings()


def profile_id(folder: Path) -> str:
    """Return how the page names a profile."""
    return hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
