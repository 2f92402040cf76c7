"""What the client keeps on its disk: a folder with a lock and one sealed database.

lock.py      one process at a time
sealing.py   each value sealed under the store key, bound to its place
database.py  SQLite: read, and save a step's changes in one transaction
"""

from mifeng.store.database import TABLES, Changes, Database
from mifeng.store.lock import ProfileLock
from mifeng.store.sealing import Sealer

__all__ = ["TABLES", "Changes", "Database", "ProfileLock", "Sealer"]
