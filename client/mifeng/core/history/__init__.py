"""What was said before a device came in: what to hand over, and what to believe of it
(protocol.md, "History").

    giver      a commit lets devices in -> parts, one a slot -> one message with what opens them
    receiver   that message, from whom it may come -> parts -> each message judged -> timeline

rows.py      the rows of table `history`, and what a box is bound to
joining.py   who came in by whom, and from whom history may then come
giving.py    what becomes a part, and the message that hands it over
taking.py    whether it is taken, and what is believed of it
"""
