"""Benchmarks: how long things take, and whether that is what was aimed at. No tests.

`python -m bench [SECTION ...]` measures, prints tables and writes build/bench.json. A section is a
module here with a `measure()` that yields `Figure`s, and stands in `SECTIONS` of `__main__.py`.
"""
