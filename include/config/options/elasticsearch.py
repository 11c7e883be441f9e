"""What only Elasticsearch and OpenSearch know: which of the two it is, where lines are kept, which field is what."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.values import Model, PositiveDuration, Text, one_or_many

Fields = Annotated[tuple[Text, ...], BeforeValidator(one_or_many)]


def _pattern(value: str) -> str:
    if "/" in value and not value.startswith("<"):
        raise ValueError("an index, data stream, alias or pattern such as logs-*, without a slash")
    return value


class ElasticsearchOptions(Model):
    """Options of a source."""

    flavour: Literal["elasticsearch", "opensearch"] = Field(
        default="elasticsearch", description="elasticsearch (8 or later) or opensearch (2.4 or later)"
    )
    token: Literal["ApiKey", "Bearer"] = Field(default="ApiKey", description="how a token is sent: Authorization: …")
    page: int = Field(
        default=10_000, ge=1, le=10_000, description="documents in one answer; index.max_result_window caps it"
    )
    keep_alive: PositiveDuration = Field(
        default=timedelta(minutes=5), description="how long a point in time may wait for its next page"
    )


class ElasticsearchFeed(Model):
    """Options of a feed of log lines. Fields are dotted paths; the first that a document has counts."""

    index: Annotated[Text, AfterValidator(_pattern)] = Field(
        description="index, data stream, alias or pattern, several joined by commas"
    )
    time_field: Text = Field(default="@timestamp", description="field of type date or date_nanos with the line's time")
    tiebreaker: Text | None = Field(
        default=None, description="field that orders equal times; null: _shard_doc, with opensearch _id"
    )
    message: Fields = Field(
        default=("message", "event.original", "body.text", "body", "log", "msg"), min_length=1, description="the line"
    )
    service: Fields = Field(
        default=("service.name", "resource.attributes.service.name", "kubernetes.labels.app"),
        description="the service; after them the feed's service_labels",
    )
    host: Fields = Field(
        default=("host.name", "host.hostname", "kubernetes.pod.name", "hostname", "host"),
        description="machine, pod or container",
    )
    level: Fields = Field(default=("log.level", "level", "severity_text", "severity"), description="level of the line")
    logger: Fields = Field(default=("log.logger", "logger", "logger_name"), description="logger or module")
    trace_id: Fields = Field(default=("trace.id", "trace_id", "traceId"), description="id of the trace")
    span_id: Fields = Field(default=("span.id", "span_id", "spanId"), description="id of the span")
