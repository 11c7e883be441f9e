"""The prometheus source against a Thanos whose stores may be down: a hole in it is an error, never fewer points."""

from typing import Any

import pytest

from include.config.query import MetricQuery
from include.sources import SourceUnavailable
from include.window import Window
from tests.fakes.thanos import FakeThanos, Store
from tests.sources import card
from tests.sources.conftest import Ask, at

MINUTE = Window(at(1_790_812_800), at(1_790_812_860))
POINTS = {1_790_812_800 + 15 * i: str(i) for i in range(5)}


def source(fake: FakeThanos, **options: Any) -> Any:
    place = {"type": "prometheus", "url": fake.url, "options": options}
    return Ask.metrics(place, {"expr": "up", "step": "15s"})


def stores() -> list[Store]:
    a = {at: value for at, value in POINTS.items() if at != 1_790_812_815}
    b = {at: value for at, value in POINTS.items() if at != 1_790_812_830}
    return [
        Store("sidecar-a:10901", [({"job": "x", "replica": "a"}, a)]),
        Store("b", [({"job": "x", "replica": "b"}, b)]),
    ]


def test_replicas_are_one_series_without_gaps_and_the_last_point_belongs_to_the_next_window() -> None:
    with FakeThanos(stores()) as fake:
        rows = Ask.rows(source(fake, server="thanos"), MINUTE)
    assert [(row["labels"], row["value"]) for row in rows] == [('{"job":"x"}', float(i)) for i in range(4)]
    said = fake.asked[0].form
    assert (said["dedup"], said["partial_response"], said["max_source_resolution"]) == (["true"], ["false"], ["0s"])


def test_a_store_that_is_down_is_an_error_that_may_pass() -> None:
    with FakeThanos(stores()) as fake:
        fake.stores[0].up = False
        with pytest.raises(SourceUnavailable, match=r"sidecar-a:10901.*when all its stores are up"):
            Ask.rows(source(fake, server="thanos"), MINUTE)


def test_a_warning_about_a_store_is_an_error_where_something_between_drops_the_parameter() -> None:
    with FakeThanos(stores(), deaf=True) as fake:
        fake.stores[1].up = False
        with pytest.raises(SourceUnavailable, match="answer is partial: expanding series"):
            Ask.rows(source(fake, server="thanos"), MINUTE)


def test_a_plain_prometheus_is_not_told_what_only_others_know() -> None:
    with FakeThanos(stores()) as fake:
        Ask.rows(source(fake), MINUTE)
        Ask.rows(source(fake, lookback="30s"), MINUTE)
    assert sorted(fake.asked[0].form) == ["end", "query", "start", "step"]
    assert fake.asked[1].form["lookback_delta"] == ["30s"]


def test_the_card_shows_configuration_that_is_valid() -> None:
    assert sorted(card.sources("prometheus")) == ["shop_prometheus", "shop_thanos", "shop_victoria"]
    queries = [query for block in card.blocks("prometheus") for query in block.get("queries", {}).items()]
    assert [MetricQuery.model_validate({"name": name, **given}).name for name, given in queries] == ["error_ratio"]
