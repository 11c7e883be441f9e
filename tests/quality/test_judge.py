"""What holds for any batch, however wild: no row is lost, and what is good breaks no rule."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from include.datasets import ALERT, canonical_labels
from include.quality import Expectation, judge
from include.quality.points import Points, broken_rules
from include.quality.records import broken_records
from tests.quality.batches import (
    AUTH,
    CART,
    EXPECTATION,
    FRAUD,
    LONG_AGO,
    SCOPE,
    at,
    event_scope,
    hour,
    points,
    records,
)

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example runs Great Expectations, so that shrinking one would take minutes."""
NUMBERS = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -1.0, 1.0, 5.0, 1e9]))
TIMES = st.one_of(st.none(), st.integers(-5, 70).map(at), st.sampled_from([LONG_AGO, at(0.5), at(10**7)]))
LABELS = st.one_of(
    st.none(),
    st.sampled_from([CART, AUTH, FRAUD, "", "{", '{"a":1}']),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2).map(canonical_labels),
)
ROWS = st.lists(st.tuples(TIMES, LABELS, NUMBERS, st.one_of(st.none(), st.just("raw text"))), max_size=40)
LIMITS = st.builds(
    lambda cap, step, least, most: replace(EXPECTATION, max_series=cap, step_seconds=step, minimum=least, maximum=most),
    st.integers(1, 4),
    st.sampled_from([15, 60, 300]),
    st.sampled_from([None, 0.0]),
    st.sampled_from([None, 5.0]),
)


@settings(max_examples=60, deadline=None, phases=NO_SHRINKING)
@given(ROWS, LIMITS)
def test_every_row_is_good_or_set_apart_and_good_rows_satisfy_every_rule(
    rows: list[tuple[Any, ...]], expectation: Expectation
) -> None:
    table = points(rows)
    verdict = judge(SCOPE, table, expectation)
    assert verdict.good.num_rows + verdict.quarantined.num_rows == len(rows)
    assert sum(result.failed_rows for result in verdict.results) == verdict.quarantined.num_rows
    assert verdict.quarantined["raw"].null_count == 0
    assert broken_rules(Points.of(verdict.good), SCOPE, expectation) is None
    good = verdict.good.to_pylist()
    assert len({(row["labels"], row["ts"]) for row in good}) == len(good)
    assert len({row["labels"] for row in good}) <= expectation.max_series
    assert all(row["ts"] in SCOPE.window and np.isfinite(row["value"]) and row["raw"] is None for row in good)
    assert all(expectation.minimum is None or row["value"] >= expectation.minimum for row in good)
    assert all(expectation.maximum is None or row["value"] <= expectation.maximum for row in good)


@settings(max_examples=40, deadline=None, phases=NO_SHRINKING)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "alert_id": st.sampled_from(["a1", "a2", "", None]),
                "severity": st.sampled_from(["critical", "spicy", None]),
                "starts_at": TIMES,
                "ends_at": TIMES,
                "updated_at": TIMES,
                "raw": st.one_of(st.none(), st.text(max_size=5)),
            },
        ),
        max_size=12,
    )
)
def test_every_alert_is_good_or_set_apart_and_good_alerts_satisfy_every_rule(changes: list[dict[str, Any]]) -> None:
    scope = event_scope("alert")
    verdict = judge(scope, records("alert", *changes) if changes else ALERT.empty(), EXPECTATION)
    assert verdict.rows == len(changes)
    assert not broken_records(verdict.good, scope, EXPECTATION).any()
    versions = [(row["alert_id"], row["updated_at"]) for row in verdict.good.to_pylist()]
    assert len(set(versions)) == len(versions)


def test_batches_with_several_dictionaries_are_judged_as_one() -> None:
    table = pa.concat_tables([points(hour(CART)), points(hour(AUTH)), points(hour(CART))])
    verdict = judge(SCOPE, table, EXPECTATION)
    assert (verdict.good.num_rows, verdict.quarantined.num_rows) == (120, 60)


def test_a_dictionary_that_names_a_series_twice_is_still_one_series() -> None:
    table = points(hour(CART))
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 30, pa.int32()), pa.array([CART, CART]))
    table = table.set_column(1, table.schema.field("labels"), twice)
    assert judge(SCOPE, pa.concat_tables([table, table]), EXPECTATION).good.num_rows == 60


@pytest.mark.parametrize("rows", [0, 1, 60])
def test_the_verdict_says_what_every_rule_found(rows: int) -> None:
    verdict = judge(SCOPE, points(hour()[:rows]), EXPECTATION)
    names = [result.rule for result in verdict.results]
    assert len(names) == len(set(names)) == 27
    assert all(result.expected for result in verdict.results)
