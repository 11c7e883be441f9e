"""What only a feed of Tempo knows."""

from typing import Literal

from pydantic import Field

from include.config.values import Model


class TempoFeed(Model):
    """Options of a feed of spans from Tempo."""

    accept_incomplete_search: bool = Field(
        default=False, description="read windows by Tempo's search although it may leave traces out"
    )
    api: Literal["v2", "v1"] = Field(default="v2", description="v1: for a Tempo without /api/v2/traces")
    limit: int = Field(default=500, ge=1, le=100_000, description="most traces that one search may bring")
