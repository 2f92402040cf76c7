"""Signed, hash-chained ledgers: the roster and the charters (protocol.md, "Ledgers")."""
