"""A framed content and its bytes on the wire (RFC 9420 section 6).

authenticate.py (6.1), public_message.py (6.2), private_message.py (6.3, 15.1), original.py (what
makes a message's bytes again). Nothing here knows the ratchet tree: whose signature key counts is
said by the caller.
"""
