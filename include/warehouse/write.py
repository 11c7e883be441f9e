"""The four ways to write, and no other: replace facts, merge records, replace results, append to ledgers.

All happen in one transaction, opened by `Warehouse.transaction()`. Dimensions are brought to exactly the rows given.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from include.datasets import Scope
from include.errors import AlmanacError
from include.warehouse import postgres, transfer
from include.warehouse.columns import Rows, conform
from include.warehouse.schema import (
    DIMENSIONS,
    FACTS,
    LEDGERS,
    PLACED_BY,
    RECORDS,
    RESULTS,
    log_template,
    metric_point,
    quarantine_row,
    series,
    service_alias,
    source_column,
)
from include.window import Window

_NAMES_AT_ONCE = 10_000
_VERSION = ("updated_at", "load_id")
_SEEN: Mapping[str, Callable[..., Any]] = {"first_seen": sa.func.least, "last_seen": sa.func.greatest}


class WrongWayError(AlmanacError):
    """A table written in a way that is not its own."""


class Transaction:
    """An open transaction: everything written through it happens together, or not at all."""

    def __init__(self, connection: sa.Connection, create_partitions: Callable[[str, pa.Table], None]) -> None:
        self._connection = connection
        self._create_partitions = create_partitions

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Return the rows of a select as Arrow, as this transaction sees them."""
        return transfer.fetch(self._connection, statement)

    def frame(self, statement: sa.Select[Any]) -> pd.DataFrame:
        """Return the rows of a select as pandas, as this transaction sees them."""
        return self.read(statement).to_pandas()

    def take_turns(self, *parts: str) -> None:
        """Let no other transaction that names the same parts run until this one ends.

        DuckDB's transactions take turns anyway.
        """
        if not transfer.is_duckdb(self._connection):
            postgres.lock_until_commit(self._connection, *parts)

    def replace_facts(self, table: sa.Table, scope: Scope, rows: Rows) -> int:
        """Make the rows of a scope (its source, its query, within its window) exactly these; return their number.

        Points have [series_id, ts, value]; their series must be in `series` already: they tell what the scope holds.
        """
        _must_be(table, FACTS, "replace_facts")
        whole = _by_day(conform(table, rows))
        self.take_turns(table.name, scope.source, scope.query)
        self._connection.execute(sa.delete(table).where(*rows_of(table, scope)))
        if whole.num_rows and not transfer.is_duckdb(self._connection):
            self._create_partitions(table.name, whole)
        return transfer.insert(self._connection, table, whole)

    def merge_records(self, table: sa.Table, rows: Rows) -> int:
        """Merge records by key: the newest (`updated_at`, then `load_id`) wins; return how many rows changed.

        A stale row changes nothing, nor does one whose content is there already. A deletion upstream is a row with
        `deleted`, which stays as a tombstone.
        """
        _must_be(table, RECORDS, "merge_records")
        return self._merge(table, rows, [name for name in _VERSION if name in table.c])

    def replace_results(
        self,
        table: sa.Table,
        producer: str,
        window: Window,
        rows: Rows,
        *,
        run_id: str,
        shard: tuple[int, int] | None = None,
    ) -> int:
        """Make the results of a producer for a window exactly these; return their number.

        Tables with a time of their own (`PLACED_BY`) are replaced by that time, so a regular window replaces its part
        of a wide one. The others are replaced by the window that is stamped on their rows: all that lie inside. A wide
        run may stamp its rows itself (`window_start`, `window_end`); other rows get `window`. With `shard` (index,
        count) only results on subjects of that shard are replaced.
        """
        _must_be(table, RESULTS, "replace_results")
        stamped = conform(table, _stamp(rows, producer, window, run_id))
        self.take_turns(table.name, producer)
        clauses = [table.c.producer == producer]
        if placed := PLACED_BY.get(table.name):
            clauses += [table.c[placed] >= window.start, table.c[placed] < window.end]
        else:
            clauses += [table.c.window_start >= window.start, table.c.window_end <= window.end]
        if shard:
            subject = table.c["subject_id" if "subject_id" in table.c else "series_id"]
            clauses.append(in_shard(subject, *shard))
        self._connection.execute(sa.delete(table).where(*clauses))
        return transfer.insert(self._connection, table, stamped)

    def append(self, table: sa.Table, rows: Rows) -> int:
        """Append rows to a ledger; return their number."""
        _must_be(table, LEDGERS, "append")
        return transfer.insert(self._connection, table, conform(table, rows))

    def replace_quarantine(self, scope: Scope, rows: Rows) -> int:
        """Make the quarantined rows of a scope exactly these; return their number.

        The same row that a wider load of the query set apart is not kept twice.
        """
        self.take_turns("quarantine_row", scope.source, scope.query)
        whole = conform(quarantine_row, rows)
        self._connection.execute(sa.delete(quarantine_row).where(*_loaded_for(quarantine_row, scope)))
        if whole.num_rows:
            with transfer.staged(self._connection, quarantine_row, whole) as stage:
                again = sa.delete(quarantine_row).where(
                    quarantine_row.c.source == scope.source,
                    quarantine_row.c.dataset == scope.dataset,
                    quarantine_row.c.query == scope.query,
                    quarantine_row.c.window_start < scope.window.end,
                    quarantine_row.c.window_end > scope.window.start,
                    quarantine_row.c.raw.in_(sa.select(stage.c.raw)),
                )
                self._connection.execute(again)
        return transfer.insert(self._connection, quarantine_row, whole)

    def replace_dimension(self, table: sa.Table, rows: Rows) -> int:
        """Make a dimension exactly these rows; return how many were added, changed or removed."""
        _must_be(table, DIMENSIONS, "replace_dimension")
        self.take_turns(table.name)
        whole = conform(table, rows)
        with transfer.staged(self._connection, table, whole) as stage:
            same = [stage.c[column.name] == column for column in table.primary_key]
            gone = sa.delete(table).where(~sa.exists().where(*same))
            removed = self._connection.execute(gone).rowcount
        return removed + self._merge(table, whole, [])

    def merge_series(self, rows: Rows) -> int:
        """Add series and refresh known ones, whose first and last sight only widen; return how many changed."""
        return self._merge(series, rows, [], widen=_SEEN)

    def merge_aliases(self, rows: Rows) -> int:
        """Add names by which sources call services, and widen when known ones were seen; return how many changed.

        A known name keeps its service here: `resolve_again` gives it a new one together with all that carries it.
        """
        return self._merge(service_alias, rows, [], widen={**_SEEN, "service": _the_old})

    def merge_columns(self, rows: Rows) -> int:
        """Say what is known of a feed's columns now; return how many rows changed."""
        return self._merge(source_column, rows, [], widen=_SEEN)

    def merge_templates(self, rows: Rows) -> int:
        """Add log templates and widen when known ones were seen; return how many changed.

        The earliest line is the example, so it is the same in whatever order windows come.
        """
        kept = {"example": _of_the_earlier, "merged_into": _the_old}
        return self._merge(log_template, rows, [], widen={**_SEEN, **kept})

    def resolve_again(self, table: sa.Table, source: str, services: Mapping[str, str]) -> int:
        """Give what a source calls by an alias (`services`: alias → service) that service; return how many changed.

        Series and records carry the service of their alias as it was when they came; configuration may have changed.
        """
        called = table.c["alias" if table is service_alias else "service_alias"]
        changed = 0
        names, key = sorted(services.items()), list(table.primary_key)
        for first in range(0, len(names), _NAMES_AT_ONCE):
            now = sa.values(sa.column("alias", sa.Text), sa.column("service", sa.Text), name="now")
            now = now.data(names[first : first + _NAMES_AT_ONCE])
            mine = (table.c.source == source, called == now.c.alias, table.c.service != now.c.service)
            if key and not transfer.is_duckdb(self._connection):  # locked in the order of merges: no deadlock with one
                self._connection.execute(sa.select(*key).where(*mine).order_by(*key).with_for_update(of=table))
            moved = sa.update(table).where(*mine).values(service=now.c.service)
            changed += self._connection.execute(moved).rowcount
        return changed

    def expire(self, table: sa.Table, column: str, before: Any, *only: sa.ColumnElement[bool]) -> int:
        """Delete rows whose time is before a moment (retention), of those that meet all `only`; return how many."""
        return self._connection.execute(sa.delete(table).where(table.c[column] < before, *only)).rowcount

    def _merge(
        self, table: sa.Table, rows: Rows, version: list[str], widen: Mapping[str, Callable[..., Any]] | None = None
    ) -> int:
        whole = conform(table, rows)
        if not whole.num_rows:
            return 0
        key = [column.name for column in table.primary_key]
        with transfer.staged(self._connection, table, whole) as stage:
            newest: list[Any] = [stage.c[name].desc() for name in version] or [stage.c[name] for name in key]
            rank = sa.func.row_number().over(partition_by=[stage.c[name] for name in key], order_by=newest)
            ranked = sa.select(*stage.c, rank.label("rank")).subquery()
            one_each = (
                sa.select(*(ranked.c[name] for name in table.c.keys()))  # noqa: SIM118
                .where(ranked.c["rank"] == 1)
                .order_by(*(ranked.c[name] for name in key))  # one order for all: no deadlock between two merges
            )
            statement = upsert(table).from_select(list(table.c.keys()), one_each)
            new = statement.excluded
            values = {name: new[name] for name in table.c.keys() if name not in key}  # noqa: SIM118
            for name, wider in (widen or {}).items():
                values[name] = wider(table.c[name], new[name])
            differs = sa.or_(
                *(
                    _comparable(values[n]).is_distinct_from(_comparable(table.c[n]))
                    for n in values
                    if n not in version[1:]
                )
            )
            newer = (
                [sa.tuple_(*(new[n] for n in version)) > sa.tuple_(*(table.c[n] for n in version))] if version else []
            )
            merged = statement.on_conflict_do_update(index_elements=key, set_=values, where=sa.and_(differs, *newer))
            return self._connection.execute(merged, execution_options={"preserve_rowcount": True}).rowcount


def _the_old(old: sa.ColumnElement[Any], _new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return old


def _of_the_earlier(old: sa.Column[Any], new: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return the value of the row that was seen first; of two at once the first by text."""
    now, then = new.table.c.first_seen, old.table.c.first_seen
    return sa.case((sa.or_(now < then, sa.and_(now == then, new < old)), new), else_=old)


def rows_of(table: sa.Table, scope: Scope) -> Iterable[sa.ColumnElement[bool]]:
    """Return the conditions that pick a scope's rows of a table of facts."""
    within = (table.c.ts >= scope.window.start, table.c.ts < scope.window.end)
    if table is not metric_point:
        return (*within, table.c.source == scope.source, table.c.query == scope.query)
    own = sa.select(series.c.series_id).where(series.c.source == scope.source, series.c.query == scope.query)
    return (*within, metric_point.c.series_id.in_(own))


def in_shard(identity: sa.ColumnElement[int], shard: int, shards: int) -> sa.ColumnElement[bool]:
    """Return the condition that an id is in a shard: `window.shard_of` in SQL, for every 64-bit integer."""
    return sa.func.abs(identity % sa.literal(shards)) == shard  # abs last: that of the smallest integer overflows


def _by_day(rows: pa.Table) -> pa.Table:
    """Return rows with days in order, otherwise as given: whole blocks of storage can be skipped by time then."""
    day = rows["ts"].cast(pa.int64()).to_numpy() // 86_400_000_000
    if len(day) == 0 or bool(np.all(day[:-1] <= day[1:])):
        return rows
    return rows.take(np.argsort((day - day.min()).astype(np.int16), kind="stable"))  # 16 bits: radix sort


def _loaded_for(table: sa.Table, scope: Scope) -> Iterable[sa.ColumnElement[bool]]:
    """Rows of a load ledger that a load of this scope supersedes: those of windows inside its own."""
    return (
        table.c.source == scope.source,
        table.c.dataset == scope.dataset,
        table.c.query == scope.query,
        table.c.window_start >= scope.window.start,
        table.c.window_end <= scope.window.end,
    )


def _comparable(value: Any) -> Any:
    return sa.cast(value, sa.Text) if isinstance(value.type, sa.JSON) else value


def _stamp(rows: Rows, producer: str, window: Window, run_id: str) -> pa.Table | pd.DataFrame | list[dict[str, Any]]:
    stamps: dict[str, Any] = {
        "producer": producer,
        "window_start": window.start,
        "window_end": window.end,
        "run_id": run_id,
    }
    if isinstance(rows, pd.DataFrame):
        return rows.assign(**{name: value for name, value in stamps.items() if name not in rows.columns})
    if not isinstance(rows, pa.Table):
        return [{**stamps, **row} for row in rows]
    for name, value in stamps.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _must_be(table: sa.Table, kinds: Iterable[sa.Table], way: str) -> None:
    if table not in tuple(kinds):
        names = ", ".join(other.name for other in kinds)
        raise WrongWayError(f"{table.name} is not written by {way}, which is for {names}.")
