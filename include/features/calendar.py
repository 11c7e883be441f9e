"""Local time of every point, in its service's own time zone: quarter of the day, weekday, rest day, business hours.

Offsets of time zones are multiples of a quarter of an hour, so one small table per (zone, country) pair, one entry per
UTC quarter, answers for any number of points.
"""

from dataclasses import dataclass
from datetime import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features.panel import Longs, Panel

QUARTER = 900_000_000  # microseconds
# How one entry is packed: quarter of the day (7 bits), weekday (3), rest day (1), business hours (1).
WEEKDAY_SHIFT, REST_BIT, BUSINESS_BIT = 7, 1 << 10, 1 << 11


@dataclass(frozen=True)
class BusinessHours:
    """On which weekdays (Monday is 0) and between which local times people work."""

    days: frozenset[int] = frozenset(range(5))
    start: time = time(9)
    end: time = time(17)

    def __str__(self) -> str:
        return f"{','.join(map(str, sorted(self.days)))} {self.start:%H:%M} {self.end:%H:%M}"

    @classmethod
    def parse(cls, text: str) -> "BusinessHours":
        """Read what `str` wrote.

        >>> str(BusinessHours.parse("0,1,2,3,4 09:00 17:00"))
        '0,1,2,3,4 09:00 17:00'
        """
        days, start, end = text.split(" ")
        chosen = frozenset(int(day) for day in days.split(",") if day)
        return cls(chosen, time.fromisoformat(start), time.fromisoformat(end))


@dataclass(frozen=True)
class Calendar:
    """Packed local time per group of series with one (time zone, country): `table[group, (ts - origin) // QUARTER]`."""

    table: npt.NDArray[np.uint16]
    group: Longs
    origin: int

    @classmethod
    def of(cls, panel: Panel, series: pd.DataFrame, hours: BusinessHours | None = None) -> "Calendar":
        """Return the calendar that covers the panel; `series` has `time_zone` and `holidays` (country code or null)."""
        known = series.set_index("series_id").loc[panel.series_ids, ["time_zone", "holidays"]]
        countries = [country if isinstance(country, str) and country else None for country in known["holidays"]]
        pairs = list(zip(known["time_zone"], countries, strict=True))
        distinct = list(dict.fromkeys(pairs))
        place = {pair: index for index, pair in enumerate(distinct)}
        group = np.fromiter((place[pair] for pair in pairs), np.int64, len(pairs))
        low, high = (int(panel.ts.min()), int(panel.ts.max())) if len(panel) else (0, 0)
        origin = low // QUARTER * QUARTER
        quarters = pd.DatetimeIndex(np.arange(origin, high + 1, QUARTER).view("datetime64[us]")).tz_localize("UTC")
        rows = [_packed(quarters.tz_convert(zone), country, hours or BusinessHours()) for zone, country in distinct]
        table = np.vstack(rows) if rows else np.zeros((0, 0), np.uint16)
        return cls(table, group, origin)

    def packed(self, panel: Panel) -> npt.NDArray[np.uint16]:
        """Return the packed local time of each row of the panel."""
        packed: npt.NDArray[np.uint16] = self.table[
            self.group[panel.series_of_row], (panel.ts - self.origin) // QUARTER
        ]
        return packed


def _packed(local: pd.DatetimeIndex, country: str | None, hours: BusinessHours) -> Any:
    minutes = local.hour.to_numpy() * 60 + local.minute.to_numpy()
    weekday = local.weekday.to_numpy()
    rest = (weekday >= 5) | _public_holiday(local, country)
    start, end = (moment.hour * 60 + moment.minute for moment in (hours.start, hours.end))
    business = np.isin(weekday, list(hours.days)) & ~_public_holiday(local, country)
    business &= (minutes >= start) & (minutes < end)
    packed = minutes // 15 | weekday << WEEKDAY_SHIFT | rest * REST_BIT | business * BUSINESS_BIT
    return packed.astype(np.uint16)


def _public_holiday(local: pd.DatetimeIndex, country: str | None) -> npt.NDArray[np.bool_]:
    if country is None:
        return np.zeros(len(local), bool)
    import holidays

    days = pd.Series(local.date)
    off = holidays.country_holidays(country, years=range(local[0].year, local[-1].year + 1))
    return np.asarray(days.isin(list(off)), bool)
