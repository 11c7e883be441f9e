"""The Arrow contract of every dataset: what a source yields, what lands, what quality judges, what the warehouse loads.

A source yields record batches of exactly these schemas. What it could not parse it does not drop: the typed column is
null and `raw` holds the row's own text, so that quality can quarantine it with a reason.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from include.errors import AlmanacError
from include.window import Window

UTC_TIME = pa.timestamp("us", tz="UTC")
LABELS = pa.dictionary(pa.int32(), pa.string())


class UnknownDatasetError(AlmanacError):
    """A dataset name that has no contract."""


class Kind(StrEnum):
    """How a dataset is written: facts replace their scope, records merge by key."""

    FACT = "fact"
    RECORD = "record"


@dataclass(frozen=True)
class Dataset:
    """One dataset: what a row is, its columns, the column that places a row in a window, and its unique key."""

    name: str
    doc: str
    kind: Kind
    schema: pa.Schema
    time: str
    key: tuple[str, ...]

    def empty(self) -> pa.Table:
        """Return a table of this contract without rows."""
        return self.schema.empty_table()


METRIC_POINT = Dataset(
    name="metric_point",
    doc="One value of one series at one time.",
    kind=Kind.FACT,
    time="ts",
    key=("labels", "ts"),
    schema=pa.schema(
        [
            pa.field("ts", UTC_TIME, metadata={"doc": "time of the sample"}),
            pa.field("labels", LABELS, metadata={"doc": "canonical JSON of the label set, see canonical_labels"}),
            pa.field("value", pa.float64(), metadata={"doc": "in the query's unit; null where raw is given"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a row that it could not parse"}),
        ]
    ),
)

ALERT = Dataset(
    name="alert",
    doc="One firing of one alert, as it is known at `updated_at`.",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "alert_id"),
    schema=pa.schema(
        [
            pa.field("alert_id", pa.string(), metadata={"doc": "one firing of one alert: fingerprint and start"}),
            pa.field("fingerprint", pa.string(), metadata={"doc": "identity of the alert over its firings"}),
            pa.field("name", pa.string(), metadata={"doc": "what fires: the name of its rule"}),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("severity", pa.string(), metadata={"doc": "as the source says it; the warehouse keeps ours"}),
            pa.field("status", pa.string(), metadata={"doc": "firing, resolved or suppressed"}),
            pa.field("starts_at", UTC_TIME, metadata={"doc": "when this firing began"}),
            pa.field("ends_at", UTC_TIME, metadata={"doc": "null while it fires"}),
            pa.field("summary", pa.string(), metadata={"doc": "what it says to people"}),
            pa.field("labels", pa.string(), metadata={"doc": "canonical JSON"}),
            pa.field("url", pa.string(), metadata={"doc": "where to look at it"}),
            pa.field("updated_at", UTC_TIME, metadata={"doc": "when it was last heard of, or changed"}),
            pa.field("deleted", pa.bool_(), metadata={"doc": "the source no longer has it"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a record that it could not read"}),
        ]
    ),
)

INCIDENT = Dataset(
    name="incident",
    doc="One incident, as it is known at `updated_at`.",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "incident_id"),
    schema=pa.schema(
        [
            pa.field("incident_id", pa.string(), metadata={"doc": "the source's id"}),
            pa.field("title", pa.string(), metadata={"doc": "what it is called"}),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("severity", pa.string(), metadata={"doc": "as the source says it; the warehouse keeps ours"}),
            pa.field("status", pa.string(), metadata={"doc": "open, acknowledged or resolved"}),
            pa.field("opened_at", UTC_TIME, metadata={"doc": "when it was opened"}),
            pa.field("acknowledged_at", UTC_TIME, metadata={"doc": "when somebody first took it; null: nobody yet"}),
            pa.field("resolved_at", UTC_TIME, metadata={"doc": "null while it lasts"}),
            pa.field("cause", pa.string(), metadata={"doc": "what people found, if they said"}),
            pa.field("outcome", pa.string(), metadata={"doc": "how it ended, if they said"}),
            pa.field("labels", pa.string(), metadata={"doc": "canonical JSON"}),
            pa.field("url", pa.string(), metadata={"doc": "where to look at it"}),
            pa.field("updated_at", UTC_TIME, metadata={"doc": "when this version of it came to be"}),
            pa.field("deleted", pa.bool_(), metadata={"doc": "the source no longer has it"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a record that it could not read"}),
        ]
    ),
)

CHANGE_EVENT = Dataset(
    name="change_event",
    doc="One change of a system: a deployment, a configuration, a scaling.",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "change_id"),
    schema=pa.schema(
        [
            pa.field("change_id", pa.string(), metadata={"doc": "the source's id"}),
            pa.field("kind", pa.string(), metadata={"doc": "deployment, configuration, scale or other"}),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("title", pa.string(), metadata={"doc": "what was changed"}),
            pa.field("version", pa.string(), metadata={"doc": "what is there since: a tag, a commit, a revision"}),
            pa.field("started_at", UTC_TIME, metadata={"doc": "when the change began"}),
            pa.field("ended_at", UTC_TIME, metadata={"doc": "when it was done; null while it is under way"}),
            pa.field("labels", pa.string(), metadata={"doc": "canonical JSON"}),
            pa.field("url", pa.string(), metadata={"doc": "where to look at it"}),
            pa.field("updated_at", UTC_TIME, metadata={"doc": "when this version of it came to be"}),
            pa.field("deleted", pa.bool_(), metadata={"doc": "the source no longer has it"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a record that it could not read"}),
        ]
    ),
)

INCIDENT_CHANGE = Dataset(
    name="incident_change",
    doc="One entry of an incident's history: what changed, from what to what, by whom.",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "change_id"),
    schema=pa.schema(
        [
            pa.field(
                "change_id", pa.string(), metadata={"doc": "the source's id of the entry, or made from its parts"}
            ),
            pa.field(
                "incident_id", pa.string(), metadata={"doc": "the incident that changed, by the same id as there"}
            ),
            pa.field("field", pa.string(), metadata={"doc": "what changed: status, severity, assignee, note, …"}),
            pa.field("before", pa.string(), metadata={"doc": "null where the source does not say"}),
            pa.field("after", pa.string(), metadata={"doc": "what it is since; null where the source does not say"}),
            pa.field("actor", pa.string(), metadata={"doc": "who or what changed it, as the source says"}),
            pa.field("summary", pa.string(), metadata={"doc": "the entry as people read it"}),
            pa.field("updated_at", UTC_TIME, metadata={"doc": "when it changed"}),
            pa.field("deleted", pa.bool_(), metadata={"doc": "the source no longer has it"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a record that it could not read"}),
        ]
    ),
)

FEEDBACK = Dataset(
    name="feedback",
    doc="What one person or system says of one finding: real or noise, right or wrong.",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "feedback_id"),
    schema=pa.schema(
        [
            pa.field("feedback_id", pa.string(), metadata={"doc": "the sender's id, or made of subject and person"}),
            pa.field("subject_kind", pa.string(), metadata={"doc": "episode, series, service or incident"}),
            pa.field("subject_id", pa.string(), metadata={"doc": "its id; of a service its name"}),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("first_ts", UTC_TIME, metadata={"doc": "for a series or service: from when on"}),
            pa.field("last_ts", UTC_TIME, metadata={"doc": "for a series or service: until when"}),
            pa.field("verdict", pa.string(), metadata={"doc": "real, noise, right, wrong or other_cause"}),
            pa.field("comment", pa.string(), metadata={"doc": "why, in the person's words"}),
            pa.field("person", pa.string(), metadata={"doc": "who says so: a user name, never an address"}),
            pa.field("created_at", UTC_TIME, metadata={"doc": "when it was said first"}),
            pa.field("updated_at", UTC_TIME, metadata={"doc": "when it came, or was said otherwise"}),
            pa.field("deleted", pa.bool_(), metadata={"doc": "taken back"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a record that it could not read"}),
        ]
    ),
)

LOG_EVENT = Dataset(
    name="log_event",
    doc="One line of a log.",
    kind=Kind.FACT,
    time="ts",
    key=("ts", "service", "host", "message", "event_id"),
    schema=pa.schema(
        [
            pa.field("ts", UTC_TIME, metadata={"doc": "when the line was written"}),
            pa.field("service", LABELS, metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("host", LABELS, metadata={"doc": "machine, pod or container"}),
            pa.field("level", LABELS, metadata={"doc": "as the source says it, normalised at load; null: look inside"}),
            pa.field("logger", LABELS, metadata={"doc": "logger, module or file that wrote it"}),
            pa.field("message", pa.string(), metadata={"doc": "the line, or its text where the source parsed it"}),
            pa.field(
                "trace_id", pa.string(), metadata={"doc": "lower-case hexadecimal; null where the line is of no trace"}
            ),
            pa.field("span_id", pa.string(), metadata={"doc": "the span in which it was written"}),
            pa.field("attributes", pa.string(), metadata={"doc": "canonical JSON of all else that it says"}),
            pa.field("event_id", pa.string(), metadata={"doc": "the source's own id of the line, null if it has none"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a line that it could not read"}),
        ]
    ),
)

SPAN = Dataset(
    name="span",
    doc="One unit of work of a trace.",
    kind=Kind.FACT,
    time="ts",
    key=("trace_id", "span_id", "kind"),
    schema=pa.schema(
        [
            pa.field("ts", UTC_TIME, metadata={"doc": "when the span began"}),
            pa.field("trace_id", pa.string(), metadata={"doc": "lower-case hexadecimal, as the source says it"}),
            pa.field("span_id", pa.string(), metadata={"doc": "lower-case hexadecimal, unique within its trace"}),
            pa.field("parent_id", pa.string(), metadata={"doc": "null for a root"}),
            pa.field("service", LABELS, metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("operation", LABELS, metadata={"doc": "what was done, such as GET /cart"}),
            pa.field("kind", LABELS, metadata={"doc": "server, client, producer, consumer or internal"}),
            pa.field("duration", pa.float64(), metadata={"doc": "seconds; null where the source does not say"}),
            pa.field("error", pa.bool_(), metadata={"doc": "whether it failed"}),
            pa.field("attributes", pa.string(), metadata={"doc": "canonical JSON of tags, resource included"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a span that it could not read"}),
        ]
    ),
)

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset
    for dataset in (METRIC_POINT, ALERT, INCIDENT, INCIDENT_CHANGE, CHANGE_EVENT, FEEDBACK, LOG_EVENT, SPAN)
}


def dataset(name: str) -> Dataset:
    """Return the dataset of that name, or raise `UnknownDatasetError` with the known ones."""
    try:
        return DATASETS[name]
    except KeyError:
        raise UnknownDatasetError(f"No dataset is called {name!r}. Use one of {', '.join(DATASETS)}.") from None


def canonical_labels(labels: Mapping[str, str]) -> str:
    """Return labels as JSON with sorted keys and no spaces: the same set always gives the same text.

    >>> canonical_labels({"job": "cart", "instance": "a:1"})
    '{"instance":"a:1","job":"cart"}'
    """
    return json.dumps(dict(sorted(labels.items())), separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Scope:
    """What one load brings: one query of one source, for one window. Facts are replaced by scope."""

    source: str
    dataset: str
    query: str
    window: Window

    def __str__(self) -> str:
        return f"{self.source}/{self.query} ({self.dataset}) {self.window}"
