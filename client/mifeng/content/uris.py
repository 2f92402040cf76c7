"""MIMI URIs of ours: `mimi://<workspace>/u/<member>`, `/r/<unit>`, `/f/<file>`, all ids in hex."""

from __future__ import annotations

import dataclasses

from mifeng_crypto.errors import CodecError
from mifeng_crypto.ids import FileId, MemberId, UnitId, WorkspaceId

__all__ = ["Origin", "file_id_of", "file_uri"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who says it, and where: known from the MLS message, never from the content."""

    workspace_id: WorkspaceId
    unit_id: UnitId
    member_id: MemberId

    @property
    def sender_uri(self) -> str:
        return f"mimi://{self.workspace_id.hex()}/u/{self.member_id.hex()}"

    @property
    def room_uri(self) -> str:
        return f"mimi://{self.workspace_id.hex()}/r/{self.unit_id.hex()}"


def file_uri(workspace_id: WorkspaceId, file_id: FileId) -> str:
    """Return the URI of a file on the workspace's server."""
    return f"mimi://{workspace_id.hex()}/f/{file_id.hex()}"


def file_id_of(uri: str, workspace_id: WorkspaceId) -> FileId:
    """Return which file of this workspace a URI names.

    Raises:
        CodecError: it names none; nothing outside of the workspace's server is ever fetched.
    """
    head = f"mimi://{workspace_id.hex()}/f/"
    try:
        file_id = FileId(bytes.fromhex(uri.removeprefix(head)))
    except ValueError:
        file_id = FileId(b"")
    if uri != head + file_id.hex() or len(file_id) != 16:
        raise CodecError("a message names a file that is not on this workspace's server")
    return file_id
