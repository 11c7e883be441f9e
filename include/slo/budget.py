"""Error budget, burn rates and status from good and total, in exact fractions.

Formulas: Google, The Site Reliability Workbook, chapters 2 and 5; OpenSLO v1. Nothing is rounded before it is compared:
a burn rate of 14.44 is over a threshold of 14.4.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

from include.slo.tally import Tally

AT_RISK_FROM = Fraction(3, 4)
"""Share of the budget from which an objective is at risk."""
SLOWEST_THRESHOLD = Fraction(9, 10)
"""In a short period the slow pairs' thresholds fall far below 1, where a budget lasts: those pairs tell nothing."""


class Status(StrEnum):
    """State of an objective; the rule is `status_of`."""

    HEALTHY = "healthy"
    AT_RISK = "at_risk"
    BURNING = "burning"
    EXHAUSTED = "exhausted"
    NO_DATA = "no_data"


@dataclass(frozen=True)
class BurnWindow:
    """A pair of windows; both must burn faster than the threshold. `share` of the budget is gone after the long one."""

    long: timedelta
    short: timedelta
    share: Fraction
    severity: str

    def threshold(self, period: timedelta) -> Fraction:
        """Return the burn rate that uses the share within the long window: 14.4 for 2% in 1 h of 30 d."""
        return self.share * Fraction(period // timedelta(seconds=1), self.long // timedelta(seconds=1))


BURN_WINDOWS = (
    BurnWindow(timedelta(hours=1), timedelta(minutes=5), Fraction(2, 100), "page"),
    BurnWindow(timedelta(hours=6), timedelta(minutes=30), Fraction(5, 100), "page"),
    BurnWindow(timedelta(days=1), timedelta(hours=2), Fraction(10, 100), "ticket"),
    BurnWindow(timedelta(days=3), timedelta(hours=6), Fraction(10, 100), "ticket"),
)


@dataclass(frozen=True)
class Burn:
    """Burn rates of a pair of windows; a rate of 1 uses up the budget exactly at the end of the period."""

    window: BurnWindow
    long_rate: Fraction | None
    short_rate: Fraction | None
    threshold: Fraction

    @property
    def over_long(self) -> bool:
        """Whether the long window is over a threshold that tells something, whatever the short one says."""
        return self.threshold >= SLOWEST_THRESHOLD and self.long_rate is not None and self.long_rate > self.threshold

    @property
    def firing(self) -> bool:
        """Whether both windows are over the threshold: much was burnt, and it still burns."""
        return self.over_long and self.short_rate is not None and self.short_rate > self.threshold


@dataclass(frozen=True)
class Budget:
    """A period's budget, in minutes of the period. Without events `used` and what follows from it is None."""

    minutes: Fraction
    used_ratio: Fraction | None

    @property
    def used(self) -> Fraction | None:
        """Minutes used."""
        return None if self.used_ratio is None else self.used_ratio * self.minutes

    @property
    def remaining(self) -> Fraction | None:
        """Minutes left; negative when more was used than there is."""
        return None if self.used is None else self.minutes - self.used


def burn_rate(tally: Tally, allowed: Fraction) -> Fraction | None:
    """Return the share of bad as a multiple of the share allowed; None without events."""
    return None if tally.bad_ratio is None else tally.bad_ratio / allowed


def share_of_budget(rate: Fraction, over: timedelta, period: timedelta) -> Fraction:
    """Return the share of the budget that a burn rate uses in `over`: 14.4 over 1 h is 8.57% of 7 days'."""
    return rate * _minutes(over) / _minutes(period)


def budget_of(tally: Tally, allowed: Fraction, period: timedelta, elapsed: timedelta) -> Budget:
    """Return the budget of a period of which `elapsed` is over (all of it for a rolling period).

    What was not seen counts as what was seen; the coverage beside it says how much that is.
    """
    rate = burn_rate(tally, allowed)
    used = None if rate is None else share_of_budget(rate, elapsed, period)
    return Budget(minutes=allowed * _minutes(period), used_ratio=used)


def status_of(budget: Budget, burns: list[Burn]) -> Status:
    """Return the status, by the first rule that holds.

    No data: no event in the period. Exhausted: nothing of the budget remains. Burning: both windows of a pair are over
    its threshold. At risk: three quarters are used, or a long window is over its threshold though the short one is not
    (it burnt, and has stopped). Healthy: none of these.
    """
    if budget.used_ratio is None:
        return Status.NO_DATA
    if budget.used_ratio >= 1:
        return Status.EXHAUSTED
    if any(burn.firing for burn in burns):
        return Status.BURNING
    if budget.used_ratio >= AT_RISK_FROM or any(burn.over_long for burn in burns):
        return Status.AT_RISK
    return Status.HEALTHY


def _minutes(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(seconds=1), 60)
