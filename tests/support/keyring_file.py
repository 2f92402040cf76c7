"""A keyring in a file, which a test and the processes that it starts share.

monkeypatch.setenv("KEYRING_FILE", ...); PYTHON_KEYRING_BACKEND=tests.support.keyring_file.InFile
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import keyring.backend

__all__ = ["InFile"]


class InFile(keyring.backend.KeyringBackend):
    """What a desktop's own keyring does, without its lock."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def _file(self) -> Path:
        return Path(os.environ["KEYRING_FILE"])

    def _all(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        return found

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file.write_text(json.dumps({**self._all(), f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._all()
        del kept[f"{service}/{username}"]
        self._file.write_text(json.dumps(kept))
