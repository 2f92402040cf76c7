"""The loop of a peer in Python: one JSON object a line, a request in and an answer out.

Only the standard library, because a peer runs in the environment of the implementation that it
drives. Bytes are hex on the wire; `ms` in an answer is the time of the library's call alone.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
Answer = dict[str, Any]
Command = Callable[..., Answer]


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return what `call` returns, and how many milliseconds it took."""
    start = time.perf_counter()
    result = call()
    return result, round((time.perf_counter() - start) * 1000, 4)


def rss() -> Answer:
    """Resident memory of this process, in bytes."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no import for a line
        return {"rss": int(file.read().split()[1]) * 4096}


def serve(commands: Mapping[str, Command]) -> NoReturn:
    """Answer requests until `quit` or the end of the input; an error is an answer too."""
    for line in sys.stdin:
        if not line.strip():
            continue
        request = json.loads(line)
        name = request.pop("cmd")
        if name == "quit":
            break
        try:
            if name not in commands:
                raise LookupError(f"no command: {name}")
            answer: Answer = {"ok": True} | commands[name](**request)
        except Exception as err:  # noqa: BLE001 - whatever a library raises
            answer = {"ok": False, "error": f"{type(err).__name__}: {err}"}
        sys.stdout.write(json.dumps(answer, default=bytes.hex) + "\n")
        sys.stdout.flush()
    sys.exit(0)
