"""Every row of the attack table as data: what is tried, and where its test or defence stands.

A row is `test` once this folder has tests of its name (`test_b7_...`), `open` while the part of the
product that brings its defence is not there, `none` where it cannot apply to this design.
"""

# ruff: noqa: E501 - a row is a line

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ROWS", "Row"]

Status = Literal["test", "open", "none"]


@dataclass(frozen=True, slots=True)
class Row:
    """One attack.

    Attributes:
        name: group and number.
        attack: what the adversary does, and to what end.
        status: whether it is played here.
        why: of `open`, the part of the product that brings the defence; of `none`, the reason.
    """

    name: str
    attack: str
    status: Status = "test"
    why: str = ""


TABLE = """
A1 | the server lets somebody in by a roster entry that nobody with the right to it signed
A2 | a member and the server commit somebody in whom no ledger names
A3 | the server invents one more device for a real member
A4 | the server slips a device of its own among those that are to get keys
A5 | the object is swapped between being shown for comparison and being signed
A6 | an older roster is served, in which a removed member is still there
A7 | two halves of the company are shown two rosters, signed with a stolen admin key
A8 | the server hands out a KeyPackage under somebody's name and with another key
A9 | a member, or a former one, commits what only the ledgers may decide
A10 | every public key that a server hands out is swapped for one of its own
A11 | a key of small order is registered, under which anybody can sign
A12 | a second valid form of a signature splits those who have seen the one from the others
A13 | a device or key is put into the tree twice, to blur who wrote what
A14 | the server's own right to remove people is used for more | none: the server has no such right; proposals from outside the group are refused whatever they say (B5 tries the door that is left)
A15 | a member takes another's name, or another key, by way of a commit
A16 | a hidden archive reads along
A17 | one admin's key, stolen, lets a ghost in by the rules
A18 | a name that looks like a colleague's
A19 | the server withholds the commit that would take a removed member out
A20 | the server resets somebody's account and hands it to another
B1 | two members are given two logs of one unit
B2 | a commit that everybody must refuse uses an epoch up and stops the unit
B3 | a commit gives a part of the members other secrets than the rest
B4 | a commit that cannot be processed drives clients into joining again, on the attacker's branch
B5 | somebody with only a stolen signature key joins from outside in its owner's place
B6 | a poisoned GroupInfo waits for whoever joins from outside | none: no GroupInfo is published; that of a Welcome is sealed, and B7 and B8 try it
B7 | a Welcome is replayed, handed to another device, or is that of a commit that lost
B8 | a Welcome's tree holds a ghost, or was changed on the way
B9 | somebody drains a colleague's KeyPackages, so that nobody can add him
B10 | a KeyPackage is handed out twice, so that one private key opens two Welcomes
B11 | an old, stolen or endless KeyPackage is handed out
B12 | a member encrypts anew what another has signed, and posts it as fresh
B13 | a message claims to be billions of generations ahead, to burn the receiver's time
B14 | the server keeps the last messages of a sender back
B15 | entries arrive in another order, more than once, or with gaps
B16 | the server never accepts one member's commits, so that a stolen state stays good
B17 | a commit without new secrets is taken for a rotation
B18 | a removed member goes on reading with the keys that he has kept
B19 | a restored profile encrypts a second message under a used key
B20 | a copy of a profile reads and writes in the shadow
B21 | tags that are cut off, so that few or no bytes are compared
B22 | a signature made for one purpose is shown for another
B23 | an encryption key of small order, to which every secret is the same
B24 | a unit begins with a weaker cipher suite than was decided
B25 | a member rewrites the settings of the group
B26 | a message of an epoch that is over, or has not begun
B27 | commits without pause keep an admin's removal from ever coming first
B28 | a commit leaves out a removal that is due
B29 | the server hides some members' messages from one victim
B30 | a device that has been away for weeks keeps its old keys in the group
B31 | the server is put back to yesterday's backup
B32 | two processes work on one profile
B33 | timers and commits go off in the middle of catching up
B34 | a push is lost, and the messages after it wait for ever
B35 | a client takes its own, delayed commit for a fork and repairs what is whole
C1 | keys are asked for by whoever claims to have lost them
C2 | keys arrive that nobody has asked for
C3 | a message in the clear passes for an encrypted one
C4 | the envelope names another sender than the signature
C5 | somebody else's message is edited, deleted or confirmed
C6 | two messages of one sender change places, or a resend tells what was in them
C7 | transport login and message keys are confused; compression tells secrets
C8 | reactions to broken ciphertexts tell what is inside
C9 | degenerate keys, endless encodings and races in the message layer
C10 | receipts tell strangers when somebody is there
C11 | a link in a message makes its reader's client call somebody
C12 | a wake-up through a third party tells who wrote what | none: there is no push through a third party
C13 | lengths tell texts and files
C14 | shared history is forged by whoever hands it over
C15 | response times tell tokens and names
C16 | one ciphertext opens as two different files
D1 | the server swaps the wrapped key of a file
D2 | pieces of a file are cut off, doubled, swapped or bent
D3 | names and sizes of files are changed or exchanged
D4 | the server plants a file
D5 | an older version of a file is served | none: files have no versions: a message names one ciphertext by its hash, and D3 puts another in its place
D6 | the secret of a shared link reaches the server | none: no link leads to a file; a file is named inside messages only
D7 | the server chooses weak parameters | none: no parameter comes from the server: the suite is in the signed charter (B24 plays it), and a profile refuses its own key record below a floor
D8 | wrapped keys are bent bit by bit, and the reaction is watched
D9 | an empty or missing key is taken for a new folder
D10 | two uploads of one file can be told to be the same
D11 | fields run into one another where they are authenticated
D12 | a resumed upload encrypts other bytes under the same key
D13 | a file name leads out of the folder
D14 | a file runs as a script in the page that shows it
D15 | a small file unpacks to a huge one
D16 | previews and picture data tell where and what
D17 | what was decrypted stays on the disk
D18 | somebody else's object is fetched by its number
D19 | the server deletes early
D20 | one member fills the disk
E1 | a code for linking a device is shown to the victim as something else
E2 | a short comparison code is guessed by somebody in between
E3 | an invite's link is used again, late, or by two
E4 | the backup of an account is guessed offline
E5 | an older backup brings a revoked device back
E6 | keys in a backup outlive their content
E7 | the server chooses the parameters of a password's key | none: passwords only protect the local profile, and the server has no part in it
E8 | a stolen device reads on
E9 | the removal of a thief is kept from his colleagues
E10 | the server forges a removal, to lock somebody out or have data wiped
E11 | a stolen login token acts for its owner
E12 | entries of the roster are left out, exchanged or doubled
E13 | whoever joins is given another company's roster from the start
E14 | a device that was linked by fraud gets the history at once
F1 | a web page drives the local client
F2 | a message or name runs as a script or commands a terminal
F3 | links and frames lead a user astray
F4 | log lines are forged, or hold secrets
F5 | keys reach the disk by swapping or a crash
F6 | a database keeps what was deleted
F7 | another user of the machine reads the profile
F8 | the browser keeps what it has shown
F9 | an application leaves verification out
F10 | a received file opens by itself
G1 | few bytes claim to be many
G2 | packed requests and served folders
G3 | slow and many connections use the server up
G4 | two parsers read one request differently
G5 | another unit's or company's objects are asked for
G6 | text is taken for a query
G7 | answers tell who and what there is
G8 | too many requests
G9 | the whole database is stolen
G10 | the connection is read by somebody in between
G11 | a race adds the person after the last
G12 | an old version is brought back
H1 | the server's clock stands still
H2 | the server's clock runs ahead
H3 | the device's clock jumps ahead
H4 | the device's clock is set back
H5 | a sender lies about the time
H6 | the server keeps what is over, and a device is seized
H7 | a sender uses the keys of another hour | none: an entry's hour is the server's accepted_at, within ten minutes of the sender's time (H5); keys of another epoch: B26
H8 | the server refuses rotations until the keys are too old
I1 | a dependency is replaced by a malicious one
I2 | a release is tampered with
I3 | the server delivers the client's code
I4 | a maintainer's account is taken over
I5 | the random generator is broken
"""


def _row(line: str) -> Row:
    name, attack, *rest = (part.strip() for part in line.split(" | "))
    if not rest:
        return Row(name, attack)
    status, _, why = rest[0].partition(": ")
    assert status in ("open", "none"), line
    return Row(name, attack, "open" if status == "open" else "none", why)


ROWS = tuple(_row(line) for line in TABLE.strip().splitlines())
