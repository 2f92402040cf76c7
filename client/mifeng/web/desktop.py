"""What `mifeng ui --install` puts into a desktop: an entry in its menu, an icon, a start at login.

Only files of the user's own folders, by the specifications of freedesktop.org; `remove` takes them
away again. The entry at login opens no window: it is there so that keys are renewed and what is
over goes, also while nobody looks.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mifeng.text import _, speaking
from mifeng.web.assets import PAGE
from mifeng_crypto.errors import StorageError, UsageError

__all__ = ["Desktop"]

ENTRY = "mifeng.desktop"
ICON = "mifeng.svg"


@dataclass(frozen=True, slots=True)
class Desktop:
    """The folders of the user's desktop."""

    data: Path
    config: Path

    @classmethod
    def of_user(cls) -> Desktop:
        """Return those of the user who runs this.

        Raises:
            UsageError: this system has no such desktop.
        """
        import platformdirs  # noqa: PLC0415 - only here

        if sys.platform != "linux":
            raise UsageError(
                "this installs into desktops of Linux; elsewhere, start `mifeng ui` at login"
            )
        return cls(Path(platformdirs.user_data_dir()), Path(platformdirs.user_config_dir()))

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The entry, the icon, the start at login."""
        return (
            self.data / "applications" / ENTRY,
            self.data / "icons" / "hicolor" / "scalable" / "apps" / ICON,
            self.config / "autostart" / ENTRY,
        )

    def install(self, profile: Path | None = None) -> tuple[Path, ...]:
        """Write the files; return them.

        Args:
            profile: the folder of the profile that is to be opened, if not the usual one.

        Raises:
            StorageError: one cannot be written.
        """
        entry, icon, autostart = self.files
        command = [sys.executable, "-m", "mifeng.cli.main"]
        if profile is not None:
            command += ["--profile", str(profile.absolute())]
        contents = {
            entry: _entry(
                [*command, "ui"],
                " %u",
                "Categories=Network;InstantMessaging;\nMimeType=x-scheme-handler/mifeng;\n",
            ).encode(),
            icon: (PAGE / "icon.svg").read_bytes(),
            autostart: _entry([*command, "ui", "--no-window"]).encode(),
        }
        try:
            for path, content in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        except OSError as err:
            raise StorageError(
                "{path} cannot be written: {reason}", path=path, reason=err.strerror
            ) from err
        self._tell()
        return self.files

    def remove(self) -> None:
        """Take the files away again."""
        for path in self.files:
            path.unlink(missing_ok=True)
        self._tell()

    def _tell(self) -> None:
        """Desktops look links up in a list of their own, which this program brings up to date."""
        program = shutil.which("update-desktop-database")
        if program is not None and self.files[0].parent.is_dir():
            subprocess.run([program, "-q", str(self.files[0].parent)], check=False)  # noqa: S603 - a program by its path, no shell


def _entry(command: list[str], url: str = "", more: str = "") -> str:
    comment = "Sealed conversations and files for a company, on its own server."
    with speaking("zh_CN"):
        chinese = _("Sealed conversations and files for a company, on its own server.")
    return (
        "[Desktop Entry]\nType=Application\nName=Mifeng 密封\n"
        f"Comment={comment}\nComment[zh_CN]={chinese}\n"
        f"Exec={' '.join(map(_quoted, command))}{url}\nIcon=mifeng\nTerminal=false\n{more}"
    )


def _quoted(word: str) -> str:
    """An argument of `Exec` (Desktop Entry Specification, "The Exec key", and "Value types")."""
    inner = re.sub(r'(["`$\\])', r"\\\1", word).replace("%", "%%")
    needs = re.search(r"[^\w@%+=:,./-]", word, re.ASCII) is not None
    return (f'"{inner}"' if needs else inner).replace("\\", "\\\\")
