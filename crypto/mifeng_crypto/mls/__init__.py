"""RFC 9420, Messaging Layer Security, by chapter.

    wire/     the structs (sections 5.3, 6, 7.1, 7.2, 8.1, 8.4, 10, 12)
    tree/     the public tree and TreeKEM (sections 4, 7, appendix C)
    keys/     the secrets of an epoch (sections 8, 9)
    message/  content to wire and back (section 6)
    group/    epochs and the verbs (sections 11, 12)

A lower folder never imports a higher one; `tree` and `keys` do not know each other.
"""
