"""Readable for as long as promised, and then gone: shown by travelling in time.

stage.py     a server and devices, all on a clock that the test moves
travel.py    messages at random moments and slot borders, looked for after 72 and after 74 hours
lineage.py   which key stands behind which content, and when each of them died
forensics.py what is left on a disk image and in memory
seizure.py   what a seized device and a hoarding server give away

`make expiry` runs all of it and writes build/expiry.json; CI runs a short form as tests.
"""
