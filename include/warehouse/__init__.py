"""The warehouse: rows that quality let through come in by four ways to write, and go out as Arrow or pandas.

One URL decides between an embedded DuckDB file and PostgreSQL; everything else is the same. Read `engine.py` first
(open, read, transaction), then `write.py` (the four ways) and `load.py` (one load, whole or not at all).
"""

from include.warehouse.engine import Warehouse
from include.warehouse.gaps import gaps, joined_gaps
from include.warehouse.load import Load, LoadOutcome, LoadStatus, load_verdict
from include.warehouse.read import points, points_of, series_frame
from include.warehouse.series import Meaning

__all__ = [
    "Load",
    "LoadOutcome",
    "LoadStatus",
    "Meaning",
    "Warehouse",
    "gaps",
    "joined_gaps",
    "load_verdict",
    "points",
    "points_of",
    "series_frame",
]
