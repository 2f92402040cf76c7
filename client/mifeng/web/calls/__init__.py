"""The local API: calls by name, one JSON struct in, one out (docs/ui.md).

Every call stands in one of these files, declared by `call`; `table.py` has them all.

table.py        how a call is declared, found and answered
screen.py       what the screen is to look like; language and words
profiles.py     which profiles there are; unlocking, locking, founding, joining
units.py        units, their members, their policy
timeline.py     what was said; saying something
people.py       people, oneself, safety numbers
devices.py      whose devices there are; one more, one less
files.py        the files of a unit; a way to show one
feed.py         what was posted where one follows
work.py         announcements, polls, requests
governing.py    invites, removals, the server's health
"""

from mifeng.web.calls import (
    devices,
    feed,
    files,
    governing,
    people,
    profiles,
    screen,
    timeline,
    units,
    work,
)
from mifeng.web.calls.table import CALLS, answer

__all__ = [
    "CALLS",
    "answer",
    "devices",
    "feed",
    "files",
    "governing",
    "people",
    "profiles",
    "screen",
    "timeline",
    "units",
    "work",
]
