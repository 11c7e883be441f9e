"""Almanac, one room per step of the data's way: sources → landing → quality → warehouse → results → reports.

Start with `window.py` (the unit of all work), `datasets.py` (what data looks like at every border) and
`docs/architecture.md` (which room may import which).
"""
