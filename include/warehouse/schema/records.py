"""Records: alerts, incidents and their history, changes, feedback; merged by key, the newest version wins."""

from sqlalchemy import Table

from include.warehouse.schema.columns import metadata, record_columns, text, time

alert = Table(
    "alert",
    metadata,
    text("source", key=True),
    text("alert_id", key=True),
    text("fingerprint"),
    text("name"),
    text("service"),
    text("service_alias"),
    text("severity"),
    text("status"),
    time("starts_at"),
    time("ends_at", nullable=True),
    text("summary", nullable=True),
    text("labels", nullable=True),
    text("url", nullable=True),
    *record_columns(),
)

incident = Table(
    "incident",
    metadata,
    text("source", key=True),
    text("incident_id", key=True),
    text("title"),
    text("service"),
    text("service_alias"),
    text("severity"),
    text("status"),
    time("opened_at"),
    time("acknowledged_at", nullable=True),
    time("resolved_at", nullable=True),
    text("cause", nullable=True),
    text("outcome", nullable=True),
    text("labels", nullable=True),
    text("url", nullable=True),
    *record_columns(),
)

change_event = Table(
    "change_event",
    metadata,
    text("source", key=True),
    text("change_id", key=True),
    text("kind"),
    text("service"),
    text("service_alias"),
    text("title"),
    text("version", nullable=True),
    time("started_at"),
    time("ended_at", nullable=True),
    text("labels", nullable=True),
    text("url", nullable=True),
    *record_columns(),
)

incident_change = Table(
    "incident_change",
    metadata,
    text("source", key=True),
    text("change_id", key=True),
    text("incident_id"),
    text("field"),
    text("before", nullable=True),
    text("after", nullable=True),
    text("actor", nullable=True),
    text("summary", nullable=True),
    *record_columns(),
)

feedback = Table(
    "feedback",
    metadata,
    text("source", key=True),
    text("feedback_id", key=True),
    text("subject_kind"),
    text("subject_id"),
    text("service"),
    text("service_alias"),
    time("first_ts", nullable=True),
    time("last_ts", nullable=True),
    text("verdict"),
    text("comment", nullable=True),
    text("person", nullable=True),
    time("created_at"),
    *record_columns(),
)
