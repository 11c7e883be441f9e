"""Labels on each engine: what a person said of an episode, what an incident says, and who has the last word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from include.clock import FixedClock
from include.inbox import Delivery, Inbox, inbox_beside
from include.orchestration.feedback import labels
from include.orchestration.ingest import load_piece
from include.warehouse.schema import episode, feedback, incident, quarantine_row
from include.window import Window
from models.base import service_id
from tests.orchestration.shop import NOW, SEVEN, Shop, no_credentials

DAY = Window.parse("2026-11-05/2026-11-06")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-05T{text}").replace(tzinfo=UTC)


def found(shop: Shop, *episodes: dict[str, Any]) -> None:
    rows = [
        {
            "subject_kind": "series", "subject_id": 7, "service": "cart", "query": "memory", "peak_ts": one["first_ts"],
            "points": 3, "peak_score": 1.5, "severity": "HIGH", "state": "closed", "description": "unusual", **one,
        }
        for one in episodes
    ]  # fmt: skip
    with shop.rt.warehouse.transaction() as tx:
        tx.replace_results(episode, "detect_anomalies", SEVEN, rows, run_id="r")


def says(shop: Shop, person: str, subject: str, verdict: str, after: int = 0, **more: Any) -> None:
    row = {
        "source": "almanac-pages", "feedback_id": f"{subject}/{person}", "subject_kind": "episode",
        "subject_id": subject, "service": "cart", "service_alias": "cart", "first_ts": None, "last_ts": None,
        "verdict": verdict, "comment": None, "person": person, "created_at": NOW,
        "updated_at": NOW + timedelta(minutes=after), "deleted": False, "provisional": False, "load_id": "l",
    }  # fmt: skip
    with shop.rt.warehouse.transaction() as tx:
        tx.merge_records(feedback, [{**row, **more}])


def opened(shop: Shop, start: str, end: str | None, service: str = "cart") -> None:
    row = {
        "source": "pager", "incident_id": f"{service}{start}", "title": "down", "service": service,
        "service_alias": service, "severity": "HIGH", "status": "resolved" if end else "open", "opened_at": at(start),
        "acknowledged_at": None, "resolved_at": at(end) if end else None, "cause": None, "outcome": None,
        "labels": None, "url": None, "updated_at": NOW, "deleted": False, "provisional": False, "load_id": "l",
    }  # fmt: skip
    with shop.rt.warehouse.transaction() as tx:
        tx.merge_records(incident, [row])


def told(shop: Shop) -> list[tuple[Any, ...]]:
    frame = labels(shop.rt.warehouse, DAY)
    return list(frame[["subject_id", "verdict", "weight", "origin"]].itertuples(index=False, name=None))


def test_nothing_said_gives_no_labels(shop: Shop) -> None:
    frame = labels(shop.rt.warehouse, DAY)
    assert frame.empty
    assert list(frame.columns) == [
        "subject_kind", "subject_id", "service", "first_ts", "last_ts", "verdict", "weight", "origin"
    ]  # fmt: skip


def test_a_persons_word_on_an_episode_is_a_label_of_its_series_in_its_time(shop: Shop) -> None:
    found(shop, {"episode_id": "e1", "first_ts": at("07:10"), "last_ts": at("07:20")})
    says(shop, "ann", "e1", "noise")
    (row,) = labels(shop.rt.warehouse, DAY).to_dict("records")
    assert row == {
        "subject_kind": "series", "subject_id": 7, "service": "cart", "first_ts": pd.Timestamp(at("07:10")),
        "last_ts": pd.Timestamp(at("07:20")), "verdict": "noise", "weight": 1.0, "origin": "person",
    }  # fmt: skip


def test_the_last_word_of_anybody_counts_and_what_was_taken_back_does_not(shop: Shop) -> None:
    found(shop, {"episode_id": "e1", "first_ts": at("07:10"), "last_ts": at("07:20")})
    says(shop, "ann", "e1", "noise")
    says(shop, "bob", "e1", "real", after=5)
    assert told(shop) == [(7, "real", 1.0, "person")]
    says(shop, "bob", "e1", "real", after=6, deleted=True)
    assert told(shop) == [(7, "noise", 1.0, "person")]


def test_an_episode_in_an_incident_of_its_service_is_real_by_less(shop: Shop) -> None:
    found(
        shop,
        {"episode_id": "e1", "first_ts": at("07:10"), "last_ts": at("07:20")},
        {"episode_id": "e2", "first_ts": at("07:40"), "last_ts": at("07:50"), "subject_id": 8},
        {"episode_id": "e3", "first_ts": at("07:10"), "last_ts": at("07:20"), "subject_id": 9, "service": "checkout"},
    )
    opened(shop, "07:45", "08:30")
    assert told(shop) == [(7, "real", 0.3, "incident"), (8, "real", 0.3, "incident")]


def test_an_incident_reaches_back_half_an_hour_and_no_further(shop: Shop) -> None:
    found(
        shop,
        {"episode_id": "e1", "first_ts": at("07:00"), "last_ts": at("07:14")},
        {"episode_id": "e2", "first_ts": at("07:00"), "last_ts": at("07:15"), "subject_id": 8},
    )
    opened(shop, "07:45", None)
    assert told(shop) == [(8, "real", 0.3, "incident")]


def test_a_persons_word_stands_against_an_incident(shop: Shop) -> None:
    found(shop, {"episode_id": "e1", "first_ts": at("07:40"), "last_ts": at("07:50")})
    opened(shop, "07:45", "08:30")
    says(shop, "ann", "e1", "noise")
    assert told(shop) == [(7, "noise", 1.0, "person")]


def test_a_service_or_series_may_be_judged_for_a_time_of_its_own(shop: Shop) -> None:
    range_ = {"first_ts": at("06:00"), "last_ts": at("06:30")}
    says(shop, "ann", "cart", "real", subject_kind="service", **range_)
    says(shop, "ann", "-12", "noise", subject_kind="series", **range_)
    says(shop, "ann", "twelve", "noise", subject_kind="series", **range_)
    assert sorted(told(shop)) == sorted([(service_id("cart"), "real", 1.0, "person"), (-12, "noise", 1.0, "person")])


TRACKER = """
sources:
  shop: {type: files, path: shop, layout: {files: metrics/*.csv, metric: metric, value: value, labels: {job: job}}}
  tracker:
    type: webhook
    connection: hook
    lateness: 0s
    options: {provider: generic}
    feeds:
      tracker:
        dataset: feedback
        options:
          records: verdicts
          columns: {subject_id: episode, person: by, comment: why}
          words: {verdict: {true_positive: real, false_positive: noise}}
          defaults: {subject_kind: episode}
"""


def test_a_webhook_brings_words_in_its_own_language_and_sets_rubbish_apart(shop: Shop) -> None:
    hooked = shop.configure("sources.yaml", TRACKER).again(clock=FixedClock(SEVEN.end + timedelta(minutes=5)))
    found(shop, {"episode_id": "e1", "first_ts": at("07:10"), "last_ts": at("07:20")})
    document = {
        "verdicts": [
            {"episode": "e1", "verdict": "false_positive", "by": "ann", "why": "a deployment"},
            {"episode": "e2", "verdict": "perhaps", "by": "bob"},
            {"verdict": "real"},
        ]
    }
    received = SEVEN.start + timedelta(minutes=30)
    Inbox(inbox_beside(shop.rt.settings.landing)).put(Delivery("tracker", received, "k", document))
    piece = {"source": "tracker", "window": SEVEN.key}
    load_piece(hooked.rt, piece, ["feedback"], no_credentials)
    assert told(hooked) == [(7, "noise", 1.0, "person")]
    assert sorted(hooked.rows(quarantine_row)["rule"]) == ["parsed", "words_known"]
    load_piece(hooked.rt, piece, ["feedback"], no_credentials)
    assert len(hooked.rows(feedback)) == 1, "a replay changes nothing"
