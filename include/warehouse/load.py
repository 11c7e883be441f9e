"""One load, whole or not at all: what quality judged of a scope, written with its ledgers in one transaction.

A poorer answer never destroys history: a re-read of facts that is empty, or has under 90% of the rows that it would
replace, changes nothing. The same content again rewrites nothing, so callers know whether a window changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from include.clock import Clock
from include.datasets import Kind, Scope, dataset
from include.errors import AlmanacError
from include.quality import Verdict
from include.severity import severity_of
from include.warehouse.engine import Warehouse
from include.warehouse.schema import load_log, metadata, metric_point, quality_result
from include.warehouse.series import Meaning, Resolve, identify
from include.warehouse.write import Transaction, points_of

SMALLEST_SHARE = 0.9


class MeaningMissingError(AlmanacError):
    """A load of points that does not say what they mean."""


class LoadStatus(StrEnum):
    """How a load ended."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
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
    meaning: Meaning | None = None,
) -> LoadOutcome:
    """Write what was judged: rows, quarantine, quality results and the load's own entry, in one transaction.

    `resolve` names services; `meaning` is required for points. Raises nothing for a refused or failed load: the
    outcome says so, and why.
    """
    started = clock.now()
    quarantined = verdict.quarantined.select(["rule", "raw"])
    if dataset(scope.dataset).kind is Kind.FACT:
        if meaning is None:
            raise MeaningMissingError(f"Points of {scope} cannot load without the query's meaning. Give `meaning`.")
        identified = identify(scope, verdict.good, meaning, resolve)
        rows, series = identified.points, identified.series
        quarantined = pa.concat_tables([quarantined, identified.collisions.cast(quarantined.schema)])
    else:
        rows, series = _records(scope, verdict.good, load, resolve), None
    digest = content_hash(rows.drop_columns("load_id") if series is None else rows)
    with warehouse.transaction() as tx:
        tx.take_turns("load", scope.source, scope.dataset, scope.query)
        before = 0
        if verdict.stop:
            outcome = LoadOutcome(LoadStatus.FAILED, 0, quarantined.num_rows, False, digest, verdict.stop)
        elif series is None:
            changed = tx.merge_records(metadata.tables[scope.dataset], rows) > 0
            status = LoadStatus.LOADED if changed else LoadStatus.UNCHANGED
            outcome = LoadOutcome(status, rows.num_rows, quarantined.num_rows, changed, digest)
        else:
            present = tx.read(sa.select(metric_point).where(*points_of(scope)))
            before = present.num_rows
            outcome = _load_points(
                tx,
                scope,
                points=rows,
                series=series,
                present=present,
                quarantined=quarantined.num_rows,
                digest=digest,
                allow_shrink=load.allow_shrink,
            )
        finished = clock.now()
        if outcome.status is not LoadStatus.REFUSED_SHRINK:
            tx.replace_quarantine(scope, _stamped(quarantined.to_pandas(), scope, load, finished))
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


def _load_points(
    tx: Transaction,
    scope: Scope,
    *,
    points: pa.Table,
    series: pd.DataFrame,
    present: pa.Table,
    quarantined: int,
    digest: str,
    allow_shrink: bool,
) -> LoadOutcome:
    least = SMALLEST_SHARE * present.num_rows
    if points.num_rows < least and not allow_shrink:
        message = (
            f"{scope}: this read has {points.num_rows} rows and would replace {present.num_rows}; nothing was written. "
            "If history really became smaller, load it again with allow_shrink."
        )
        return LoadOutcome(LoadStatus.REFUSED_SHRINK, present.num_rows, quarantined, False, digest, message)
    tx.merge_series(series)
    if content_hash(present) == digest:
        return LoadOutcome(LoadStatus.UNCHANGED, points.num_rows, quarantined, False, digest)
    tx.replace_points(scope, points)
    return LoadOutcome(LoadStatus.LOADED, points.num_rows, quarantined, True, digest)


def _records(scope: Scope, good: pa.Table, load: Load, resolve: Resolve) -> pa.Table:
    """Return records with the warehouse's columns: service and severity in our words, the source and the load named."""
    columns = {name: good[name] for name in good.column_names if name != "raw"}
    names = pc.fill_null(good["service"], "")
    columns |= {
        "source": pa.repeat(scope.source, good.num_rows),
        "service": _each(names, resolve),
        "service_alias": names,
        "deleted": pc.fill_null(good["deleted"], False),
        "load_id": pa.repeat(load.load_id, good.num_rows),
    }
    if "severity" in columns:
        columns["severity"] = _each(columns["severity"], lambda word: severity_of(word).name)
    return pa.table(columns)


def _each(words: pa.ChunkedArray, meaning: Callable[[str], str]) -> pa.Array:
    """Return the meaning of every word, asked once for each that differs."""
    encoded = words.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return pa.array([meaning(word) for word in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


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
