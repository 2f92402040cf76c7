"""Vectors that nobody here wrote, checked case by case.

`python -m tests.conformance --vectors DIR` prints a table; `test_conformance.py` runs the same
checks under pytest. A check takes one case of a file and raises if it fails.

    run.py         finds files, runs their cases
    primitives.py  HPKE, X-Wing, Ed25519, wycheproof: what we choose of the libraries below us
    keys.py        RFC 9420 sections 2, 5, 8, 9
    messages.py    section 6, and every struct round trip
    trees.py       sections 4, 7, appendix C
    groups.py      sections 11 and 12: joining and following a group
"""
