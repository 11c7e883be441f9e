"""Records in the warehouse's words: service and severity are ours, the source and the load are named."""

import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import Scope
from include.severity import severity_of
from include.warehouse.facts import each
from include.warehouse.series import Resolve


def record_rows(scope: Scope, good: pa.Table, resolve: Resolve, *, load_id: str, provisional: bool) -> pa.Table:
    """Return records with the columns of their table."""
    columns = {name: good[name] for name in good.column_names if name != "raw"}
    columns |= {
        "source": pa.repeat(scope.source, good.num_rows),
        "deleted": pc.fill_null(good["deleted"], False),
        "provisional": pa.repeat(provisional, good.num_rows),
        "load_id": pa.repeat(load_id, good.num_rows),
    }
    if "service" in columns:
        names = pc.fill_null(good["service"], "")
        columns |= {"service": each(names, resolve), "service_alias": names}
    if "severity" in columns:
        columns["severity"] = each(columns["severity"], lambda word: severity_of(word).name)
    return pa.table(columns)
