"""What is exported for an auditor, and its audit: no secret, no server (protocol.md, "Audit").

evidence.py    alarms, and what they rest on
record.py      the file: a mark and records
export.py      its records, by what they are
ledgers.py     replay roster and charters
unit_log.py    follow a log without a secret
statements.py  what the server has signed
alarms.py      whether the evidence of an alarm shows what it says
audit.py       all of it, in order; two exports beside each other
report.py      what comes out
"""

from mifeng_crypto.audit.audit import Audited, audit, compare
from mifeng_crypto.audit.record import read_records, write_records
from mifeng_crypto.audit.report import Report, Weight

__all__ = ["Audited", "Report", "Weight", "audit", "compare", "read_records", "write_records"]
