"""An export for an auditor, into a file; and the audit of such files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mifeng.session import Session, auditing
from mifeng.session.auditing import Progress
from mifeng_crypto.audit import Audited, audit, compare, read_records
from mifeng_crypto.audit.record import RecordWriter
from mifeng_crypto.errors import StorageError, UsageError
from mifeng_crypto.ids import UnitId

__all__ = ["audit_files", "export"]


async def export(
    session: Session, path: Path, units: Sequence[UnitId], *, progress: Progress | None = None
) -> int:
    """Write an export; return how many records it has. Nothing is left of one that fails.

    Raises:
        UsageError: there is such a file already.
        StorageError: it cannot be written.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as err:
        raise UsageError("{path} is there already; choose another name", path=path) from err
    except OSError as err:
        raise StorageError(
            "{path} cannot be written: {reason}", path=path, reason=err.strerror
        ) from err
    try:
        with os.fdopen(fd, "wb") as file:
            writer = RecordWriter()
            file.write(writer.begin())
            async for record in auditing.records(session, units, progress=progress):
                file.write(writer.add(record))
            file.write(writer.end())
        return writer.records
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def audit_files(paths: Sequence[Path]) -> list[Audited]:
    """Audit exports, each by itself and each beside those before it.

    Raises:
        ProtocolError: AUDIT-1: one is no export, or damaged.
        UsageError: they are of different workspaces.
        StorageError: one cannot be read.
    """
    found: list[Audited] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                audited = audit(read_records(file.read))
        except OSError as err:
            raise StorageError(
                "{path} cannot be read: {reason}", path=path, reason=err.strerror
            ) from err
        for other in found:
            compare(audited, other)
        found.append(audited)
    return found
