"""What only Loki knows: how many lines it gives at once, and which labels name what."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from include.config.values import Model, Text, one_or_many

Labels = Annotated[tuple[Text, ...], BeforeValidator(one_or_many)]


class LokiOptions(Model):
    """Options of a source."""

    page: int = Field(
        default=5_000, ge=2, le=1_000_000, description="lines in one answer; Loki's max_entries_limit_per_query caps it"
    )


class LokiFeed(Model):
    """Options of a feed of log lines. Each names labels or structured metadata; the first that a line has counts."""

    service: Labels = Field(default=("service_name",), description="the service; after them the feed's service_labels")
    host: Labels = Field(
        default=("host", "hostname", "pod", "instance", "container"), description="machine, pod or container"
    )
    level: Labels = Field(default=("level", "severity", "detected_level"), description="level of the line")
    logger: Labels = Field(default=("logger", "filename"), description="logger, module or file that wrote it")
    trace_id: Labels = Field(default=("trace_id", "traceID", "traceid"), description="id of the trace")
    span_id: Labels = Field(default=("span_id", "spanID", "spanid"), description="id of the span")
