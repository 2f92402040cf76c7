"""Sealed files as objects (protocol.md, "Storage").

objects.py   a blob as numbered objects of 4 MiB in any store that `obstore` speaks to
folder.py    the same in a folder, synced
"""
