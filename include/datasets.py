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
    """One dataset: its columns, the column that places a row in a window, and its unique key."""

    name: str
    kind: Kind
    schema: pa.Schema
    time: str
    key: tuple[str, ...]

    def empty(self) -> pa.Table:
        """Return a table of this contract without rows."""
        return self.schema.empty_table()


METRIC_POINT = Dataset(
    name="metric_point",
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
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "alert_id"),
    schema=pa.schema(
        [
            pa.field("alert_id", pa.string(), metadata={"doc": "one firing of one alert: fingerprint and start"}),
            pa.field("fingerprint", pa.string(), metadata={"doc": "identity of the alert over its firings"}),
            pa.field("name", pa.string()),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("severity", pa.string(), metadata={"doc": "as the source says it; the warehouse keeps ours"}),
            pa.field("status", pa.string(), metadata={"doc": "firing, resolved or suppressed"}),
            pa.field("starts_at", UTC_TIME),
            pa.field("ends_at", UTC_TIME, metadata={"doc": "null while it fires"}),
            pa.field("summary", pa.string()),
            pa.field("labels", pa.string(), metadata={"doc": "canonical JSON"}),
            pa.field("url", pa.string()),
            pa.field("updated_at", UTC_TIME),
            pa.field("deleted", pa.bool_(), metadata={"doc": "the source no longer has it"}),
            pa.field("raw", pa.string()),
        ]
    ),
)

INCIDENT = Dataset(
    name="incident",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "incident_id"),
    schema=pa.schema(
        [
            pa.field("incident_id", pa.string()),
            pa.field("title", pa.string()),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("severity", pa.string(), metadata={"doc": "as the source says it; the warehouse keeps ours"}),
            pa.field("status", pa.string(), metadata={"doc": "open, acknowledged or resolved"}),
            pa.field("opened_at", UTC_TIME),
            pa.field("acknowledged_at", UTC_TIME),
            pa.field("resolved_at", UTC_TIME, metadata={"doc": "null while it lasts"}),
            pa.field("cause", pa.string(), metadata={"doc": "what people found, if they said"}),
            pa.field("outcome", pa.string(), metadata={"doc": "how it ended, if they said"}),
            pa.field("labels", pa.string(), metadata={"doc": "canonical JSON"}),
            pa.field("url", pa.string()),
            pa.field("updated_at", UTC_TIME),
            pa.field("deleted", pa.bool_()),
            pa.field("raw", pa.string()),
        ]
    ),
)

CHANGE_EVENT = Dataset(
    name="change_event",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "change_id"),
    schema=pa.schema(
        [
            pa.field("change_id", pa.string()),
            pa.field("kind", pa.string(), metadata={"doc": "deployment, configuration, scale or other"}),
            pa.field("service", pa.string(), metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("title", pa.string()),
            pa.field("version", pa.string()),
            pa.field("started_at", UTC_TIME),
            pa.field("ended_at", UTC_TIME),
            pa.field("labels", pa.string(), metadata={"doc": "canonical JSON"}),
            pa.field("url", pa.string()),
            pa.field("updated_at", UTC_TIME),
            pa.field("deleted", pa.bool_()),
            pa.field("raw", pa.string()),
        ]
    ),
)

INCIDENT_CHANGE = Dataset(
    name="incident_change",
    kind=Kind.RECORD,
    time="updated_at",
    key=("source", "change_id"),
    schema=pa.schema(
        [
            pa.field(
                "change_id", pa.string(), metadata={"doc": "the source's id of the entry, or made from its parts"}
            ),
            pa.field("incident_id", pa.string()),
            pa.field("field", pa.string(), metadata={"doc": "what changed: status, severity, assignee, note, …"}),
            pa.field("before", pa.string(), metadata={"doc": "null where the source does not say"}),
            pa.field("after", pa.string()),
            pa.field("actor", pa.string(), metadata={"doc": "who or what changed it, as the source says"}),
            pa.field("summary", pa.string()),
            pa.field("updated_at", UTC_TIME, metadata={"doc": "when it changed"}),
            pa.field("deleted", pa.bool_()),
            pa.field("raw", pa.string()),
        ]
    ),
)

LOG_EVENT = Dataset(
    name="log_event",
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
            pa.field("trace_id", pa.string()),
            pa.field("span_id", pa.string()),
            pa.field("attributes", pa.string(), metadata={"doc": "canonical JSON of all else that it says"}),
            pa.field("event_id", pa.string(), metadata={"doc": "the source's own id of the line, null if it has none"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a line that it could not read"}),
        ]
    ),
)

SPAN = Dataset(
    name="span",
    kind=Kind.FACT,
    time="ts",
    key=("trace_id", "span_id", "kind"),
    schema=pa.schema(
        [
            pa.field("ts", UTC_TIME, metadata={"doc": "when the span began"}),
            pa.field("trace_id", pa.string(), metadata={"doc": "lower-case hexadecimal, as the source says it"}),
            pa.field("span_id", pa.string()),
            pa.field("parent_id", pa.string(), metadata={"doc": "null for a root"}),
            pa.field("service", LABELS, metadata={"doc": "as the source calls it, resolved at load"}),
            pa.field("operation", LABELS),
            pa.field("kind", LABELS, metadata={"doc": "server, client, producer, consumer or internal"}),
            pa.field("duration", pa.float64(), metadata={"doc": "seconds"}),
            pa.field("error", pa.bool_()),
            pa.field("attributes", pa.string(), metadata={"doc": "canonical JSON of tags, resource included"}),
            pa.field("raw", pa.string(), metadata={"doc": "the source's text of a span that it could not read"}),
        ]
    ),
)

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset for dataset in (METRIC_POINT, ALERT, INCIDENT, INCIDENT_CHANGE, CHANGE_EVENT, LOG_EVENT, SPAN)
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
