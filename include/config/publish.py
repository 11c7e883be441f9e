"""Publishing: which findings go to a topic of a Kafka cluster; nothing does while there is no `publish.yaml`."""

from typing import Literal

from pydantic import Field

from include.config.options.kafka import KafkaBrokers, Topic
from include.config.values import Name


class Publish(KafkaBrokers):
    """`publish.yaml`: one topic for all findings; each message says what it is."""

    topic: Topic = Field(description="topic that findings are written to")
    connection: Name | None = Field(default=None, description="Airflow connection with the login")
    what: tuple[Literal["episode"], ...] = Field(default=("episode",), description="findings to publish: episode")
