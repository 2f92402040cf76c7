"""The secrets of an epoch (RFC 9420 sections 8 and 9); nothing here knows the ratchet tree.

key_schedule.py (8, 8.3, 8.5), transcript.py (8.2, 6.1), psk.py (8.4), secret_tree.py (9).
"""
