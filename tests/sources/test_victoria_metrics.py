"""The prometheus source against a real VictoriaMetrics: only what was written comes out, wherever the window is cut.

It looks back for a sample as far as it finds plausible and caches answers, see
https://docs.victoriametrics.com/victoriametrics/keyconcepts/#range-query and `-search.maxLookback`.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.sources import SourceRejected, SourceUnavailable
from include.window import Window
from tests.servers import Server, running_victoria_metrics, write_points
from tests.sources.conftest import Ask, at

pytestmark = pytest.mark.needs("victoriametrics")

START = 1_790_812_800
STEP = 15


def source(server: Server, expr: str, step: str = "15s", lookback: str | None = None, **place: Any) -> Any:
    options = {"server": "victoriametrics", **({"lookback": lookback} if lookback else {})}
    return Ask.metrics(
        {"type": "prometheus", "url": server.url, "options": options, **place}, {"expr": expr, "step": step}
    )


def told(server: Server, expr: str, window: Window, **more: Any) -> dict[int, float]:
    rows = Ask.rows(source(server, expr, **more), window)
    points = {round(row["ts"].timestamp()) - START: row["value"] for row in rows}
    assert len(points) == len(rows)
    return points


@pytest.fixture(scope="module")
def server(victoria_metrics: Server) -> Server:
    steps = range(12_000)
    write_points(
        victoria_metrics,
        {
            "wave": ([START + STEP * i for i in steps], np.round(np.sin(np.arange(12_000) / 240.0), 6).tolist()),
            "holes": ([START + STEP * i for i in steps[:40] if not 20 <= i < 26], [float(i) for i in range(34)]),
            "gone": ([START + STEP * i for i in range(4)], [1.0, 2.0, 3.0, 4.0]),
            "once": ([START + STEP * 7], [1.0]),
            "slow": ([START + 60 * i for i in range(10)], [float(i) for i in range(10)]),
            "beside": ([START + STEP * i + 7 for i in range(8)], [float(i) for i in range(8)]),
        },
    )
    return victoria_metrics


def test_every_point_equals_what_was_written_over_two_queries(server: Server) -> None:
    table = Ask.table(source(server, "wave"), Window(at(START), at(START + 12_000 * STEP)))
    assert table.num_rows == 12_000
    seconds = table["ts"].cast(pa.int64()).to_numpy() // 1_000_000
    assert seconds.tolist() == list(range(START, START + 12_000 * STEP, STEP))
    assert np.array_equal(table["value"].to_numpy(), np.round(np.sin(np.arange(12_000) / 240.0), 6))


@pytest.mark.parametrize("offset", [0, 1, 14, 15])
@pytest.mark.parametrize("points", [1, 99, 100, 101, 201])
def test_the_edges_of_range_queries_neither_lose_nor_repeat_a_point(server: Server, offset: int, points: int) -> None:
    start = START + 3600 + offset
    window = Window(at(start), at(start + points * STEP))
    times = sorted(told(server, "wave", window, max_points=100))
    first = -(-start // STEP) * STEP - START
    assert times == [first + i * STEP for i in range(points)]


def test_no_point_is_made_up_in_a_gap_after_the_end_or_between_slow_samples(server: Server) -> None:
    window = Window(at(START), at(START + 900))
    assert sorted(told(server, "holes", window)) == [15 * i for i in range(40) if not 20 <= i < 26]
    assert told(server, "gone", window) == {0: 1.0, 15: 2.0, 30: 3.0, 45: 4.0}
    assert told(server, "once", window) == {105: 1.0}
    assert told(server, "slow", Window(at(START), at(START + 180))) == {0: 0.0, 60: 1.0, 120: 2.0}


def test_a_sample_beside_the_grid_stands_for_the_next_grid_point_once(server: Server) -> None:
    window = Window(at(START), at(START + 300))
    assert told(server, "beside", window) == {15 * (i + 1): float(i) for i in range(8)}


def test_lookback_lets_an_older_sample_stand_for_a_point(server: Server) -> None:
    window = Window(at(START), at(START + 180))
    slow = told(server, "slow", window, lookback="60s")
    assert slow == {15 * i: float(i // 4) for i in range(12)}


def test_an_answer_of_the_cache_does_not_decide_how_far_it_looks_back(server: Server) -> None:
    window = Window(at(START), at(START + 900))
    careless = Ask.metrics({"type": "prometheus", "url": server.url}, {"expr": "gone", "step": "15s"})
    assert len(Ask.rows(careless, window)) == 5
    assert len(told(server, "gone", window)) == 4


def test_what_arrives_late_is_seen_by_the_next_read(server: Server) -> None:
    window = Window(at(START), at(START + 3600))
    write_points(server, {"late": ([START + STEP * i for i in range(100)], [1.0] * 100)})
    assert len(told(server, "late", window)) == 100
    write_points(server, {"late": ([START + STEP * i for i in range(100, 200)], [1.0] * 100)})
    assert len(told(server, "late", window)) == 200


def test_neighbouring_windows_share_no_point_and_together_hold_all(server: Server) -> None:
    edges = [START + 777 * i for i in range(8)]
    apart = [
        point
        for first, last in itertools.pairwise(edges)
        for point in told(server, "wave", Window(at(first), at(last))).items()
    ]
    assert sorted(apart) == sorted(told(server, "wave", Window(at(edges[0]), at(edges[-1]))).items())


def test_alerts_that_vmalert_wrote_back_are_firings_even_where_it_was_a_little_late(server: Server) -> None:
    late = [0, 0, 3, 1, 0, 7, 0, 0, 2, 0]
    times = [START + 600 + 60 * i + seconds for i, seconds in enumerate(late)]
    labels = {"alertname": "SlowCart", "alertstate": "firing", "severity": "page"}
    write_points(server, {"ALERTS": (times, [1.0] * len(times))}, labels)
    feed = {"dataset": "alert", "service_labels": ["job"]}
    place = {"type": "prometheus", "url": server.url, "options": {"server": "victoriametrics"}}
    (row,) = Ask.rows(Ask.feed(place, feed), Window(at(START), at(START + 3600)))
    assert (row["name"], row["service"], row["severity"], row["status"]) == (
        "SlowCart",
        "shop/cart",
        "page",
        "resolved",
    )
    assert row["starts_at"] == at(START + 600)
    assert at(START + 1_200) <= row["ends_at"] <= at(START + 1_320)


def test_a_query_that_scans_too_many_samples_is_asked_in_halves(tmp_path: Path) -> None:
    with running_victoria_metrics(tmp_path / "v", ["-search.maxSamplesPerQuery=20000"]) as small:
        write_points(small, {"wide": ([START + i for i in range(40_000)], [1.0] * 40_000)})
        assert len(told(small, "wide", Window(at(START), at(START + 40_000)), step="5s")) == 8_000


def test_a_mistake_in_the_query_is_rejected_with_what_it_said(server: Server) -> None:
    with pytest.raises(SourceRejected, match=r"shop.*unexpected token"):
        told(server, "wave[", Window(at(START), at(START + 60)))


def test_a_server_that_is_gone_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)
    with running_victoria_metrics(tmp_path / "v") as short:
        pass
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        told(short, "wave", Window(at(START), at(START + 60)))
