"""Options of type datadog: which log indexes of it a feed reads."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from include.config.values import Model, Text, one_or_many


class DatadogFeed(Model):
    """Keys below `options` of a feed of type datadog."""

    indexes: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = Field(
        default=("*",), min_length=1, description="log indexes to search; * is all of them"
    )
    storage_tier: Literal["indexes", "online-archives", "flex"] = Field(
        default="indexes", description="where the log lines are kept"
    )
