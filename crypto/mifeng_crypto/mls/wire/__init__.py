"""The structs of RFC 9420, declared: bytes and their meaning, no keys and no decisions.

credential.py (section 5.3), extension.py (13.4, 11.1, 12.1.8.1, 12.4.3), leaf_node.py (7.2),
parent_node.py (7.1, 7.8, 7.9), key_package.py (10), psk.py (8.4), proposal.py (12.1),
commit.py (12.4, 7.6), group_context.py (8.1), framing.py (6), welcome.py (12.4.3),
message.py (6: MLSMessage). A decoded struct is only well-formed; nothing in it is verified.
"""
