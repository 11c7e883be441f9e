"""The warehouse: rows that quality let through come in by four ways to write, and go out as Arrow or pandas.

One URL decides between an embedded DuckDB file and PostgreSQL; everything else is the same. Read `engine.py` first
(open, read, transaction), then `write.py` (the four ways) and `load.py` (one load, whole or not at all).
"""

from include.warehouse.engine import Warehouse

__all__ = ["Warehouse"]
