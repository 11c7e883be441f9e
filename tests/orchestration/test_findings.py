"""Episodes as findings: from the warehouse to a topic, once per version."""

import json
from datetime import timedelta

import pandas as pd
import pytest

from include.config import ConfigError, load_config
from include.http import Credentials
from include.orchestration.findings import episodes, publish_due
from include.warehouse.schema import episode
from include.window import Window
from tests.config.folder import write_config
from tests.fakes.kafka import FakeKafka
from tests.orchestration.shop import EIGHT, NINE, Shop, no_credentials


def find(shop: Shop, window: Window, *, points: int, state: str, identity: str = "00ff") -> None:
    last = pd.Timestamp(window.end) - timedelta(minutes=10)
    row = {
        "episode_id": identity,
        "subject_kind": "series",
        "subject_id": 9_007_199_254_740_993,
        "service": "cart",
        "query": "requests",
        "first_ts": pd.Timestamp(EIGHT.start),
        "last_ts": last,
        "peak_ts": pd.Timestamp(EIGHT.start),
        "points": points,
        "peak_score": 2.5,
        "severity": "HIGH",
        "state": state,
        "description": "requests of cart: unusual",
    }
    with shop.rt.warehouse.transaction() as tx:
        tx.replace_results(episode, "detect_anomalies", window, pd.DataFrame([row]), run_id=shop.rt.run_id)


def test_without_a_file_nothing_is_published(shop: Shop) -> None:
    assert publish_due(shop.rt, no_credentials) == {"enabled": False, "why": "there is no publish.yaml"}


def test_an_episode_is_published_once_and_again_when_it_has_changed(shop: Shop) -> None:
    with FakeKafka() as cluster:
        text = f"brokers: {cluster.brokers}\ntopic: findings\nconnection: bus\n"
        telling = shop.configure("publish.yaml", text)
        find(telling, EIGHT, points=3, state="open")
        assert publish_due(telling.rt, lambda _: Credentials()) == {
            "enabled": True,
            "sent": 1,
            "known": 0,
            "superseded": 0,
        }
        assert publish_due(telling.rt, lambda _: Credentials())["sent"] == 0
        find(telling, NINE, points=9, state="closed")
        assert publish_due(telling.rt, lambda _: Credentials())["sent"] == 1
        first, second = (json.loads(one["value"]) for one in cluster.values("findings"))
    assert first.pop("version") != second["version"]
    assert first == {
        "kind": "episode",
        "id": "00ff",
        "service": "cart",
        "query": "requests",
        "subject_kind": "series",
        "subject_id": "9007199254740993",
        "severity": "HIGH",
        "state": "open",
        "points": 3,
        "peak_score": 2.5,
        "description": "requests of cart: unusual",
        "first_ts": "2026-11-05T08:00:00Z",
        "last_ts": "2026-11-05T08:50:00Z",
        "peak_ts": "2026-11-05T08:00:00Z",
    }
    assert (second["state"], second["points"]) == ("closed", 9)


def test_what_a_young_series_shows_is_nobodys_business_yet(shop: Shop) -> None:
    find(shop, EIGHT, points=3, state="learning")
    assert episodes(shop.rt) == []


def test_what_planned_work_shows_is_told_only_when_it_goes_on(shop: Shop) -> None:
    find(shop, EIGHT, points=3, state="silenced")
    assert episodes(shop.rt) == []
    find(shop, NINE, points=9, state="open")
    assert [one.content["state"] for one in episodes(shop.rt)] == ["open"]


def test_a_publish_file_is_checked_like_the_others(tmp_path) -> None:
    folder = write_config(tmp_path, publish="brokers: b:9092\ntopic: a b\nwhat: [weather]\nsend: yes\n")
    with pytest.raises(ConfigError) as failure:
        load_config(folder)
    assert [str(problem).removeprefix("publish.yaml:") for problem in failure.value.problems] == [
        "2: topic: found 'a b'; allowed: a topic's name of letters, digits, . _ and -, at most 249",
        "3: what[0]: found 'weather'; allowed: episode",
        "4: send: found unknown key 'send'; allowed: brokers, security, mechanism, topic, connection, what",
    ]
