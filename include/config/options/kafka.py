"""Options of type kafka: where the brokers are, how they are spoken to, and which topic holds what."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.values import Model, Text, one_or_many

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value) or value in {".", ".."}:
        raise ValueError("a topic's name of letters, digits, . _ and -, at most 249")
    return value


Topic = Annotated[str, AfterValidator(_topic)]


class KafkaBrokers(Model):
    """How a cluster is reached; login and password are in the Airflow connection."""

    brokers: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = Field(
        min_length=1, description="brokers to ask first, such as kafka-1:9092"
    )
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext", description="plaintext, ssl, sasl_plaintext or sasl_ssl"
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="how a login is checked, with sasl_…"
    )


class KafkaOptions(KafkaBrokers):
    """Keys below `options` of a source; topic, format and time are those of metric queries."""

    topic: Topic | None = Field(
        default=None, description="topic that metric queries read; a query's expr selects in it"
    )
    format: Literal["json", "text"] = Field(default="json", description="json: an object per message; text: a line")
    time: Literal["message", "field"] = Field(
        default="message", description="message: the message's timestamp; field: the layout's time names the field"
    )
    accept_gaps: bool = Field(
        default=False, description="read on where messages are gone from the brokers, and only warn"
    )


class KafkaFeed(Model):
    """Keys below `options` of a feed."""

    topic: Topic = Field(description="topic to read")
    format: Literal["json", "text"] = Field(default="json", description="json: an object per message; text: a line")
    time: Literal["message", "field"] = Field(
        default="message", description="message: the message's timestamp; field: the layout's time names the field"
    )
