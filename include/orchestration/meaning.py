"""What the configuration says of series, in the form that features and models take."""

import pandas as pd

from include.features import BusinessHours
from include.orchestration.runtime import Runtime
from include.warehouse import series_frame


def described_series(rt: Runtime, shard: int | None = None) -> pd.DataFrame:
    """Return the series of a shard (or all) with what the configuration says of their query."""
    series = series_frame(rt.warehouse, shard, rt.settings.shards if shard is not None else None)
    directions = {name: query.bad_direction for name, query in rt.config.queries.items()}
    return series.assign(bad_direction=series["query"].map(directions).fillna("both"), detector=_assigned(rt, series))


def _assigned(rt: Runtime, series: pd.DataFrame) -> pd.Series:
    """Return the detector that `detectors.yaml` assigns to each series; empty where the back-test chooses."""
    if not rt.config.detection.assign:
        return pd.Series("", index=series.index, dtype=object)
    labels = {name: service.labels for name, service in rt.config.services.items()}
    keys = series[["query", "service", "kind"]].astype(str)
    distinct = keys.drop_duplicates()
    found = [
        rt.config.detection.detector_of(query, service, kind, labels.get(service, {}))
        for query, service, kind in zip(distinct["query"], distinct["service"], distinct["kind"], strict=True)
    ]
    return keys.merge(distinct.assign(detector=found), how="left")["detector"].set_axis(series.index)


def business_hours(rt: Runtime) -> BusinessHours:
    """Return the configured business hours as features know them."""
    hours = rt.config.business_hours
    return BusinessHours(frozenset(hours.weekdays), hours.start, hours.end)
