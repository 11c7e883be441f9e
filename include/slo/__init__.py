"""Error budgets: counts by minute in, one row of `slo_status` per objective out; nothing is rounded.

In: frames `[ts, good, total]` per objective, or a reader of the warehouse and the configuration.
Out: an `Assessment` with the status rows, the rows that were set aside, and what maintenance took out.
Read `budget` first (formulas and the status rule), then `tally` (methods), `assess` (the row), `read` (the SQL).
"""

from include.slo.assess import Assessment, assess
from include.slo.objective import Method, Objective, SloError
from include.slo.read import assess_configured

__all__ = ["Assessment", "Method", "Objective", "SloError", "assess", "assess_configured"]
