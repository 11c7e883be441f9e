"""Rolling features over all series at once: in come points and the series dimension, out goes a matrix, row for row.

Everything is causal and stateless: a feature at `t` depends only on points within the last `LOOKBACK_STEPS` steps, so
the same point gets bit for bit the same features whatever window it is computed in. Read `panel.py` first (points of
many series as flat arrays), then `rolling.py` (the sixteen features) and `calendar.py` (local hours and rest days).
"""

from include.features.calendar import BusinessHours, Calendar
from include.features.panel import Panel, PanelError
from include.features.rolling import FEATURES, LOOKBACK_STEPS, feature_frame, rolling_features

__all__ = [
    "FEATURES",
    "LOOKBACK_STEPS",
    "BusinessHours",
    "Calendar",
    "Panel",
    "PanelError",
    "feature_frame",
    "rolling_features",
]
