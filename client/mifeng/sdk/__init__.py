"""What `import mifeng` gives: an open profile, its units, people, messages and files as objects.

opening.py    open, found, join, recover, link
devices.py    the devices of people, and how one's own come and go
changes.py    what has happened in the roster
workspace.py  the open profile
units.py      its units
unit.py       one unit
talk.py       what is said in it
shelf.py      its files
auditing.py   exports for an auditor, and their audit
offboarding.py where a former member still is
values.py     people, messages, files: plain values
"""

from mifeng.core.sheet import RecoverySheet
from mifeng.sdk.auditing import audit_files
from mifeng.sdk.changes import Change
from mifeng.sdk.devices import Device, DeviceOffer, NewDevice
from mifeng.sdk.governed import Governed
from mifeng.sdk.offboarding import Offboarding
from mifeng.sdk.opening import found, join, link, open_profile, recover, unlock
from mifeng.sdk.unit import Unit
from mifeng.sdk.units import OrgUnit
from mifeng.sdk.values import File, Membership, Message, Person, Reaction, SharedFile
from mifeng.sdk.workspace import Invitation, OpenInvite, Workspace

__all__ = [
    "Change",
    "Device",
    "DeviceOffer",
    "File",
    "Governed",
    "Invitation",
    "Membership",
    "Message",
    "NewDevice",
    "Offboarding",
    "OpenInvite",
    "OrgUnit",
    "Person",
    "Reaction",
    "RecoverySheet",
    "SharedFile",
    "Unit",
    "Workspace",
    "audit_files",
    "found",
    "join",
    "link",
    "open_profile",
    "recover",
    "unlock",
]
