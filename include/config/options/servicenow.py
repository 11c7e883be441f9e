"""Options of type servicenow: which table a feed reads, and what the instance's own numbers mean."""

from typing import Literal

from pydantic import Field

from include.config.values import Model, Name, Text

Status = Literal["open", "acknowledged", "resolved"]
Kind = Literal["deployment", "configuration", "scale", "other"]


class ServiceNowFeed(Model):
    """Keys below `options` of a feed of type servicenow."""

    table: Name | None = Field(
        default=None, description="null: incident for incidents, change_request for changes; or a table that extends it"
    )
    states: dict[Text, Status] = Field(
        default_factory=dict,
        description="for incident: state number → open, acknowledged or resolved, beside the usual",
    )
    kinds: dict[Text, Kind] = Field(
        default_factory=dict,
        description="for change_event: category → deployment, configuration, scale or other; other where not named",
    )
