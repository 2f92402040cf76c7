"""What a process that holds keys owes its machine: its memory does not get to the disk.

The kernel writes no core of it, and other processes of the same user cannot attach to it. Swap is
the machine's: encrypt it, or switch it off.
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

__all__ = ["keep_memory_off_the_disk"]

PR_SET_DUMPABLE = 4


def keep_memory_off_the_disk() -> None:
    """Let a crash leave no image of this process. Where a system has no such thing, nothing."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
