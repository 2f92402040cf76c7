"""The gate: may this commit, message, Welcome or ledger entry be accepted? (protocol.md, "The gate")"""
