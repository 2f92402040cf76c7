"""How the tests of this folder read the official MLS vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

VectorsOf = Callable[[str], Path]
Case = dict[str, Any]


def cases(vectors_of: VectorsOf, name: str) -> list[Case]:
    """Return the cases of one file of `test-vectors`."""
    found: list[Case] = json.loads((vectors_of("mls") / f"test-vectors/{name}.json").read_text())
    return found
