"""A profile is open in one process; the others hand it what they want done (protocol.md).

place.py      folders and files for this user only
door.py       a local socket, and whom it lets in
frames.py     what is said over it
lending.py    the process that has the profile
borrowing.py  the process that wants something of it
"""

from mifeng.handover.borrowing import Terminal, hand_over
from mifeng.handover.frames import Call, pack, unpack
from mifeng.handover.lending import Caller, Perform, lend

__all__ = ["Call", "Caller", "Perform", "Terminal", "hand_over", "lend", "pack", "unpack"]
