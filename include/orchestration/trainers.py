"""Which step trains which registered model."""

from typing import Any

from include.orchestration.log_lines import train_log_lines
from include.orchestration.runtime import Runtime
from include.orchestration.train import train_model
from include.window import Window
from models.registry import LOG_LINES


def train_any(rt: Runtime, window: Window, model: str, days: int) -> dict[str, Any]:
    """Train one of the anomaly models; return what `train_model` returns."""
    if model == LOG_LINES:
        return train_log_lines(rt, window, days)
    return train_model(rt, window, model, days)
