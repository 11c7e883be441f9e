"""The history of incidents: what each version that was read said, and what changed from one to the next.

Every version of an incident leaves one row per field that people follow, under an id made of incident, field and time:
so windows may be read in any order, and twice, and the history is the same. What did not change is left out when it is
read. A source that tells its own history (a feed of `incident_change`) adds who did it.
"""

import hashlib

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from include.warehouse.engine import Warehouse
from include.warehouse.schema import incident_change

FOLLOWED = ("status", "severity", "service")


def observed_changes(incidents: pa.Table) -> pa.Table:
    """Return [the columns of incident_change], one row per version of an incident and field that people follow."""
    parts = [_of_field(incidents, field) for field in FOLLOWED]
    return pa.concat_tables(parts)


def incident_history(warehouse: Warehouse, source: str, incident_id: str) -> pd.DataFrame:
    """Return [updated_at, field, before, after, actor, summary], oldest first, only where something changed."""
    rows = warehouse.frame(
        sa.select(*(incident_change.c[name] for name in ("updated_at", "field", "before", "after", "actor", "summary")))
        .where(incident_change.c.source == source, incident_change.c.incident_id == incident_id)
        .where(~incident_change.c.deleted)
        .order_by(incident_change.c.updated_at, incident_change.c.change_id)
    )
    states = rows["field"].isin(FOLLOWED)
    last = rows.loc[states].groupby("field")["after"].shift()
    rows.loc[states, "before"] = rows.loc[states, "before"].fillna(last)
    same = states & (rows["after"] == rows["before"])
    return rows[~same].astype(object).where(lambda cells: cells.notna(), None).reset_index(drop=True)


def _of_field(incidents: pa.Table, field: str) -> pa.Table:
    ids = zip(incidents["incident_id"].to_pylist(), incidents["updated_at"].cast(pa.int64()).to_pylist(), strict=True)
    keys = [hashlib.blake2b(f"{one}/{field}/{at}".encode(), digest_size=12).hexdigest() for one, at in ids]
    rows = incidents.num_rows
    nothing = pa.nulls(rows, pa.string())
    return pa.table(
        {
            "source": incidents["source"],
            "change_id": pa.array(keys, pa.string()),
            "incident_id": incidents["incident_id"],
            "field": pa.repeat(field, rows),
            "before": nothing,
            "after": incidents[field],
            "actor": nothing,
            "summary": nothing,
            "updated_at": incidents["updated_at"],
            "deleted": incidents["deleted"],
            "provisional": incidents["provisional"],
            "load_id": incidents["load_id"],
        }
    )
