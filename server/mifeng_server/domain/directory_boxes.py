"""Boxes that are of no use any more: of an older directory key, or of a device that is out."""

from __future__ import annotations

from mifeng_server.domain.protocols import Store
from mifeng_server.domain.rows import BoxRow, Delete, Write
from mifeng_server.domain.unit import ALL

__all__ = ["forget_boxes", "forget_boxes_of"]


async def forget_boxes(store: Store, key_hash: bytes) -> tuple[Write, ...]:
    """Delete the boxes of the directory key that is replaced."""
    rows = await store.find(BoxRow, order="device_id", limit=ALL, key_hash=key_hash)
    return tuple(Delete(BoxRow, (row.key_hash, row.device_id)) for row in rows)


async def forget_boxes_of(store: Store, device_id: bytes) -> tuple[Write, ...]:
    """Delete what waits for a device."""
    rows = await store.find(BoxRow, order="key_hash", limit=ALL, device_id=device_id)
    return tuple(Delete(BoxRow, (row.key_hash, row.device_id)) for row in rows)
