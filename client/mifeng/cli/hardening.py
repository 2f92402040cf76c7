"""What a process that holds keys owes its machine: its memory does not get to the disk, nor to
others the link that it was started with.

The kernel writes no core of it, and other processes of the same user cannot attach to it. Swap is
the machine's: encrypt it, or switch it off.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import resource
import sys
from pathlib import Path

__all__ = ["keep_memory_off_the_disk", "strike_out_links"]

PR_SET_DUMPABLE = 4
ARG_START, ARG_END = 45, 46
"""Fields of `/proc/self/stat` behind the name (proc(5), 48 and 49)."""


def strike_out_links() -> None:
    """Overwrite what links hold in the line that `ps` shows to everybody: an invite is a secret.

    A desktop opens a link by such a line. It stands there from the start of this process to here,
    and in whatever has started it; but not for as long as the page is open.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, ValueError, IndexError):
        facts = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        start, end = int(facts[ARG_START]), int(facts[ARG_END])
        line = ctypes.string_at(start, end - start)
        for link in re.finditer(rb"(?<=\0)mifeng:\w+#[^\0]+", line):
            at = link[0].index(b"#") + 1
            ctypes.memset(start + link.start() + at, ord("*"), len(link[0]) - at)


def keep_memory_off_the_disk() -> None:
    """Let a crash leave no image of this process. Where a system has no such thing, nothing."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
