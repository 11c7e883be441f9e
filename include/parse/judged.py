"""Lines of one window, each with its service, template, level and class, and whether it is kept; and what is stored."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from include.datasets import UTC_TIME
from include.parse.classes import CLASSES
from include.parse.levels import LEVELS
from include.parse.structured import Columns
from include.parse.template import Templates

UNKNOWN = "UNKNOWN"
"""The level of a line that does not tell it."""
BY_LEVEL = (UNKNOWN, *LEVELS)
"""Levels by their codes."""
_MINUTE = 60_000_000
Ints = NDArray[np.int64]

EVENTS = pa.schema(
    [
        ("ts", UTC_TIME),
        ("service", pa.string()),
        ("service_alias", pa.string()),
        ("host", pa.string()),
        ("level", pa.string()),
        ("log_class", pa.string()),
        ("logger", pa.string()),
        ("template_id", pa.int64()),
        ("message", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("attributes", pa.string()),
    ]
)
SUMMARY = pa.schema(
    [
        ("ts", UTC_TIME),
        ("service", pa.string()),
        ("service_alias", pa.string()),
        ("level", pa.string()),
        ("log_class", pa.string()),
        ("template_id", pa.int64()),
        ("lines", pa.int64()),
        ("kept", pa.int64()),
        ("bytes", pa.int64()),
        ("kept_bytes", pa.int64()),
    ]
)
TEMPLATES = pa.schema(
    [
        ("template_id", pa.int64()),
        ("template", pa.string()),
        ("level", pa.string()),
        ("log_class", pa.string()),
        ("first_seen", UTC_TIME),
        ("last_seen", UTC_TIME),
        ("lines", pa.int64()),
        ("example", pa.string()),
    ]
)


@dataclass(frozen=True)
class Pairs:
    """The pairs of template and level that occur: their codes and classes, and which of them each line has."""

    template: Ints
    level: Ints
    log_class: Ints
    of_lines: Ints


@dataclass(frozen=True)
class Judged:
    """All lines of a window: `columns` of the contract, and what was found out about each line.

    `aliases` is what the source calls the service of each line, `services` the service of each distinct alias.
    """

    columns: Columns
    size: pa.Array
    aliases: pa.DictionaryArray
    services: pa.Array
    templates: Templates
    pairs: Pairs
    stays: NDArray[np.bool_]

    def events(self) -> pa.Table:
        """Return the lines that are kept, in order of time."""
        rows = pa.array(np.flatnonzero(self.stays))
        its = self.pairs.of_lines[self.stays]
        parts = {name: column.take(rows) for name, column in self.columns.items()}
        parts["service_alias"] = self.aliases.take(rows)
        parts["service"] = self.services.take(parts["service_alias"].indices)
        parts["level"] = pa.array(BY_LEVEL).take(pa.array(self.pairs.level[its]))
        parts["log_class"] = pa.array(CLASSES).take(pa.array(self.pairs.log_class[its]))
        parts["template_id"] = self.templates.ids.take(self.templates.codes.take(rows))
        table = pa.table({field.name: parts[field.name].cast(field.type) for field in EVENTS}, schema=EVENTS)
        return table.sort_by([(name, "ascending") for name in EVENTS.names])

    def summary(self) -> pa.Table:
        """Return the counts of all lines per minute, service, level, class and template."""
        at = self.columns["ts"].cast(pa.int64()).to_numpy()
        kept = pa.array(self.stays.astype(np.int64))
        lines = pa.table(
            {
                "minute": pa.array(at - at % _MINUTE),
                "alias": self.aliases.indices,
                "pair": pa.array(self.pairs.of_lines),
                "kept": kept,
                "bytes": self.size,
                "kept_bytes": pc.multiply(self.size, kept),
            }
        )
        sums = lines.group_by(["minute", "alias", "pair"], use_threads=False).aggregate(
            [("kept", "count"), ("kept", "sum"), ("bytes", "sum"), ("kept_bytes", "sum")]
        )
        its = sums["pair"].to_numpy()
        parts = {
            "ts": _times(sums["minute"].to_numpy()),
            "service": self.services.take(sums["alias"].combine_chunks()),
            "service_alias": self.aliases.dictionary.take(sums["alias"].combine_chunks()),
            "level": pa.array(BY_LEVEL).take(pa.array(self.pairs.level[its])),
            "log_class": pa.array(CLASSES).take(pa.array(self.pairs.log_class[its])),
            "template_id": self.templates.ids.take(pa.array(self.pairs.template[its])),
            "lines": sums["kept_count"],
            "kept": sums["kept_sum"],
            "bytes": sums["bytes_sum"],
            "kept_bytes": sums["kept_bytes_sum"],
        }
        return pa.table(parts, schema=SUMMARY).sort_by([(name, "ascending") for name in SUMMARY.names[:6]])

    def seen(self) -> pa.Table:
        """Return the templates: each with the worst level and class of its lines, and its earliest line."""
        count = len(self.templates.texts)
        template = self.pairs.template[self.pairs.of_lines]
        worst, rank = np.zeros(count, np.int64), np.zeros(count, np.int64)
        np.maximum.at(worst, self.pairs.template, self.pairs.level)
        np.maximum.at(rank, self.pairs.template, self.pairs.log_class)
        at = self.columns["ts"].cast(pa.int64()).to_numpy()
        first, last = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
        np.minimum.at(first, template, at)
        np.maximum.at(last, template, at)
        parts = {
            "template_id": self.templates.ids,
            "template": self.templates.texts,
            "level": pa.array(BY_LEVEL).take(pa.array(worst)),
            "log_class": pa.array(CLASSES).take(pa.array(rank)),
            "first_seen": _times(first),
            "last_seen": _times(last),
            "lines": pa.array(np.bincount(template, minlength=count)),
            "example": _examples(self.columns["message"], template, np.flatnonzero(at == first[template]), count),
        }
        return pa.table(parts, schema=TEMPLATES).sort_by("template_id")


def _examples(messages: pa.Array, template: Ints, earliest: Ints, count: int) -> pa.Array:
    """Return for each template the first by text of its earliest messages."""
    texts = messages.take(pa.array(earliest))
    order = pc.sort_indices(
        pa.table({"template": template[earliest], "text": texts}),
        sort_keys=[("template", "ascending"), ("text", "ascending")],
    )
    ordered = template[earliest][order.to_numpy()]
    return texts.take(order.take(pa.array(np.searchsorted(ordered, np.arange(count)))))


def _times(microseconds: Ints) -> pa.Array:
    return pa.array(microseconds).cast(pa.timestamp("us")).cast(UTC_TIME)
