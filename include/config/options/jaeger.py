"""What only a feed of Jaeger knows."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from include.config.values import Duration, Model, Text


class JaegerFeed(Model):
    """Options of a feed of spans from Jaeger."""

    api: Literal["v3", "internal"] = Field(
        default="v3", description="v3: the stable API; internal: that of its user interface, which more systems speak"
    )
    services: tuple[Text, ...] = Field(
        default=(), description="services whose spans are read; empty: all that it names"
    )
    limit: int = Field(default=500, ge=1, le=100_000, description="most traces that one search may bring")
    longest_trace: Duration = Field(
        default=timedelta(0),
        description="0s: its store finds a trace by each of its spans; else by its beginning, searched for so far back",
    )
