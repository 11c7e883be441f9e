"""One objective of one SLO: how many of the events must be good, and over which period."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

from include.errors import AlmanacError
from include.slo.period import Period


class SloError(AlmanacError):
    """An objective that cannot be counted."""


class Method(StrEnum):
    """OpenSLO's budgeting methods: share of good events, of good slices, or the mean share of the slices."""

    OCCURRENCES = "Occurrences"
    TIMESLICES = "Timeslices"
    RATIO_TIMESLICES = "RatioTimeslices"


def exact(number: float | Fraction) -> Fraction:
    """Return the decimal number that a person wrote, exactly: 0.999 is 999/1000, not its nearest binary fraction.

    >>> exact(99.9 / 100), exact(0.9995)
    (Fraction(999, 1000), Fraction(1999, 2000))
    """
    return number if isinstance(number, Fraction) else Fraction(number).limit_denominator(10**9)


@dataclass(frozen=True)
class Objective:
    """One objective. `target` and `slice_target` are ratios 0..1, kept as exact fractions.

    Slices of `slice_width` start at the epoch and are good from `slice_target` on; `step` is the distance of the
    indicator's samples, for the coverage.
    """

    slo: str
    name: str
    service: str
    target: Fraction
    period: Period
    method: Method = Method.OCCURRENCES
    slice_width: timedelta = field(default=timedelta(minutes=1))
    slice_target: Fraction = Fraction(1)
    owner: str | None = None
    step: timedelta = field(default=timedelta(minutes=1))

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", exact(self.target))
        object.__setattr__(self, "slice_target", exact(self.slice_target))
        where = f"Objective {self.name} of SLO {self.slo}"
        if not 0 <= self.target < 1:
            raise SloError(f"{where} has the target {float(self.target)}, which leaves no budget. Give one in [0, 1).")
        if self.slice_width < timedelta(minutes=1) or self.slice_width % timedelta(minutes=1):
            raise SloError(f"{where} has slices of {self.slice_width}. Counts are by minute: give whole minutes.")

    @property
    def allowed(self) -> Fraction:
        """Share of bad that the target allows, exactly."""
        return 1 - self.target
