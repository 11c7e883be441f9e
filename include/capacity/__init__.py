"""Capacity: hourly points of what can run out in, `capacity_status` and `forecast_point` out.

In: points `[series_id, ts, value]` and resources with their limits, or a reader of the warehouse and the configuration.
Out: an `Assessment`: state and advice per resource, an hourly forecast with a band, the probability before dates.
Read `assess` first, then `pool` (the forecast), `exhaustion` (when it runs out), `recommend` (the rule).
"""

from include.capacity.assess import Assessment, assess
from include.capacity.exhaustion import exhaustion
from include.capacity.model import CapacityForecast
from include.capacity.pool import Forecast, ForecastError, PoolSettings, forecast
from include.capacity.read import assess_configured

__all__ = [
    "Assessment",
    "CapacityForecast",
    "Forecast",
    "ForecastError",
    "PoolSettings",
    "assess",
    "assess_configured",
    "exhaustion",
    "forecast",
]
