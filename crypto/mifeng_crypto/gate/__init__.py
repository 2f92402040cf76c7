"""The gate: may this unit, commit, message or Welcome be accepted? See protocol.md, "The gate".

The server asks it about the public group, and every client on every way in, with the same code.
It reads only the public tree, the ledgers at the last `heads`, and the times in the log: so
everybody decides alike, live or catching up.

view.py           what is judged by: UnitView
standing.py       the tree beside the ledgers: who is due to be removed, who is missing
heads.py          check_heads
commit.py         check_create, check_commit
message.py        check_message
welcome.py        check_welcome
history.py        check_past, check_handed: what was said before a device came in
readd.py          check_readd: a device that cannot go on
age.py            how old leaves may become
authenticated.py  what a sender says that it had seen
chain.py          the log's hash chain
problems.py       from a broken rule to a problem code
"""

from mifeng_crypto.gate.age import is_too_old, leaves_too_old, renewal_due
from mifeng_crypto.gate.authenticated import read_authenticated_data
from mifeng_crypto.gate.chain import (
    NO_DEVICE,
    LogPosition,
    check_chain,
    genesis_of_log,
    header_hash,
    next_header,
)
from mifeng_crypto.gate.commit import (
    MAX_DEVICES,
    MAX_PEOPLE,
    check_commit,
    check_create,
    check_founding,
    check_size,
)
from mifeng_crypto.gate.heads import check_heads
from mifeng_crypto.gate.history import Judged, Past, check_handed, check_past
from mifeng_crypto.gate.message import (
    MAY_COMMENT,
    MAY_POST,
    authenticated_data_of,
    check_message,
)
from mifeng_crypto.gate.problems import PROBLEMS, problem_of
from mifeng_crypto.gate.readd import check_readd
from mifeng_crypto.gate.standing import Ledgers, Standing, identity_of
from mifeng_crypto.gate.view import (
    UnitView,
    adds_missing,
    key_expired,
    readds_asked,
    removes_due,
    rotation_due,
    steady_after,
)
from mifeng_crypto.gate.welcome import check_welcome, commit_has_path, committer_of
from mifeng_crypto.ledger.chain import SplitView, SplitViewError

__all__ = [
    "MAX_DEVICES",
    "MAX_PEOPLE",
    "MAY_COMMENT",
    "MAY_POST",
    "NO_DEVICE",
    "PROBLEMS",
    "Judged",
    "Ledgers",
    "LogPosition",
    "Past",
    "SplitView",
    "SplitViewError",
    "Standing",
    "UnitView",
    "adds_missing",
    "authenticated_data_of",
    "check_chain",
    "check_commit",
    "check_create",
    "check_founding",
    "check_handed",
    "check_heads",
    "check_message",
    "check_past",
    "check_readd",
    "check_size",
    "check_welcome",
    "commit_has_path",
    "committer_of",
    "genesis_of_log",
    "header_hash",
    "identity_of",
    "is_too_old",
    "key_expired",
    "leaves_too_old",
    "next_header",
    "problem_of",
    "read_authenticated_data",
    "readds_asked",
    "removes_due",
    "renewal_due",
    "rotation_due",
    "steady_after",
]
