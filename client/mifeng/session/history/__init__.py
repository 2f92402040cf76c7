"""What was said before a device came in: handed over to those whom this one let in, and fetched
where it was handed over to this one (protocol.md, "History").

    a commit that lets in -> row of what is owed, in the same transaction -> parts, row by row
                          -> one message, in the transaction in which those rows go
    that message, to us   -> row of each part, in the same transaction -> fetched, judged, shown

So whatever is cut off goes on where it was, and nothing is handed over or shown twice.

noting.py     what is remembered of entries that are about to be saved
giving.py     parts to the server, and the message
taking.py     parts from the server, into the timeline
histories.py  both, one after the other, beside all else
"""
