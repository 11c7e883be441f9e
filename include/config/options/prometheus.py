"""Options of type prometheus: which server speaks Prometheus' API there, and how far it may look back."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from include.config.values import Model, PositiveDuration


def _whole_seconds(value: timedelta) -> timedelta:
    if value.total_seconds() % 1:
        raise ValueError("whole seconds, such as 90s")
    return value


class PrometheusOptions(Model):
    """Keys below `options` of a source of type prometheus."""

    server: Literal["prometheus", "mimir", "thanos", "victoriametrics"] = Field(
        default="prometheus", description="which server it is; each is asked in its own words for a whole answer"
    )
    lookback: Annotated[PositiveDuration, AfterValidator(_whole_seconds)] | None = Field(
        default=None,
        description="oldest sample that may stand for a point; null: the query's step at VictoriaMetrics, else the"
        " server's own (5 minutes)",
    )
