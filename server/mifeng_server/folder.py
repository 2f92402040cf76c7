"""Where things are in a data folder.

data/
  mifeng-server.toml     the configuration
  tls.key  tls.crt       made by `init`
  checkpoint.key         likewise: what the server signs checkpoints and receipts with
  next/                  the keys to come, made by `rotate-key`
  server.db              the database (and -wal, -shm while it runs)
  blobs/                 sealed files
  vault                  the server's halves of file keys: never in a backup
  port                   the port that `serve --port 0` was given
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Folder", "all_or_nothing"]


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "mifeng-server.toml"

    @property
    def tls_key(self) -> Path:
        return self.path / "tls.key"

    @property
    def tls_cert(self) -> Path:
        return self.path / "tls.crt"

    @property
    def checkpoint_key(self) -> Path:
        return self.path / "checkpoint.key"

    @property
    def next(self) -> Folder:
        """The keys that are made and not yet used; nothing else is in it."""
        return Folder(self.path / "next")

    @property
    def database(self) -> Path:
        return self.path / "server.db"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def vault(self) -> Path:
        return self.path / "vault"

    @property
    def port(self) -> Path:
        return self.path / "port"

    @property
    def last_backup(self) -> Path:
        return self.path / "last-backup.json"


@contextmanager
def all_or_nothing(path: Path) -> Iterator[None]:
    """Fill a folder that is there; what fails takes away all that it has brought."""
    before = frozenset(path.iterdir())
    try:
        yield
    except BaseException:
        for new in frozenset(path.iterdir()) - before:
            shutil.rmtree(new) if new.is_dir() else new.unlink()
        raise
