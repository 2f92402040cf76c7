"""The ratchet tree and TreeKEM (RFC 9420 sections 4 and 7, appendix C).

    tree_math.py     where a node's relatives are
    ratchet_tree.py  the immutable tree; tree_index.py: which keys and capabilities are in it
    tree_edit.py     from one tree to the next: add, update, remove, set a path
    tree_hash.py     tree hashes and parent hashes
    leaf_check.py    what a leaf must be; tree_check.py: what a received tree must be
    treekem.py       new path secrets, for all who should have them

Nothing here knows a message, a proposal or a key schedule.
"""
