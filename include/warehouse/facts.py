"""What a load of facts writes: rows of one or more tables, the dimensions that they refer to, and what was set apart.

Points become series and points, lines become events, exact counts and templates, spans stay spans. Services are
resolved here, once for each name that a source uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from include.config.logs import LogRules
from include.datasets import LOG_EVENT, METRIC_POINT, SPAN, Scope
from include.errors import AlmanacError
from include.warehouse.schema import log_event, log_summary, metric_point, span
from include.warehouse.series import Meaning, Resolve, identify
from include.warehouse.write import Transaction, rows_of
from include.window import WindowError

NOTHING_APART = pa.schema([("rule", pa.string()), ("raw", pa.string())]).empty_table()


LONGEST_ALIAS = 500
"""Characters of a name that is remembered: a longer one is no name, and no index of a database takes kilobytes."""


class MeaningMissingError(AlmanacError):
    """A load that does not say what its rows mean."""


@dataclass(frozen=True)
class Facts:
    """Rows by table, the first of which says how much the scope holds.

    `size` counts what the rows stand for (points, lines, spans); `refer` writes the dimensions that they refer to.
    """

    tables: Mapping[sa.Table, pa.Table]
    size: int
    refer: Callable[[Transaction], object]
    apart: pa.Table = field(default_factory=lambda: NOTHING_APART)

    def present(self, tx: Transaction, scope: Scope) -> int:
        """Return how many points, lines or spans of the scope are in place."""
        table = next(iter(self.tables))
        count = sa.func.sum(table.c.lines) if table is log_summary else sa.func.count()
        found = tx.read(sa.select(count.label("n")).select_from(table).where(*rows_of(table, scope)))["n"][0].as_py()
        return int(found or 0)


def prepare(scope: Scope, good: pa.Table, resolve: Resolve, meaning: Meaning | LogRules | None) -> Facts:
    """Return what a load of these good rows writes.

    `meaning` is the query's for points and the rules of logs for lines. Raises `MeaningMissingError` without it, and
    `WindowError` where lines are of a window that cuts a minute.
    """
    if scope.dataset == METRIC_POINT.name and isinstance(meaning, Meaning):
        return _points(scope, good, resolve, meaning)
    if scope.dataset == LOG_EVENT.name and isinstance(meaning, LogRules):
        return _lines(scope, good, resolve, meaning)
    if scope.dataset == SPAN.name:
        return _spans(scope, good, resolve)
    raise MeaningMissingError(f"Rows of {scope} cannot load without what they mean. Give `meaning`.")


def _points(scope: Scope, good: pa.Table, resolve: Resolve, meaning: Meaning) -> Facts:
    identified = identify(scope, good, meaning, resolve)
    return Facts(
        {metric_point: identified.points},
        identified.points.num_rows,
        lambda tx: tx.merge_series(identified.series),
        identified.collisions,
    )


def _lines(scope: Scope, good: pa.Table, resolve: Resolve, rules: LogRules) -> Facts:
    from include.parse.pipeline import digest

    if any(moment.second or moment.microsecond for moment in (scope.window.start, scope.window.end)):
        raise WindowError(
            f"{scope} does not begin and end on a minute, but lines are counted by the minute. Give whole minutes."
        )
    found = digest(good, resolve=resolve, rules=rules)
    aliases = _aliases(scope, found.summary)
    templates = found.templates.select(["template_id", "template", "example", "first_seen", "last_seen"])
    templates = templates.append_column("merged_into", pa.nulls(templates.num_rows, pa.int64()))

    def refer(tx: Transaction) -> None:
        tx.merge_aliases(aliases)
        tx.merge_templates(templates)

    tables = {log_summary: _of(scope, found.summary), log_event: _of(scope, found.events)}
    return Facts(tables, good.num_rows, refer)


def _spans(scope: Scope, good: pa.Table, resolve: Resolve) -> Facts:
    alias = pc.fill_null(good["service"].cast(pa.string()), "")
    rows = good.drop_columns(["raw", "service"]).append_column("service_alias", alias)
    rows = rows.append_column("service", each(alias, resolve))
    for name in ("operation", "kind"):
        rows = rows.set_column(rows.column_names.index(name), name, good[name].cast(pa.string()))
    for name, absent in (("operation", ""), ("error", False)):
        rows = rows.set_column(rows.column_names.index(name), name, pc.fill_null(rows[name], absent))
    aliases = _aliases(scope, rows)
    return Facts({span: _of(scope, rows)}, rows.num_rows, lambda tx: tx.merge_aliases(aliases))


def each(words: pa.ChunkedArray, meaning: Callable[[str], str]) -> pa.Array:
    """Return the meaning of every word, asked once for each that differs."""
    encoded = words.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return pa.array([meaning(word) for word in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _of(scope: Scope, rows: pa.Table) -> pa.Table:
    """Return rows that name their source and query."""
    for name, value in (("source", scope.source), ("query", scope.query)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, pa.string()), rows.num_rows))
    return rows


def _aliases(scope: Scope, rows: pa.Table) -> pd.DataFrame:
    rows = rows.filter(pc.less_equal(pc.utf8_length(rows["service_alias"]), LONGEST_ALIAS))
    seen = rows.group_by(["service_alias", "service"]).aggregate([("ts", "min"), ("ts", "max")]).to_pandas()
    seen = seen.rename(columns={"service_alias": "alias", "ts_min": "first_seen", "ts_max": "last_seen"})
    return seen.assign(source=scope.source)
