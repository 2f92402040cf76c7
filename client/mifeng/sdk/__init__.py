"""What `import mifeng` gives: an open profile, its units, people, messages and files as objects.

opening.py    open, found, join
workspace.py  the open profile
unit.py       one unit
offboarding.py where a former member still is
values.py     people, messages, files: plain values
"""

from mifeng.sdk.offboarding import Offboarding
from mifeng.sdk.opening import found, join, open_profile
from mifeng.sdk.unit import Unit
from mifeng.sdk.values import File, Membership, Message, Person
from mifeng.sdk.workspace import Invitation, OpenInvite, OrgUnit, Workspace

__all__ = [
    "File",
    "Invitation",
    "Membership",
    "Message",
    "Offboarding",
    "OpenInvite",
    "OrgUnit",
    "Person",
    "Unit",
    "Workspace",
    "found",
    "join",
    "open_profile",
]
