"""RFC 9420, Messaging Layer Security, by chapter.

    wire/     the structs (sections 5.3, 6, 7.1, 7.2, 8.1, 8.4, 10, 12)
    tree/     the public tree and TreeKEM (sections 4, 7, appendix C)
    keys/     the secrets of an epoch (sections 8, 9)
    message/  content to wire and back (section 6)
    group/    epochs and the verbs (sections 11, 12)

A lower folder never imports a higher one; `tree` and `keys` do not know each other. Sections 5.1
and 5.2 are one floor below: suite.py, hpke.py, kem.py, signature.py, labels.py.

Where a section is:

    4.1, C           tree/ratchet_tree.py
    C                tree/tree_math.py
    5.3              wire/credential.py
    6                wire/framing.py, wire/message.py
    6.1              message/authenticate.py, message/original.py
    6.2              message/public_message.py, group/handshake.py
    6.3              message/private_message.py, group/application.py
    7.1, 7.8, 7.9    wire/parent_node.py
    7.2              wire/leaf_node.py, group/leaf.py
    7.3              tree/leaf_check.py, tree/tree_index.py
    7.4, 7.5, 7.6    tree/treekem.py
    7.6, 12.4        wire/commit.py
    7.7              tree/tree_edit.py
    7.8, 7.9         tree/tree_hash.py
    7.9.2            tree/tree_check.py
    8                keys/key_schedule.py, group/epoch.py
    8.1              wire/group_context.py, group/public_group.py
    8.2              keys/transcript.py, wire/transcript.py
    8.4              keys/psk.py, wire/psk.py, group/psks.py
    9                keys/secret_tree.py
    10               wire/key_package.py
    10, 10.1         group/key_package.py
    11               group/create.py
    11.2, 11.3       group/continue_group.py, group/continuation.py
    12.1             wire/proposal.py, group/propose.py
    12.2             group/proposal_rules.py
    12.3             group/proposal_apply.py
    12.4.1           group/commit_create.py, group/commit_finish.py
    12.4.2           group/stage.py, group/commit_process.py
    12.4.3           wire/welcome.py, group/group_info.py
    12.4.3.1         group/join.py
    12.4.3.2         group/external_commit.py
    13               wire/extension.py
    14               group/pending.py
    15               group/application.py
    15.1             message/private_message.py
    17               wire/registry.py
"""
