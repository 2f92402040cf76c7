"""Who is told of what, as it becomes durable (protocol.md, "Stream").

channel.py   the newest entries of one unit's log, and frames made of them once for everybody
feed.py      one open socket: where it is in each log, and what it has to be told
hub.py       from events to feeds
stewards.py  which device is asked to commit what the ledgers want

Sequences are the truth and this is only a hint: a feed that missed something reads it from the
store, and a client whose feed was dropped goes on from its own sequence.
"""
