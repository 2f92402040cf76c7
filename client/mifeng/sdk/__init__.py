"""What `import mifeng` gives: an open profile, its units, people, messages and files as objects.

opening.py    open, found, join, recover, link
devices.py    the devices of people, and how one's own come and go
changes.py    what has happened in the roster
workspace.py  the open profile
units.py      its units
unit.py       one unit
shelf.py      its files
auditing.py   exports for an auditor, and their audit
reading.py    what was said in it
outgoing.py   what one has said and the others do not have yet
talk.py       saying something
announcing.py announcements that ask to be confirmed
polling.py    polls
approving.py  approvals
exporting.py  all that one can read, in open formats
cascade.py    one announcement to many units
looking.py    search, feed, what waits for one
documents.py  announcements, polls and approvals: plain values
wording.py    a line of a timeline in words
tables.py     tables for spreadsheets
people.py     people: plain values
offboarding.py where a former member still is
values.py     people, messages, files: plain values
"""

from mifeng.core.sheet import RecoverySheet
from mifeng.sdk.auditing import audit_files
from mifeng.sdk.cascade import Cascade
from mifeng.sdk.changes import Change
from mifeng.sdk.devices import Device, DeviceOffer, NewDevice
from mifeng.sdk.documents import (
    Announcement,
    Approval,
    ApprovalStep,
    DecisionMade,
    HandedOver,
    Poll,
    PollChoice,
)
from mifeng.sdk.exporting import Written
from mifeng.sdk.governed import Governed
from mifeng.sdk.looking import FeedSettings, Found
from mifeng.sdk.offboarding import Offboarding
from mifeng.sdk.opening import found, join, link, open_profile, recover, unlock, unlocked
from mifeng.sdk.outgoing import Unsent
from mifeng.sdk.unit import Unit
from mifeng.sdk.units import OrgUnit
from mifeng.sdk.values import (
    DeviceChange,
    File,
    Membership,
    Message,
    Person,
    Reaction,
    SharedFile,
)
from mifeng.sdk.workspace import Invitation, OpenInvite, Workspace

__all__ = [
    "Announcement",
    "Approval",
    "ApprovalStep",
    "Cascade",
    "Change",
    "DecisionMade",
    "Device",
    "DeviceChange",
    "DeviceOffer",
    "FeedSettings",
    "File",
    "Found",
    "Governed",
    "HandedOver",
    "Invitation",
    "Membership",
    "Message",
    "NewDevice",
    "Offboarding",
    "OpenInvite",
    "OrgUnit",
    "Person",
    "Poll",
    "PollChoice",
    "Reaction",
    "RecoverySheet",
    "SharedFile",
    "Unit",
    "Unsent",
    "Workspace",
    "Written",
    "audit_files",
    "found",
    "join",
    "link",
    "open_profile",
    "recover",
    "unlock",
    "unlocked",
]
