"""A resource limit: the value that a metric must not reach, fixed or itself a metric."""

from typing import Self

from pydantic import Field, model_validator

from include.config.values import Model, Name, Text


class ResourceLimit(Model):
    """One limit, as `limits.yaml` declares it. Where several fit a series, the most specific one counts."""

    name: Name
    query: Name = Field(description="metric query whose series fill up")
    resource: Text = Field(description="what runs out, in the words of a report: disk, memory, connections")
    service: Name | None = Field(default=None, description="only series of this service")
    match: dict[str, str] = Field(default_factory=dict, description="only series with these labels")
    value: float | None = Field(default=None, gt=0, description="fixed limit, in the query's unit")
    limit_query: Name | None = Field(default=None, description="metric query that holds the limit")
    on: tuple[Text, ...] | None = Field(
        default=None, description="labels by which a series finds its limit; null: the query's identity labels"
    )
    unit: str = Field(default="", description="the query's unit, if left out")

    @model_validator(mode="after")
    def _fixed_or_from_a_metric(self) -> Self:
        if (self.value is None) == (self.limit_query is None):
            raise ValueError("either value (a number) or limit_query (a metric query)")
        return self

    @property
    def specificity(self) -> int:
        """How narrowly the limit is drawn: a named service counts one, and so does each label."""
        return len(self.match) + (self.service is not None)
