"""Options of a webhook: who delivers, how deliveries are let in, and how a generic delivery is laid out."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from include.config.values import Model, PositiveDuration, Text

Provider = Literal["alertmanager", "grafana", "pagerduty", "datadog", "generic"]


class WebhookOptions(Model):
    """Who delivers to a source, and how much is let in."""

    provider: Provider = Field(description="who delivers: alertmanager, grafana, pagerduty, datadog or generic")
    body_limit_mebibytes: int = Field(default=1, ge=1, le=10, description="largest single delivery")
    per_minute: int = Field(default=300, ge=1, le=1000, description="deliveries a minute; beyond, 429 with Retry-After")
    tolerance: PositiveDuration = Field(
        default=timedelta(minutes=5), description="how old or how far ahead the time of a signature may be"
    )
    timestamp_header: Text | None = Field(
        default=None,
        description="for grafana: the Timestamp Header of its HMAC settings; null: it signs the body alone",
    )
    delivery_id: Text | None = Field(
        default=None, description="for generic: where the delivery's own id stands, such as event.id"
    )

    @model_validator(mode="after")
    def _each_option_has_its_provider(self) -> Self:
        for name, provider in (("timestamp_header", "grafana"), ("delivery_id", "generic")):
            if getattr(self, name) is not None and self.provider != provider:
                raise ValueError(f"no {name} with provider {self.provider}: it is for {provider}")
        return self


class WebhookFeed(Model):
    """How deliveries become rows; only `defaults` concerns providers other than generic."""

    defaults: dict[str, Text] = Field(
        default_factory=dict, description="column → text where a delivery says nothing, such as severity: warning"
    )
    records: Text | None = Field(default=None, description="for generic: where the records stand, such as data.alerts")
    columns: dict[str, Text] = Field(
        default_factory=dict, description="for generic: column → where it stands in a record; else its own name"
    )
    words: dict[str, dict[str, Text]] = Field(
        default_factory=dict,
        description="for generic: column → the sender's word → ours, such as status: {ok: resolved}",
    )
    time_unit: Literal["iso", "s", "ms", "us", "ns"] = Field(
        default="iso", description="for generic: iso is text; else a number since 1970"
    )
