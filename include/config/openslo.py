"""The shape of OpenSLO v1 documents (github.com/OpenSLO/OpenSLO, specification v1), key by key."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from include.config.slo import BudgetingMethod, Operator
from include.config.values import Model, PositiveDuration, Text, TimeZone, one_or_many

API_VERSION = "openslo/v1"
BURN_RATE_ANNOTATION = "almanac/alerting-burn-rate"
_WINDOW = re.compile(r"([1-9][0-9]{0,5})([mhdwMQY])")


class Shape(Model):
    """A part of a document; its keys are written in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


def _window_duration(value: object) -> object:
    if not isinstance(value, str) or not _WINDOW.fullmatch(value):
        raise ValueError("a duration such as 28d, 4w, 1M, 1Q or 1Y")
    return value


def split_window(duration: str) -> tuple[int, str]:
    """Return count and unit of an OpenSLO duration.

    >>> split_window("28d")
    (28, 'd')
    """
    match = _WINDOW.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is not an OpenSLO duration")
    return int(match[1]), match[2]


class Metadata(Shape):
    """Name and labels of a document."""

    name: Text
    display_name: str = ""
    labels: dict[str, Annotated[tuple[str, ...], BeforeValidator(one_or_many)]] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class MetricSource(Shape):
    """Where a metric is asked for; `spec` depends on the type."""

    metric_source_ref: str | None = None
    type: str | None = None
    spec: dict[str, Any] = Field(description="for type Almanac: query, and optionally labels")


class Metric(Shape):
    """A metric of an indicator."""

    metric_source: MetricSource


class RatioMetric(Shape):
    """Good or bad events, and all of them; `raw` is a ratio that the metric already is."""

    counter: bool = False
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw_type: Literal["success", "failure"] | None = None
    raw: Metric | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.raw is None and (self.total is None or (self.good is None) == (self.bad is None)):
            raise ValueError("total, and either good or bad")
        return self


class SliSpec(Shape):
    """An indicator: a ratio, or a value to compare."""

    description: str = ""
    ratio_metric: RatioMetric | None = None
    threshold_metric: Metric | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.ratio_metric is None) == (self.threshold_metric is None):
            raise ValueError("either ratioMetric or thresholdMetric")
        return self


class InlineSli(Shape):
    """An indicator inside an SLO."""

    api_version: Literal["openslo/v1"] = "openslo/v1"
    kind: Literal["SLI"] = "SLI"
    metadata: Metadata
    spec: SliSpec


class ObjectiveSpec(Shape):
    """One target of an SLO."""

    display_name: str = ""
    op: Operator | None = None
    value: float | None = None
    target: float | None = Field(default=None, ge=0, lt=1, description="ratio, 0 up to but not including 1")
    target_percent: float | None = Field(default=None, ge=0, lt=100)
    time_slice_target: float | None = Field(default=None, gt=0, le=1)
    time_slice_window: PositiveDuration | None = None
    indicator: InlineSli | None = None
    indicator_ref: str | None = None
    composite_weight: float | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.target_percent is None):
            raise ValueError("either target (0.999) or targetPercent (99.9)")
        return self


class Calendar(Shape):
    """When the first period of a calendar-aligned window starts."""

    start_time: Text = Field(description="local time such as 2026-01-01 00:00:00")
    time_zone: TimeZone


class TimeWindowSpec(Shape):
    """The period of the budget."""

    duration: Annotated[str, BeforeValidator(_window_duration)]
    is_rolling: bool = True
    calendar: Calendar | None = None

    @model_validator(mode="after")
    def _rolling_or_calendar(self) -> Self:
        if not self.is_rolling and self.calendar is None:
            raise ValueError("calendar (startTime, timeZone) where isRolling is false")
        if self.is_rolling and self.calendar is not None:
            raise ValueError("isRolling: false where a calendar is given")
        if self.is_rolling and self.duration[-1] in "MQY":
            raise ValueError("a rolling window in m, h, d or w; months, quarters and years need a calendar")
        if timedelta(days=3660) < timedelta(days=split_window(self.duration)[0] * _DAYS[self.duration[-1]]):
            raise ValueError("a window of at most ten years")
        return self


_DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1, "w": 7, "M": 31, "Q": 92, "Y": 366}


class SloSpec(Shape):
    """An SLO."""

    description: str = ""
    service: Text
    indicator: InlineSli | None = None
    indicator_ref: str | None = None
    time_window: tuple[TimeWindowSpec, ...] = Field(min_length=1, max_length=1)
    budgeting_method: BudgetingMethod
    objectives: tuple[ObjectiveSpec, ...] = Field(min_length=1)
    alert_policies: tuple[Any, ...] = ()

    @model_validator(mode="after")
    def _one_indicator(self) -> Self:
        if any(item.indicator or item.indicator_ref or item.composite_weight for item in self.objectives):
            raise ValueError("one indicator for all objectives; composite SLOs are not supported")
        if (self.indicator is None) == (self.indicator_ref is None):
            raise ValueError("either indicator or indicatorRef")
        return self


class ServiceSpec(Shape):
    """A service, as OpenSLO knows it."""

    description: str = ""


class ConditionSpec(Shape):
    """When an alert fires."""

    kind: Literal["burnrate"]
    op: Operator | None = None
    threshold: float
    lookback_window: PositiveDuration
    alert_after: PositiveDuration | None = None


class AlertConditionSpec(Shape):
    """A burn rate, and how grave it is."""

    description: str = ""
    severity: Text
    condition: ConditionSpec


class AlertPolicySpec(Shape):
    """Which conditions alert whom."""

    description: str = ""
    alert_when_no_data: bool = False
    alert_when_breaching: bool = False
    alert_when_resolved: bool = False
    conditions: tuple[dict[str, Any], ...] = Field(min_length=1, max_length=1)
    notification_targets: tuple[dict[str, Any], ...] = ()


class TargetSpec(Shape):
    """Where an alert goes."""

    description: str = ""
    target: Text


class DataSourceSpec(Shape):
    """A system that holds metrics."""

    description: str = ""
    type: Text
    connection_details: Any = None


KINDS: dict[str, type[Shape]] = {
    "SLO": SloSpec,
    "SLI": SliSpec,
    "Service": ServiceSpec,
    "AlertPolicy": AlertPolicySpec,
    "AlertCondition": AlertConditionSpec,
    "AlertNotificationTarget": TargetSpec,
    "DataSource": DataSourceSpec,
}
