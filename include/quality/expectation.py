"""What is right for one scope: the limits that come from configuration and from the recent past of the query."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from include.config.drift import DriftPolicy
from include.quality.shape import Shape

UNRESOLVED = "unresolved:"
"""How a name begins that no service is known by."""
LONGEST_ID = 500
"""Characters of an id: a longer one is no id, and no index of a database takes kilobytes."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Limits for one batch; what is not known is None, and then not judged.

    For metric points: `minimum` and `maximum` are in the query's unit, both inclusive. `expected_series` is the number
    of series that were active lately, `recent_median` their usual values by canonical labels; a series named there
    keeps its place when the cap is reached. `service_label` is the label that names the service.
    """

    as_of: datetime
    """The present for this batch: the window's end and the source's lateness."""

    tolerance: float = 0.05
    """Share of rows (0..1) that may break their contract before the whole batch is stopped."""
    few: int = 10
    """So many broken rows never stop a batch that also has good ones: a share says little of a handful of alerts."""
    future_tolerance: timedelta = timedelta(minutes=5)
    """How far ahead of `as_of` another machine's clock may be."""
    oldest: timedelta = timedelta(days=5 * 365)
    """A time that lies further back than this before the window comes from a clock that is wrong."""
    resolve_service: Callable[[str], str] | None = None
    """Gives the service of a name as the source says it, or a text that starts with `unresolved:`."""

    shape: Shape = field(default_factory=lambda: MappingProxyType({}))
    """The columns that batches of this query had so far; nothing is judged against an empty one."""
    drift: DriftPolicy = field(default_factory=DriftPolicy)
    """What to do with columns that are new, of another type, or gone."""

    step_seconds: int = 60
    minimum: float | None = None
    maximum: float | None = None
    max_series: int = 20_000
    max_label_bytes: int = 4096
    expected_series: int | None = None
    recent_median: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    allow_unit_change: bool = False
    """Load values whose unit seems to have changed: somebody looked and they are right."""
    service_label: str | None = None
    completeness: float = 0.9
    """Share (0..1) of the expected points below which the batch is reported as incomplete."""
    step_tolerance: float = 0.1
    """How far off the query's step a point may be, as a share (0..1) of the step."""
    stale_minutes: float = 15.0
    """So long may lie between the newest line or span and the window's end before the batch counts as stale."""
    stale_steps: float = 5.0
    """So many steps may lie between the newest point and the window's end before the batch counts as stale."""
