"""What a client decides, without I/O, clock or global randomness (protocol.md, "Client").

Each function takes values, an input, `now` and `rng`, and returns new values with what to save and
what to tell. `session.py` alone performs it: receive, step, one transaction, send.

    profile.py       who this device is, and how it came in
    sheet.py         the recovery sheet as it is kept
    linking.py       both sides of linking a device
    changes.py       what the entries of the roster changed
    roster.py        follow the workspace's ledger from the pinned genesis, never back
    unit.py          all that a device knows of one unit
    catch_up.py      log entries in, new unit and timeline out
    timeline.py      entries in, readable lines out: edits, reactions and answers folded in
    membership.py    what the ledgers ask of the group, and the commit that does it
    outbox.py        messages on their way: waiting, sent, confirmed
    founding.py      a new unit
    joining.py       into a unit by a Welcome
    key_packages.py  one-time keys by which others add this device
    expiry.py        what is over is hidden, then destroyed
    learning.py      new cards of the directory, of people and of units
    people.py        names of members
    rows.py          values as rows of the store
"""
