"""What the server decides, in plain Python: no aiohttp, no SQL, no clock, no randomness of its own.

house.py       what the verbs share: the store, the caches of roster and units, the locks
accept.py      the one way in: look up, decide, write, answer, tell
protocols.py   contracts of store, blobs, shares, clock, locks
rows.py        what is stored, and the writes that change it
memory.py      working implementations of the contracts without a disk
<noun>.py      what may be asked of rosters, units, messages, files, ...
"""
