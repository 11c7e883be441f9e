"""Great Expectations: every suite builds, runs fast when warm, and a fault in it is no fault of the data."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.quality.suites import SUITES, judge_summary
from include.quality.summary import Summary
from include.quality.verdict import Level, QualityError
from tests.quality.batches import EXPECTATION

DOCS = Path(__file__).parent.parent.parent / "docs" / "data-quality.md"


def unknown(dataset: str) -> Summary:
    return dict.fromkeys((rule.column for rule in SUITES[dataset]), None)


@pytest.mark.parametrize("dataset", SUITES)
def test_what_is_not_known_is_not_held_against_a_batch(dataset: str) -> None:
    results = judge_summary(dataset, unknown(dataset), EXPECTATION)
    assert [result.rule for result in results] == [rule.name for rule in SUITES[dataset]]
    assert all(result.success for result in results)


def test_limits_come_from_the_expectation_of_each_run() -> None:
    summary = unknown("metric_point") | {"over_tolerance": 0.2, "completeness": 0.5}
    results = {result.rule: result for result in judge_summary("metric_point", summary, EXPECTATION)}
    assert results["within_tolerance"].success is False
    assert results["within_tolerance"].level is Level.STOP
    assert results["within_tolerance"].expected == "at most 0.05"
    assert results["complete"].message == (
        "not true that points are there for the steps of the window: completeness is 0.5"
    )
    from dataclasses import replace

    wider = replace(EXPECTATION, tolerance=0.3, completeness=0.4)
    assert all(result.success for result in judge_summary("metric_point", summary, wider))


def test_a_fault_of_great_expectations_is_raised_and_not_taken_for_bad_data() -> None:
    summary = unknown("metric_point")
    del summary["completeness"]
    with pytest.raises(QualityError, match="Great Expectations could not judge complete"):
        judge_summary("metric_point", summary, EXPECTATION)


def test_a_warm_validation_takes_a_fraction_of_a_second() -> None:
    judge_summary("metric_point", unknown("metric_point"), EXPECTATION)
    began = time.perf_counter()
    judge_summary("metric_point", unknown("metric_point"), EXPECTATION)
    assert time.perf_counter() - began < 1.5


def test_great_expectations_is_imported_only_where_a_batch_is_judged() -> None:
    code = "import sys, include.quality; print('great_expectations' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_the_page_on_data_quality_explains_every_rule() -> None:
    from include.quality.facts import RULES as FACTS
    from include.quality.points import RULES as POINTS
    from include.quality.records import RULES as RECORDS

    text = DOCS.read_text(encoding="utf-8")
    batch = {(rule.name, rule.level) for rules in SUITES.values() for rule in rules}
    rows = {(rule.name, rule.level) for rule in (*POINTS, *RECORDS, *FACTS["log_event"], *FACTS["span"])}
    assert [rule for rule in batch | rows if f"| `{rule[0]}` | {rule[1].value} |" not in text] == []
