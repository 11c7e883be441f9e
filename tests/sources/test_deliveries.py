"""Whatever a sender writes: each reader gives rows or raw, never an error, and no delivery is lost without a word."""

import json
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.config.options.webhook import WebhookOptions
from include.config.source import Feed
from include.inbox import Delivery
from include.inbox.body import BodyError, at_path, parse_body
from include.sources.deliveries import READERS
from include.sources.deliveries.source import IDENTITY, WebhookSource
from include.sources.deliveries.version import moment, said
from include.window import Window

HOUR = Window.parse("2026-11-05T07")
WORDS = (
    "alerts", "labels", "annotations", "startsAt", "endsAt", "status", "fingerprint", "event", "event_type", "data",
    "id", "type", "occurred_at", "created_at", "title", "service", "summary", "priority", "resolve_reason",
    "teams", "alert_transition", "aggreg_key", "alert_cycle_key", "date", "last_updated", "tags", "alert_scope", "name",
    "severity", "starts_at", "updated_at", "deleted", "incident_id", "change_id", "kind", "truncatedAlerts",
)  # fmt: skip
SAID = (
    "firing", "resolved", "2026-11-05T07:10:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1793862000000",
    "1e400", "nan", "-1", "incident.triggered", "service.updated", "incident", "Triggered", "Recovered", "a:b,c",
    "\x00", "\ud800", "$ID", "null",
)  # fmt: skip
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(SAID))
ANY = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), inner, max_size=8),
    ),
    max_leaves=25,
)
KINDS = [(provider, name) for provider, (_, names) in READERS.items() for name in sorted(names)]


class Kept:
    """An inbox that holds given deliveries."""

    def __init__(self, *documents: Any) -> None:
        self._documents = documents

    def read(self, source: str, window: Window) -> list[Delivery]:
        return [
            Delivery(source, HOUR.start + timedelta(minutes=n), str(n), document)
            for n, document in enumerate(self._documents)
        ]


def read(provider: Any, dataset: str, *documents: Any) -> list[dict[str, Any]]:
    feed = Feed.model_validate({"name": "feed", "source": "shop", "dataset": dataset})
    source = WebhookSource("shop", feed, WebhookOptions(provider=provider), Kept(*documents))  # type: ignore[arg-type]
    batches = list(source.read(HOUR))
    for batch in batches:
        batch.validate(full=True)
    return pa.Table.from_batches(batches).to_pylist() if batches else []


@pytest.mark.parametrize(("provider", "dataset"), KINDS)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents=st.lists(ANY, min_size=1, max_size=3))
def test_any_json_gives_rows_or_raw(provider: str, dataset: str, documents: list[Any]) -> None:
    for row in read(provider, dataset, *documents):
        assert row["updated_at"] in HOUR
        assert (row["raw"] is None) == (row[IDENTITY[dataset]] is not None)


@pytest.mark.parametrize("provider", ["alertmanager", "grafana"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(alerts=st.lists(ANY, max_size=6))
def test_every_alert_of_a_group_is_a_row_or_raw(provider: str, alerts: list[Any]) -> None:
    rows = read(provider, "alert", {"alerts": alerts})
    bad = [alert for alert in alerts if not _is_alert(alert)]
    good = {json.dumps(alert, sort_keys=True) for alert in alerts if _is_alert(alert)}
    assert sum(row["raw"] is not None for row in rows) == len(bad)
    assert (len(rows) > len(bad)) == bool(good)


@pytest.mark.parametrize("dataset", ["alert", "incident", "change_event"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(ANY, min_size=1, max_size=4))
def test_every_generic_record_is_a_row_or_raw(dataset: str, records: list[Any]) -> None:
    rows = read("generic", dataset, records)
    ids = {row[IDENTITY[dataset]] for row in rows} - {None}
    assert len(rows) <= len(records)
    assert len(rows) == sum(row["raw"] is not None for row in rows) + len(ids)
    assert rows


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), ANY.map(lambda one: json.dumps(one).encode())))
def test_any_bytes_are_a_document_or_a_bad_body(body: bytes) -> None:
    try:
        document = parse_body(body)
    except BodyError:
        return
    json.dumps(document, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(ANY, st.text(max_size=12), st.sampled_from(["iso", "s", "ms", "us", "ns"]))
def test_small_readings_never_fail(value: Any, path: str, unit: str) -> None:
    assert said(value) is None or said(value)
    assert moment(value, unit) is None or moment(value, unit).tzinfo  # type: ignore[union-attr]
    at_path(value, path)


def _is_alert(alert: Any) -> bool:
    return (
        isinstance(alert, dict) and isinstance(alert.get("labels"), dict) and moment(alert.get("startsAt")) is not None
    )
