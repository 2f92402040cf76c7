"""What the client keeps on its disk: a folder with a lock, a sealed database and a vault of keys.

lock.py      one process at a time
cells.py     a file of cells that are overwritten in place
vault.py     the keys that must die
sealing.py   each value sealed, bound to its place
keeping.py   which key a row is sealed under, and when that key is replaced
database.py  SQLite: read, and save a step's changes in one transaction
"""

from mifeng.store.database import TABLES, Changes, Database, to_the_end
from mifeng.store.lock import ProfileLock
from mifeng.store.sealing import Sealer
from mifeng.store.vault import SlotName, StateName, Vault

__all__ = [
    "TABLES",
    "Changes",
    "Database",
    "ProfileLock",
    "Sealer",
    "SlotName",
    "StateName",
    "Vault",
    "to_the_end",
]
