"""What `import mifeng` gives: an open profile, its units, people, messages and files as objects.

opening.py    open, found, join
workspace.py  the open profile
units.py      its units
unit.py       one unit
talk.py       what is said in it
offboarding.py where a former member still is
values.py     people, messages, files: plain values
"""

from mifeng.sdk.governed import Governed
from mifeng.sdk.offboarding import Offboarding
from mifeng.sdk.opening import found, join, open_profile, unlock
from mifeng.sdk.unit import Unit
from mifeng.sdk.units import OrgUnit
from mifeng.sdk.values import File, Membership, Message, Person, Reaction
from mifeng.sdk.workspace import Invitation, OpenInvite, Workspace

__all__ = [
    "File",
    "Governed",
    "Invitation",
    "Membership",
    "Message",
    "Offboarding",
    "OpenInvite",
    "OrgUnit",
    "Person",
    "Reaction",
    "Unit",
    "Workspace",
    "found",
    "join",
    "open_profile",
    "unlock",
]
