from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from include.config import ConfigError, load_config
from include.config.document import parse_documents
from include.config.slo import Objective, RatioIndicator, Slo, SloMetric, ThresholdIndicator
from include.config.slo_documents import SloFiles, parse_slos
from tests.config.folder import write_config

RATIO = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: cart-availability
  displayName: Carts
  labels: {team: [storefront, payments], env: prod}
  annotations: {almanac/alerting-burn-rate: "2.5"}
spec:
  service: cart
  indicator:
    metadata: {name: failed}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Almanac, spec: {query: errors, labels: {job: shop/cart}}}}
        total: {metricSource: {type: Almanac, spec: {query: requests}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - {targetPercent: 99.95}
    - {displayName: promise, target: 0.99}
"""
REFERRED = """
- apiVersion: openslo/v1
  kind: SLI
  metadata: {name: slow}
  spec: {thresholdMetric: {metricSource: {type: Almanac, spec: {query: latency_p95}}}}
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: cart-latency}
  spec:
    service: cart
    indicatorRef: slow
    timeWindow:
      - {duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 12:00:00, timeZone: America/New_York}}
    budgetingMethod: Timeslices
    objectives: [{op: lte, value: 0.5, target: 0.95, timeSliceWindow: 5m}]
"""


def read(text: str) -> SloFiles:
    documents, problems = parse_documents(text, "slos/a.yaml")
    assert problems == []
    return parse_slos(documents)


def slo(text: str) -> Slo:
    files = read(text)
    assert files.problems == []
    (found,) = files.slos.values()
    return found.value


def test_a_ratio_over_a_rolling_window_is_read_whole() -> None:
    found = slo(RATIO)
    assert found.indicator == RatioIndicator(
        counter=True,
        bad=SloMetric(query="errors", labels={"job": "shop/cart"}),
        total=SloMetric(query="requests"),
    )
    assert found.objectives == (Objective(name="99.95%", target=0.9995), Objective(name="promise", target=0.99))
    assert found.time_window.duration == timedelta(days=28)
    assert found.labels == {"team": ("storefront", "payments"), "env": ("prod",)}
    assert found.alerting_burn_rate == 2.5
    assert found.queries == ("errors", "requests")


def test_a_threshold_by_reference_over_calendar_months_is_read_whole() -> None:
    found = slo(REFERRED)
    assert found.indicator == ThresholdIndicator(metric=SloMetric(query="latency_p95"))
    assert found.budgeting_method == "Timeslices"
    assert found.time_window.duration is None
    assert found.time_window.text == "1M"
    assert found.time_window.start == datetime(2026, 1, 1, 12, tzinfo=ZoneInfo("America/New_York"))
    assert found.objectives[0].time_slice_window == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "old", "new", "key"),
    [
        (RATIO, "targetPercent: 99.95", "target: 99.95", "spec.objectives[0].target"),
        (RATIO, "target: 0.99", "target: 0.99, targetPercent: 99", "spec.objectives[1]"),
        (RATIO, "duration: 4w", "duration: 1M", "spec.timeWindow[0]"),
        (RATIO, "duration: 4w", "duration: 4 weeks", "spec.timeWindow[0].duration"),
        (RATIO, "isRolling: true", "isRolling: false", "spec.timeWindow[0]"),
        (RATIO, "Occurrences", "Occurences", "spec.budgetingMethod"),
        (RATIO, "Occurrences", "Timeslices", "spec.objectives[0].timeSliceWindow"),
        (RATIO, "bad: {", "worse: {", "spec.indicator.spec.ratioMetric.worse"),
        (RATIO, '"2.5"', '"fast"', "metadata.annotations.almanac/alerting-burn-rate"),
        (RATIO, "query: requests", "metric: requests", "spec.indicator.spec.ratioMetric.total.metricSource.spec.query"),
        (RATIO, "kind: SLO", "kind: SL0", "kind"),
        (RATIO, "{displayName: promise, target: 0.99}", "{target: 0.9995}", "spec.objectives[1]"),
        (REFERRED, "indicatorRef: slow", "indicatorRef: slw", "[1].spec.indicatorRef"),
        (REFERRED, "op: lte, ", "", "[1].spec.objectives[0]"),
        (REFERRED, "Timeslices", "RatioTimeslices", "[1].spec.budgetingMethod"),
        (REFERRED, "2026-01-01 12:00:00", "new year", "[1].spec.timeWindow[0].calendar.startTime"),
    ],
)
def test_what_is_wrong_in_a_document_is_told_at_its_key(text: str, old: str, new: str, key: str) -> None:
    assert old in text
    assert key in [problem.key for problem in read(text.replace(old, new)).problems]


def test_a_second_objective_set_of_the_same_name_is_refused() -> None:
    (problem,) = read(f"{RATIO}\n---\n{RATIO}").problems
    assert problem.found == "a second SLO called 'cart-availability'"


def test_services_and_queries_of_objectives_must_exist(tmp_path: Path) -> None:
    text = RATIO.replace("service: cart", "service: crt").replace("query: errors", "query: eror")
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(tmp_path, slos=text))
    assert [(problem.line, problem.found) for problem in caught.value.problems] == [(9, "'crt'"), (10, "'eror'")]
    assert len(load_config(write_config(tmp_path, slos=RATIO)).slos) == 1


@pytest.mark.needs("data")
@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("examples/services.yaml", []),
        ("examples/alert_policies.yaml", []),
        ("examples/alert_conditions.yaml", []),
        ("examples/alert_notification_targets.yaml", []),
        ("examples/data_sources.yaml", []),
        ("examples/slos.yaml", ["the metric source 'Prometheus', which is not supported"] * 2),
        (
            "examples/slis.yaml",
            [
                *["the metric source 'Datadog', which is not supported"] * 2,
                *["the metric source 'AppDynamics', which is not supported"] * 2,
                "a raw ratio",
                "the metric source 'Prometheus', which is not supported",
            ],
        ),
        ("validate/v1.yaml", ["the metric source 'Prometheus', which is not supported"] * 2),
        ("validate/v1alpha.yaml", ["'openslo/v1alpha'"] * 4),
        ("validate/v2alpha.yaml", ["'openslo.com/v2alpha'"] * 3),
        ("validate/invalid-apiversion.yaml", ["'foo'"]),
        ("validate/unknown-field.yaml", ["unknown key 'markdown'"]),
    ],
)
def test_openslo_documents_are_accepted_or_refused_with_the_reason(
    data_dir: Path, name: str, problems: list[str]
) -> None:
    text = (data_dir / "openslo" / name).read_text()
    assert [problem.found for problem in read(text).problems] == problems


@pytest.mark.needs("data")
def test_the_openslo_example_is_accepted_once_its_metrics_are_ours(data_dir: Path) -> None:
    text = (data_dir / "openslo" / "examples" / "slos.yaml").read_text()
    text = text.replace("type: Prometheus", "type: Almanac")
    found = slo(
        "\n".join(
            line if "query:" not in line else line.split("query:")[0] + "query: requests" for line in text.splitlines()
        )
    )
    assert found.objectives == (
        Objective(name="Good", target=0.995, op="gt", time_slice_target=0.95, time_slice_window=timedelta(minutes=1)),
    )
    assert found.time_window.start == datetime(2022, 1, 1, 12, tzinfo=ZoneInfo("America/New_York"))
