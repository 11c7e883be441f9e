"""What the configuration says of series, in the form that features and models take."""

import pandas as pd

from include.features import BusinessHours
from include.orchestration.runtime import Runtime
from include.warehouse import series_frame


def described_series(rt: Runtime, shard: int | None = None) -> pd.DataFrame:
    """Return the series of a shard (or all) with what the configuration says of their query."""
    series = series_frame(rt.warehouse, shard, rt.settings.shards if shard is not None else None)
    directions = {name: query.bad_direction for name, query in rt.config.queries.items()}
    return series.assign(bad_direction=series["query"].map(directions).fillna("both"))


def business_hours(rt: Runtime) -> BusinessHours:
    """Return the configured business hours as features know them."""
    hours = rt.config.business_hours
    return BusinessHours(frozenset(hours.weekdays), hours.start, hours.end)
