"""One batch in, one verdict out: row rules first, then the batch as a whole."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from include.datasets import METRIC_POINT, Scope, dataset
from include.quality.drifting import judge_shape
from include.quality.expectation import Expectation
from include.quality.facts import RULES as FACT_RULES
from include.quality.facts import FactRule, broken_facts
from include.quality.points import RULES as POINT_RULES
from include.quality.points import Points, RowRule, broken_rules
from include.quality.raw import raw_points, raw_records
from include.quality.records import RULES as RECORD_RULES
from include.quality.records import RecordRule, broken_records
from include.quality.suites import judge_summary
from include.quality.summary import Summary, facts_summary, points_summary, records_summary, tolerance_summary
from include.quality.verdict import QUARANTINED, Level, QualityError, RuleResult, Verdict

Rule = RowRule | RecordRule | FactRule
EXAMPLE = 300
"""Characters of a bad row that an error quotes."""


def judge(scope: Scope, table: pa.Table, expectation: Expectation) -> Verdict:
    """Judge a landed table of `scope`: every row is good or quarantined, and `stop` says why nothing may be loaded.

    Raises `QualityError` where the table is not of the dataset's contract.
    """
    contract = dataset(scope.dataset).schema
    if not table.schema.equals(contract):
        raise QualityError(
            f"{scope}: the table has the columns {', '.join(table.schema.names)}, not those of the contract of "
            f"{scope.dataset} ({', '.join(contract.names)}, with their types). Land the window again from its source."
        )
    if scope.dataset == METRIC_POINT.name:
        return _judge_points(scope, table, expectation)
    if scope.dataset in FACT_RULES:
        return _judge_facts(scope, table, expectation)
    return _judge_records(scope, table, expectation)


def _judge_points(scope: Scope, table: pa.Table, expectation: Expectation) -> Verdict:
    points = Points.of(table)
    broken = broken_rules(points, scope, expectation)
    alive = None if broken is None else broken == 0
    good = table if alive is None else points.rows(alive)
    bad = np.array([], dtype=np.int64) if broken is None else np.flatnonzero(broken)
    quarantined = _quarantined(POINT_RULES, broken, bad, raw_points(points, bad) if len(bad) else None)
    results = _row_results(POINT_RULES, broken, len(table))
    return _verdict(scope, good, quarantined, results, points_summary(points, alive, scope, expectation), expectation)


def _judge_records(scope: Scope, table: pa.Table, expectation: Expectation) -> Verdict:
    broken = broken_records(table, scope, expectation)
    bad = np.flatnonzero(broken)
    good = table.filter(pa.array(broken == 0))
    quarantined = _quarantined(RECORD_RULES, broken, bad, raw_records(table.take(pa.array(bad))) if len(bad) else None)
    results = _row_results(RECORD_RULES, broken, len(table))
    return _verdict(scope, good, quarantined, results, records_summary(good, scope, expectation), expectation)


def _judge_facts(scope: Scope, table: pa.Table, expectation: Expectation) -> Verdict:
    broken = broken_facts(table, scope, expectation)
    rules, bad = FACT_RULES[scope.dataset], np.flatnonzero(broken)
    good = table.filter(pa.array(broken == 0)) if len(bad) else table
    quarantined = _quarantined(rules, broken, bad, raw_records(table.take(pa.array(bad))) if len(bad) else None)
    results = _row_results(rules, broken, len(table))
    return _verdict(scope, good, quarantined, results, facts_summary(good, scope, expectation), expectation)


def _quarantined(rules: Sequence[Rule], broken: np.ndarray | None, bad: np.ndarray, raw: pa.Array | None) -> pa.Table:
    if broken is None or raw is None:
        return QUARANTINED.empty_table()
    names = pa.array([rule.name for rule in rules]).take(pa.array(broken[bad] - 1))
    return pa.table([names, raw], schema=QUARANTINED)


def _row_results(rules: Sequence[Rule], broken: np.ndarray | None, rows: int) -> list[RuleResult]:
    counts = np.zeros(len(rules) + 1, np.int64) if broken is None else np.bincount(broken, minlength=len(rules) + 1)
    return [_row_result(rule, int(counts[at]), rows) for at, rule in enumerate(rules, start=1)]


def _verdict(
    scope: Scope,
    good: pa.Table,
    quarantined: pa.Table,
    row_results: list[RuleResult],
    summary: Summary,
    expectation: Expectation,
) -> Verdict:
    shape = judge_shape(scope, good, expectation.shape, expectation.drift)
    if (drifted := shape.broken != "").any():
        good, quarantined = _without(drifted, good, quarantined, shape.broken)
    row_results = [*row_results, *shape.results]
    rows = good.num_rows + quarantined.num_rows
    charged = sum(result.failed_rows for result in row_results if result.level is Level.QUARANTINE)
    whole = tolerance_summary(rows, charged, good.num_rows, expectation) | summary
    if expectation.allow_unit_change:
        whole["unit_factor"] = None
    results = [*row_results, *judge_summary(scope.dataset, whole, expectation)]
    stops = [shape.stop, _stop(scope, quarantined, results, whole, expectation)]
    stop = " ".join(said for said in stops if said) or None
    return Verdict(good, quarantined, results, stop, {} if stop else shape.learned)


def _without(
    drifted: np.ndarray, good: pa.Table, quarantined: pa.Table, broken: np.ndarray
) -> tuple[pa.Table, pa.Table]:
    """Return good rows without those that the policy on drift sets apart, and the quarantine with them."""
    rules = pa.array(broken[drifted].tolist(), pa.string())
    more = pa.table([rules, raw_records(_readable(good.filter(pa.array(drifted))))], schema=QUARANTINED)
    return good.filter(pa.array(~drifted)), pa.concat_tables([quarantined, more])


def _readable(rows: pa.Table) -> pa.Table:
    """Return rows without dictionaries, so that each stands for itself."""
    plain = [column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column for column in rows]
    return pa.table(plain, names=rows.column_names)


def _row_result(rule: Rule, failed: int, rows: int) -> RuleResult:
    return RuleResult(
        rule=rule.name,
        level=rule.level,
        success=failed == 0,
        observed=failed / rows if rows else 0.0,
        expected=rule.says,
        failed_rows=failed,
        message=f"{failed:,} of {rows:,} rows set apart" if failed else None,
    )


def _stop(
    scope: Scope,
    quarantined: pa.Table,
    results: Sequence[RuleResult],
    summary: Summary,
    expectation: Expectation,
) -> str | None:
    """Return why the load must stop, in sentences for a person: which rule, how many rows, where, what to do."""
    failed = {one.rule for one in results if one.level is Level.STOP and not one.success}
    said = []
    if "within_tolerance" in failed:
        broken = sorted((one for one in results if one.failed_rows), key=lambda one: -one.failed_rows)
        charged = [one for one in broken if one.level is Level.QUARANTINE]
        rows = sum(one.failed_rows for one in charged)
        rules = ", ".join(f"{one.rule} {one.failed_rows:,}" for one in charged)
        first = quarantined["rule"].index(charged[0].rule).as_py()
        said.append(
            f"{rows:,} of {int(summary['rows'] or 0):,} rows of {scope} break their "
            f"contract, more than the tolerated {expectation.tolerance:.0%}: {rules}. The first of {charged[0].rule} "
            f"is {quarantined['raw'][first].as_py()[:EXAMPLE]}. Correct the source, or the limits of {scope.query} in "
            "the configuration, and run the window again; it is landed, so no history is lost."
        )
    if "same_unit" in failed:
        said.append(
            f"{int(summary['unit_changed_series'] or 0):,} series of {scope} have changed by the same factor of about "
            f"{summary['unit_factor']:.4g} against their recent median, as if their unit had changed. Correct the unit "
            "where the metric is made or in its query; if the new values are right, run the window again with "
            "allow_unit_change."
        )
    if "keys_unique" in failed:
        said.append(f"{scope}: {summary['duplicate_keys']:.0f} records come twice after the newest was chosen.")
    return " ".join(said) or None
