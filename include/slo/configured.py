"""The configuration's OpenSLO objectives as objectives that can be computed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from include.config import Config
from include.config.slo import Objective as Spec
from include.config.slo import Operator, Slo, SloMetric, ThresholdIndicator, TimeWindow
from include.slo.objective import Method, Objective, SloError, exact
from include.slo.period import Calendar, Period, Rolling

_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_ROLLING_DAYS = {"M": 30, "Q": 90, "Y": 365}
"""A rolling month, quarter or year, which the calendar does not define."""


@dataclass(frozen=True)
class Configured:
    """An objective with what feeds it: all events and the good or the bad ones, or a metric and its threshold."""

    objective: Objective
    total: SloMetric
    part: SloMetric | None = None
    part_is_bad: bool = False
    counter: bool = False
    threshold: tuple[Operator, float] | None = None


def configured(config: Config, services: Iterable[str] | None = None) -> list[Configured]:
    """Return every objective of the configuration (of these services, if given), sorted by SLO and name."""
    wanted = None if services is None else set(services)
    slos = [slo for slo in config.slos if wanted is None or slo.service in wanted]
    found = [_objective(config, slo, spec) for slo in slos for spec in slo.objectives]
    return sorted(found, key=lambda item: (item.objective.slo, item.objective.name))


def _objective(config: Config, slo: Slo, spec: Spec) -> Configured:
    indicator = slo.indicator
    metric = indicator.metric if isinstance(indicator, ThresholdIndicator) else indicator.total
    service = config.services.get(slo.service)
    objective = Objective(
        slo=slo.name,
        name=spec.name,
        service=slo.service,
        owner=service.owner if service else None,
        target=exact(spec.target),
        period=period_of(slo.time_window),
        method=Method(slo.budgeting_method),
        slice_width=spec.time_slice_window or timedelta(minutes=1),
        slice_target=exact(1.0 if spec.time_slice_target is None else spec.time_slice_target),
        step=config.queries[metric.query].step,
    )
    if isinstance(indicator, ThresholdIndicator):
        if spec.op is None or spec.value is None:
            raise SloError(f"Objective {spec.name} of SLO {slo.name} has no op or no value. A threshold needs both.")
        return Configured(objective, metric, threshold=(spec.op, spec.value))
    part = indicator.good or indicator.bad
    return Configured(objective, metric, part, part_is_bad=indicator.good is None, counter=indicator.counter)


def period_of(window: TimeWindow) -> Period:
    """Return the period of an OpenSLO time window; a rolling month is 30 days, a quarter 90, a year 365."""
    if window.is_rolling:
        return Rolling(window.duration or timedelta(days=window.count * _ROLLING_DAYS[window.unit]))
    if window.start is None:
        raise SloError(f"The calendar window {window.text} has no start time. Give calendar.startTime.")
    start = window.start.astimezone(ZoneInfo(window.time_zone)).replace(tzinfo=None)
    if window.duration is not None:
        return Calendar(start, window.time_zone, width=window.duration)
    return Calendar(start, window.time_zone, months=window.count * _MONTHS[window.unit])
