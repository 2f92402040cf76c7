"""What the tests of transfers share: a file, and the way up and down."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from mifeng import transfer
from mifeng.content import Attachment
from mifeng.net import Api
from mifeng_crypto.ids import UnitId

RNG = random.Random(8).randbytes
UNIT = UnitId(RNG(16))
SIZE = 9_000_001  # two pieces
CONTENT = RNG(SIZE)


async def nobody(_: Attachment) -> None:
    """Who is told of sealed files, and does nothing about it."""


async def up(api: Api, source: Path, **more: Any) -> Attachment:  # noqa: ANN401 - of `upload`
    with tempfile.TemporaryDirectory() as folder:
        more = {"spool": transfer.Spool(Path(folder)), "on_sealed": nobody, **more}
        return await transfer.upload(api, unit_id=UNIT, path=source, rng=RNG, **more)


async def down(api: Api, attachment: Attachment, target: Path) -> Path:
    return await transfer.download(api, unit_id=UNIT, attachment=attachment, target=target)
