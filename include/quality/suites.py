"""Great Expectations suites: one per dataset, each judging one row of numbers that sums a batch up.

GX takes 5 s to import and its suites 0.1 s to run whatever the batch holds; that is why rows are judged by our own
rules and GX never sees them. Suites are built once per process; limits come in as parameters of a run.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from include.datasets import ALERT, CHANGE_EVENT, FEEDBACK, INCIDENT, INCIDENT_CHANGE, LOG_EVENT, METRIC_POINT, SPAN
from include.quality.expectation import Expectation
from include.quality.summary import Summary
from include.quality.verdict import Level, QualityError, RuleResult


@dataclass(frozen=True)
class BatchRule:
    """One expectation of a batch: a number of its summary, the limits, and what it means when it is not kept.

    `least` and `most` are numbers, or the name of the parameter that holds the number.
    """

    name: str
    level: Level
    column: str
    least: float | str | None
    most: float | str | None
    says: str


TOLERANCE = BatchRule(
    "within_tolerance",
    Level.STOP,
    "over_tolerance",
    None,
    "tolerance",
    "rows that break their contract stay within the tolerance",
)
POINTS = (
    TOLERANCE,
    BatchRule(
        "same_unit", Level.STOP, "unit_factor", 1.0, 1.0, "series do not all jump by the same large factor at once"
    ),
    BatchRule("not_empty", Level.WARN, "rows", 1, None, "the window has rows"),
    BatchRule(
        "complete", Level.WARN, "completeness", "completeness", None, "points are there for the steps of the window"
    ),
    BatchRule("step_kept", Level.WARN, "completeness", None, 1.1, "points come no more often than the query's step"),
    BatchRule("series_there", Level.WARN, "missing_series", None, 0, "every series of the recent past is still there"),
    BatchRule("fresh", Level.WARN, "stale_steps", None, "stale_steps", "the newest point is near the window's end"),
    BatchRule("ordered", Level.WARN, "unordered_share", None, 0, "the points of a series come in order of time"),
    BatchRule("on_step", Level.WARN, "off_step_share", None, 0.01, "points lie on the step of their series"),
    BatchRule(
        "usual_size",
        Level.WARN,
        "unit_changed_share",
        None,
        0,
        "no series is 50 times its recent median or a 50th of it",
    ),
    BatchRule(
        "services_known", Level.WARN, "unresolved_share", None, 0, "every series names a service that is configured"
    ),
)
RECORDS = (
    TOLERANCE,
    BatchRule("keys_unique", Level.STOP, "duplicate_keys", None, 0, "no version of a record is left twice"),
    BatchRule(
        "services_known", Level.WARN, "unresolved_share", None, 0, "every record names a service that is configured"
    ),
)
FACTS = (
    TOLERANCE,
    BatchRule("not_empty", Level.WARN, "rows", 1, None, "the window has rows"),
    BatchRule("fresh", Level.WARN, "stale_minutes", None, "stale_minutes", "the newest row is near the window's end"),
    BatchRule(
        "services_known", Level.WARN, "unresolved_share", None, 0, "every row names a service that is configured"
    ),
)
LINES = (
    *FACTS,
    BatchRule("levels_said", Level.WARN, "unlevelled_share", None, 0.5, "most lines say how bad they are"),
)
SPANS = (
    *FACTS,
    BatchRule("durations_said", Level.WARN, "untimed_share", None, 0.05, "spans say how long they lasted"),
    BatchRule("parents_there", Level.WARN, "orphan_share", None, 0.05, "the parents of spans are there"),
)
SUITES = {
    METRIC_POINT.name: POINTS,
    ALERT.name: RECORDS,
    INCIDENT.name: RECORDS,
    INCIDENT_CHANGE.name: RECORDS,
    CHANGE_EVENT.name: RECORDS,
    FEEDBACK.name: RECORDS,
    LOG_EVENT.name: LINES,
    SPAN.name: SPANS,
}
"""Which batch rules stop a load and which only warn; docs/data-quality.md explains each."""


def judge_summary(dataset: str, summary: Summary, expectation: Expectation) -> list[RuleResult]:
    """Return one result per batch rule of the dataset; a number that is None passes, for nothing is known against it.

    Raises `QualityError` where Great Expectations itself fails: to it that looks like an expectation not met.
    """
    import pandas as pd

    parameters: dict[str, float] = {
        "tolerance": expectation.tolerance,
        "completeness": expectation.completeness,
        "stale_steps": expectation.stale_steps,
        "stale_minutes": expectation.stale_minutes,
    }
    frame = pd.DataFrame({name: [number] for name, number in summary.items()}, dtype="float64")
    answer = _validation(dataset).run(
        batch_parameters={"dataframe": frame}, expectation_parameters=parameters, result_format="BOOLEAN_ONLY"
    )
    results = {result.expectation_config.meta["rule"]: result for result in answer.results}
    return [_result(rule, results[rule.name], summary, parameters) for rule in SUITES[dataset]]


def _result(rule: BatchRule, answer: Any, summary: Summary, parameters: Mapping[str, float]) -> RuleResult:
    info = answer.exception_info or {}
    failures = [info] if "raised_exception" in info else list(info.values())
    raised = [failure for failure in failures if failure.get("raised_exception")]
    if raised:
        raise QualityError(
            f"Great Expectations could not judge {rule.name}: {raised[0].get('exception_message')}. "
            "This is a fault of the platform, not of the data: report it with the versions in requirements.txt."
        )
    return RuleResult(
        rule=rule.name,
        level=rule.level,
        success=bool(answer.success),
        observed=summary[rule.column],
        expected=_expected(rule, parameters),
        message=None if answer.success else f"not true that {rule.says}: {rule.column} is {summary[rule.column]:.4g}",
    )


def _expected(rule: BatchRule, parameters: Mapping[str, float]) -> str:
    least, most = (_limit(bound, parameters) for bound in (rule.least, rule.most))
    if least is not None and most is not None:
        return f"{least:g} to {most:g}" if least != most else f"{least:g}"
    return f"at least {least:g}" if least is not None else f"at most {most:g}"


def _limit(bound: float | str | None, parameters: Mapping[str, float]) -> float | None:
    return parameters[bound] if isinstance(bound, str) else bound


@cache
def _validation(dataset: str) -> Any:
    """Build the dataset's suite, once per process."""
    gx = _quiet()
    from great_expectations import expectations as gxe

    context = _context()
    batch = context.data_sources.get("summary").get_asset("batch").get_batch_definition("whole")
    suite = gx.ExpectationSuite(
        name=dataset,
        expectations=[
            gxe.ExpectColumnValuesToBeBetween(
                column=rule.column,
                min_value=_parameter(rule.least),
                max_value=_parameter(rule.most),
                meta={"rule": rule.name, "level": rule.level.value},
            )
            for rule in SUITES[dataset]
        ],
    )
    context.suites.add(suite)
    definition = gx.ValidationDefinition(name=dataset, data=batch, suite=suite)
    return context.validation_definitions.add(definition)


@cache
def _context() -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = _quiet().get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.data_sources.add_pandas("summary").add_dataframe_asset("batch").add_batch_definition_whole_dataframe(
        "whole"
    )
    return context


def _quiet() -> Any:
    """Import Great Expectations so that it reports to nobody: it reads this variable when it is imported."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    from tqdm import tqdm  # type: ignore[import-untyped]

    tqdm.monitor_interval = 0  # a hidden progress bar would leave a thread behind, which a fork does not survive
    import great_expectations as gx

    return gx


def _parameter(bound: float | str | None) -> float | dict[str, str] | None:
    return {"$PARAMETER": bound} if isinstance(bound, str) else bound
