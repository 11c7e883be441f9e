"""What only Splunk knows: how a token is sent, and which fields name what."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from include.config.values import Model, Text, one_or_many

Fields = Annotated[tuple[Text, ...], BeforeValidator(one_or_many)]


class SplunkOptions(Model):
    """Options of a source."""

    token: Literal["Bearer", "Splunk"] = Field(
        default="Bearer", description="Bearer: an authentication token; Splunk: a session key"
    )


class SplunkFeed(Model):
    """Options of a feed of log lines. Fields by name; the first that an event has counts."""

    message: Fields = Field(default=("_raw", "message"), min_length=1, description="the line")
    service: Fields = Field(
        default=("service.name", "service_name", "app"), description="the service; after them the feed's service_labels"
    )
    host: Fields = Field(default=("host",), description="machine, pod or container")
    level: Fields = Field(default=("log_level", "level", "severity"), description="level of the line")
    logger: Fields = Field(default=("logger", "component", "source"), description="logger, module or file")
    trace_id: Fields = Field(default=("trace_id", "traceId"), description="id of the trace")
    span_id: Fields = Field(default=("span_id", "spanId"), description="id of the span")
