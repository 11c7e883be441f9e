"""A service level objective as the platform computes it, read from an OpenSLO v1 document."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from include.config.values import Model

BudgetingMethod = Literal["Occurrences", "Timeslices", "RatioTimeslices"]
Operator = Literal["lte", "gte", "lt", "gt"]
WindowUnit = Literal["m", "h", "d", "w", "M", "Q", "Y"]

_FIXED = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class SloMetric(Model):
    """Which series an indicator reads.

    With labels: all series of the query that carry them, whatever their service. Without: the series of the query that
    belong to the objective's service.
    """

    query: str
    labels: dict[str, str] = Field(default_factory=dict)


class RatioIndicator(Model):
    """Good (or bad) events of all events. `counter`: the series only grow and restart at zero."""

    total: SloMetric
    good: SloMetric | None = None
    bad: SloMetric | None = None
    counter: bool = False


class ThresholdIndicator(Model):
    """A value that each objective compares with its own."""

    metric: SloMetric


class Objective(Model):
    """One target. `target` and `time_slice_target` are ratios 0..1; `value` is in the metric's unit."""

    name: str
    target: float
    op: Operator | None = None
    value: float | None = None
    time_slice_target: float | None = None
    time_slice_window: timedelta | None = None


class TimeWindow(Model):
    """The period over which a budget is spent: rolling, or repeating from `start` in its own time zone."""

    count: int
    unit: WindowUnit
    is_rolling: bool
    start: datetime | None = None
    time_zone: str = "UTC"

    @property
    def duration(self) -> timedelta | None:
        """The period's length, or None for months, quarters and years, which differ."""
        return timedelta(seconds=self.count * _FIXED[self.unit]) if self.unit in _FIXED else None

    @property
    def text(self) -> str:
        """The period as OpenSLO writes it, such as `28d` or `1M`."""
        return f"{self.count}{self.unit}"


class Slo(Model):
    """One objective set of one service. `alerting_burn_rate` stands beside the multi-window policy, if set."""

    name: str
    service: str
    display_name: str = ""
    description: str = ""
    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    budgeting_method: BudgetingMethod
    time_window: TimeWindow
    indicator: RatioIndicator | ThresholdIndicator
    objectives: tuple[Objective, ...]
    alerting_burn_rate: float | None = None

    @property
    def queries(self) -> tuple[str, ...]:
        """Names of the metric queries that the indicator reads."""
        if isinstance(self.indicator, ThresholdIndicator):
            return (self.indicator.metric.query,)
        metrics = (self.indicator.good, self.indicator.bad, self.indicator.total)
        return tuple(metric.query for metric in metrics if metric is not None)
