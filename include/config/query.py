"""A metric query: what to ask a source, how its series are told apart, and what its numbers mean."""

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from include.config.drift import DriftPolicy
from include.config.values import Model, Name, PositiveDuration, Text, one_or_many

MetricKind = Literal[
    "latency", "traffic", "errors", "saturation", "usage", "limit", "efficiency", "business", "flag", "other"
]
BadDirection = Literal["up", "down", "both"]


def _whole_seconds(value: timedelta) -> timedelta:
    if value.total_seconds() % 1 or value > timedelta(days=1):
        raise ValueError("whole seconds, at most a day, such as 15s, 1m or 5m")
    return value


class MetricQuery(Model):
    """One query, as `queries.yaml` declares it; the same query may be asked of several sources."""

    name: Name
    sources: Annotated[tuple[Name, ...], BeforeValidator(one_or_many)] = Field(
        min_length=1, description="source or sources that answer it"
    )
    expr: Text = Field(description="PromQL; for type files and fleet the metric's name")
    kind: MetricKind = Field(description=f"one of {', '.join(get_args(MetricKind))}")
    unit: Annotated[str, Field(pattern=r"^[A-Za-z%][A-Za-z0-9%_/]*$", max_length=40)] = Field(
        description="seconds, ratio, bytes, bytes/s, requests, requests/s, count, EUR, …"
    )
    step: Annotated[PositiveDuration, AfterValidator(_whole_seconds)] = timedelta(minutes=1)
    service_label: Text = Field(default="job", description="label that names the service")
    identity_labels: tuple[Text, ...] | None = Field(
        default=None, description="labels that make a series what it is; null: all of them"
    )
    minimum: float | None = Field(default=0.0, description="smallest value that can be true; null: no bound")
    maximum: float | None = Field(default=None, description="largest value that can be true; null: no bound")
    drift: DriftPolicy = Field(default_factory=DriftPolicy, description="what happens when labels change")
    bad_direction: BadDirection = Field(default="both", description="which way is bad news: up, down or both")
    description: str = ""

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(f"minimum below maximum, not {self.minimum:g} and {self.maximum:g}")
        return self

    @property
    def step_seconds(self) -> int:
        """Seconds from one point to the next."""
        return int(self.step.total_seconds())

    @property
    def may_be_negative(self) -> bool:
        """Whether a value below zero can be true."""
        return self.minimum is None or self.minimum < 0
