"""Sealed files as objects (protocol.md, "Storage").

layout.py    a blob is numbered objects of 4 MiB
objects.py   in any store that `obstore` speaks to
folder.py    in a folder, synced
"""
