"""What only a feed of PagerDuty knows."""

from pydantic import Field

from include.config.values import Model, Text


class PagerDutyFeed(Model):
    """Options of a feed of incidents or of their changes."""

    teams: tuple[Text, ...] = Field(default=(), description="ids of teams; empty: every team that the key may see")
    analytics: bool = Field(
        default=False, description="incident: add what PagerDuty's analytics measured, such as seconds_to_first_ack"
    )
    notifications: bool = Field(
        default=False, description="incident_change: also each message that was sent to somebody"
    )
