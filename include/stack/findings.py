"""What the main job found, held against what was planted: pure functions over frames.

Only the terminal's summary and the smoke test ask; no task has the truth.
"""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from include.window import Window

AFTERWARDS = timedelta(minutes=15)
EARLY = timedelta(minutes=5)


@dataclass(frozen=True)
class Findings:
    """Faults found of those planted in a window, and false episodes per service and day."""

    planted: int
    found: int
    false_episodes: int
    service_days: float
    median_delay_minutes: float | None
    missed: list[str]

    @property
    def recall(self) -> float:
        """Share of the planted faults that were found, 0..1; 1 where none was planted."""
        return self.found / self.planted if self.planted else 1.0

    @property
    def false_per_service_day(self) -> float:
        """False episodes per service and day."""
        return self.false_episodes / self.service_days


def match(episodes: pd.DataFrame, faults: list[dict], window: Window, services: int) -> Findings:
    """Hold episodes `[service, first_ts, last_ts]` against planted faults.

    A fault counts as found when an episode on a service that it affected overlaps its time there, up to 15 minutes
    after its end. An episode is false when it overlaps no fault (nor its precursor) on its service.
    """
    within = [fault for fault in faults if pd.Timestamp(fault["start"]) in window]
    affected = pd.DataFrame(
        [
            {
                "fault": fault["id"],
                "kind": fault["kind"],
                "service": one["service"],
                "onset": pd.Timestamp(one["onset"]),
                "until": pd.Timestamp(one["end"]) + AFTERWARDS,
                "excused": min(pd.Timestamp(fault["precursor_start"] or one["onset"]), pd.Timestamp(one["onset"]))
                - EARLY,
                "start": pd.Timestamp(fault["start"]),
            }
            for fault in faults
            for one in fault["affected"]
        ],
        columns=["fault", "kind", "service", "onset", "until", "excused", "start"],
    ).astype(dict.fromkeys(("onset", "until", "excused", "start"), "datetime64[us, UTC]"))
    pairs = episodes.reset_index(names="episode").merge(affected, on="service")
    touching = pairs[(pairs["first_ts"] <= pairs["until"]) & (pairs["last_ts"] >= pairs["excused"])]
    hits = touching[touching["last_ts"] >= touching["onset"]]
    begun = hits["first_ts"].where(hits["first_ts"] > hits["start"], hits["start"])
    delays = ((begun - hits["start"]).dt.total_seconds() / 60).groupby(hits["fault"]).min()
    ids = {fault["id"]: fault["kind"] for fault in within}
    mine = delays[delays.index.isin(list(ids))]
    false = len(episodes) - touching["episode"].nunique()
    return Findings(
        planted=len(ids),
        found=len(mine),
        false_episodes=int(false),
        service_days=services * (window.duration / timedelta(days=1)),
        median_delay_minutes=float(mine.median()) if len(mine) else None,
        missed=sorted(f"{kind} ({fault})" for fault, kind in ids.items() if fault not in mine.index),
    )
