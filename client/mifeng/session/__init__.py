"""The only driver of the client: receive, core step, one transaction, send (protocol.md, "Client").

session.py    the state in memory, saved before anything is sent; catching up; going live
applying.py   entries of a log: through the core, onto the disk, told
enrolment.py  into a workspace: found, join, recover, be linked; on from where it was interrupted
linking.py    the other side of that: link a new device from one that is in
changes.py    what the roster says has happened
directory.py  everybody's cards in, one's own out
delivery.py   commits and messages out, through lost races and lost answers
notary.py     checkpoints pinned, receipts kept, alarms for what does not hold
reading.py    files that are open, closed when their time is over
receipts.py   how far was read, where a unit asks
timelines.py  each unit's timeline, folded from the rows when somebody looks
auditing.py   what an auditor needs, record by record
ledgers.py    signed entries out: invites, grants, removals
"""

from mifeng.session.session import Session

__all__ = ["Session"]
