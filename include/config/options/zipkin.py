"""What only a feed of Zipkin knows."""

from datetime import timedelta

from pydantic import Field

from include.config.values import Duration, Model


class ZipkinFeed(Model):
    """Options of a feed of spans from Zipkin."""

    limit: int = Field(default=500, ge=1, le=100_000, description="most traces that one search may bring")
    longest_trace: Duration = Field(
        default=timedelta(minutes=10),
        description="Zipkin finds a trace by its beginning: so far before a window is searched",
    )
