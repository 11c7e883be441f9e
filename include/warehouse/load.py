"""One load, whole or not at all: what quality judged of a scope, written with its ledgers in one transaction.

A poorer answer never destroys history: a re-read of facts that is empty, or has under 90% of the rows that it would
replace, changes nothing. The same content again rewrites nothing, so callers know whether a window changed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from include.clock import Clock
from include.config.logs import LogRules
from include.datasets import INCIDENT, Kind, Scope, dataset
from include.quality import Verdict
from include.warehouse.columns import conform
from include.warehouse.engine import Warehouse
from include.warehouse.facts import Facts, prepare
from include.warehouse.history import observed_changes
from include.warehouse.records import record_rows
from include.warehouse.schema import incident_change, load_log, metadata, quality_result
from include.warehouse.series import Meaning, Resolve
from include.warehouse.write import Transaction, rows_of

SMALLEST_SHARE = 0.9


class LoadStatus(StrEnum):
    """How a load ended."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    PROVISIONAL = "provisional"
    """What webhooks have delivered so far; the window's own load is still to come."""
    REFUSED_SHRINK = "refused_shrink"
    FAILED = "failed"


@dataclass(frozen=True)
class Load:
    """One attempt to load a scope, as the ledgers name it."""

    load_id: str
    run_id: str
    expected_rows: int | None = None
    landed_at_path: str | None = None
    allow_shrink: bool = False
    provisional: bool = False
    """The rows are records of a webhook, ahead of the window's own run."""


@dataclass(frozen=True)
class LoadOutcome:
    """How a load ended: `rows` good ones in place, `changed` whether the warehouse holds other content than before."""

    status: LoadStatus
    rows: int
    quarantined: int
    changed: bool
    content_hash: str
    message: str | None = None


def load_verdict(
    warehouse: Warehouse,
    scope: Scope,
    verdict: Verdict,
    load: Load,
    *,
    resolve: Resolve,
    clock: Clock,
    meaning: Meaning | LogRules | None = None,
) -> LoadOutcome:
    """Write what was judged: rows, quarantine, quality results and the load's own entry, in one transaction.

    `resolve` names services; `meaning` is that of the query for points, the rules of logs for lines, else none.
    Raises nothing for a refused or failed load: the outcome says so, and why.
    """
    started = clock.now()
    apart = verdict.quarantined.select(["rule", "raw"])
    facts = records = None
    if dataset(scope.dataset).kind is Kind.FACT:
        facts = prepare(scope, verdict.good, resolve, meaning)
        apart = pa.concat_tables([apart, facts.apart.cast(apart.schema)])
        digest = "+".join(content_hash(conform(table, rows)) for table, rows in facts.tables.items())
    else:
        records = record_rows(scope, verdict.good, resolve, load_id=load.load_id, provisional=load.provisional)
        digest = content_hash(records.drop_columns("load_id"))
    with warehouse.transaction() as tx:
        tx.take_turns("load", scope.source, scope.dataset, scope.query)
        before = 0
        if verdict.stop:
            outcome = LoadOutcome(LoadStatus.FAILED, 0, apart.num_rows, False, digest, verdict.stop)
        elif facts is None:
            changed = _merge(tx, scope, records)
            status = LoadStatus.LOADED if changed else LoadStatus.UNCHANGED
            status = LoadStatus.PROVISIONAL if load.provisional else status
            outcome = LoadOutcome(status, verdict.good.num_rows, apart.num_rows, changed, digest)
        else:
            before = facts.present(tx, scope)
            outcome = _replace(
                tx, scope, facts, before=before, apart=apart.num_rows, digest=digest, allow_shrink=load.allow_shrink
            )
        finished = clock.now()
        if outcome.status is not LoadStatus.REFUSED_SHRINK:
            tx.replace_quarantine(scope, _stamped(apart.to_pandas(), scope, load, finished))
        if verdict.learned:
            tx.merge_columns(_columns(verdict, scope))
        tx.append(quality_result, _stamped(_results(verdict, outcome, before), scope, load, finished))
        entry = {
            "status": outcome.status.value,
            "rows_read": verdict.good.num_rows + verdict.quarantined.num_rows,
            "rows_loaded": outcome.rows,
            "rows_quarantined": outcome.quarantined,
            "rows_before": before,
            "expected_rows": load.expected_rows,
            "content_hash": digest,
            "landed_at_path": load.landed_at_path,
            "message": outcome.message,
            "started_at": started,
            "finished_at": finished,
            "run_id": load.run_id,
        }
        tx.append(load_log, [{**_scope_columns(scope, load), **entry}])
    return outcome


def content_hash(rows: pa.Table) -> str:
    """Return a text that is the same for the same rows, in whatever order: their number and the sum of their hashes."""
    hashes = pd.util.hash_pandas_object(rows.to_pandas(), index=False).to_numpy()
    return f"{rows.num_rows}-{int(hashes.sum(dtype=np.uint64)):016x}"


def _replace(
    tx: Transaction, scope: Scope, facts: Facts, *, before: int, apart: int, digest: str, allow_shrink: bool
) -> LoadOutcome:
    """Make the scope's rows these, unless they are those that are there, or too few to replace them."""
    if facts.size < SMALLEST_SHARE * before and not allow_shrink:
        message = (
            f"{scope}: this read has {facts.size} rows and would replace {before}; nothing was written. "
            "If history really became smaller, load it again with allow_shrink."
        )
        return LoadOutcome(LoadStatus.REFUSED_SHRINK, before, apart, False, digest, message)
    facts.refer(tx)
    if facts.size == before and _present_hash(tx, scope, facts) == digest:
        return LoadOutcome(LoadStatus.UNCHANGED, facts.size, apart, False, digest)
    for table, rows in facts.tables.items():
        tx.replace_facts(table, scope, rows)
    return LoadOutcome(LoadStatus.LOADED, facts.size, apart, True, digest)


def _present_hash(tx: Transaction, scope: Scope, facts: Facts) -> str:
    present = (tx.read(sa.select(table).where(*rows_of(table, scope))) for table in facts.tables)
    return "+".join(content_hash(rows) for rows in present)


def _merge(tx: Transaction, scope: Scope, records: pa.Table) -> bool:
    """Merge records, and keep what is seen of the history of incidents; return whether anything changed."""
    changed = tx.merge_records(metadata.tables[scope.dataset], records)
    if scope.dataset == INCIDENT.name:
        changed += tx.merge_records(incident_change, observed_changes(records))
    return changed > 0


def _columns(verdict: Verdict, scope: Scope) -> list[dict[str, Any]]:
    where = {"source": scope.source, "dataset": scope.dataset, "query": scope.query}
    seen = {"first_seen": scope.window.start, "last_seen": scope.window.end}
    return [
        {**where, **seen, "name": name, "kind": column.kind, "share": column.share}
        for name, column in verdict.learned.items()
    ]


def _results(verdict: Verdict, outcome: LoadOutcome, before: int) -> pd.DataFrame:
    names = ("rule", "level", "success", "observed", "expected", "failed_rows", "message")
    rows = [{name: getattr(result, name) for name in names} for result in verdict.results]
    if outcome.status is LoadStatus.REFUSED_SHRINK:
        share = verdict.good.num_rows / before
        values = ("history_is_kept", "batch", False, share, f">= {SMALLEST_SHARE}", 0, outcome.message)
        rows.append(dict(zip(names, values, strict=True)))
    return pd.DataFrame(rows, columns=list(names)).astype({"success": bool, "failed_rows": np.int64, "observed": float})


def _stamped(rows: pd.DataFrame, scope: Scope, load: Load, at: datetime) -> pd.DataFrame:
    return rows.assign(**_scope_columns(scope, load), recorded_at=at)


def _scope_columns(scope: Scope, load: Load) -> dict[str, Any]:
    return {
        "load_id": load.load_id,
        "source": scope.source,
        "dataset": scope.dataset,
        "query": scope.query,
        "window_start": scope.window.start,
        "window_end": scope.window.end,
    }
