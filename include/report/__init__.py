"""Reports: frames of the warehouse and a window go in, a typed document comes out, and from it pages, mail and CSV.

Read `document.py` first: every report is that one form. `capacity.py`, `slo.py`, `data.py`, `models.py` and
`overview.py` build it and are pure; `html.py`, `letter.py` and `csv.py` set it; `store.py` keeps it where `pages.py`
finds it without opening the warehouse.
"""

from include.report.document import EVERYONE, Document, Edition
from include.report.store import Store

__all__ = ["EVERYONE", "Document", "Edition", "Store"]
