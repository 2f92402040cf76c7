"""What is exported for an auditor, and its audit: no secret, no server (protocol.md, "Audit").

evidence.py  alarms, and what they rest on
"""
