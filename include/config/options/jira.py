"""Options of type jira: which fields of issues say what, for the fields that every site names for itself."""

from typing import Literal

from pydantic import Field

from include.config.values import Model, Text

Kind = Literal["deployment", "configuration", "scale", "other"]


class JiraFeed(Model):
    """Keys below `options` of a feed of type jira."""

    service_field: Text = Field(
        default="components", description="field that names the service, such as customfield_10050"
    )
    severity_field: Text = Field(default="priority", description="for incident: field with the severity")
    cause_field: Text | None = Field(
        default=None, description="for incident: field in which people say what they found"
    )
    kind: Kind = Field(default="other", description="for change_event: deployment, configuration, scale or other")
    started_field: Text = Field(default="created", description="for change_event: field with the start of the change")
    ended_field: Text = Field(default="resolutiondate", description="for change_event: field with its end")
