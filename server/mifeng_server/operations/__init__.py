"""What an operator does to a server besides running it. Nothing here is needed to serve.

doctor.py     is everything in order? each finding with its remedy
backup.py     a copy while the server runs
restore.py    from the copy to a data folder, and the proof that it is whole
transfer.py   from one database to another, row by row, verified, resumable
inspect.py    all that the server knows of a member, a unit, or itself
keys.py       new keys, announced in the roster before they are used
"""
