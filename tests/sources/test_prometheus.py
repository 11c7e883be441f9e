"""The Prometheus source against a real Prometheus that holds a known history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest

from include.datasets import METRIC_POINT
from include.sources import Credentials, SourceRejected
from include.window import Window
from tests.servers import (
    HISTORY_POINTS,
    HISTORY_SERIES,
    HISTORY_START,
    HISTORY_STEP,
    Server,
    history_values,
    openmetrics,
    running_prometheus,
)
from tests.sources.conftest import Ask, at

pytestmark = pytest.mark.needs("prometheus")

CART_A = '{"instance":"10.0.0.1:9100","job":"shop/cart","zone":"a"}'
WHOLE = Window(at(HISTORY_START), at(HISTORY_START + HISTORY_POINTS * HISTORY_STEP))


def source(server: Server, expr: str = "fleet_cpu", step: str = "15s", **query: object) -> object:
    return Ask.metrics({"type": "prometheus", "url": server.url}, {"expr": expr, "step": step, **query})


def test_every_point_equals_what_prometheus_holds_and_none_comes_twice(prometheus: Server) -> None:
    table = Ask.table(source(prometheus), WHOLE)
    assert table.schema.equals(METRIC_POINT.schema)
    assert table.num_rows == 3 * HISTORY_POINTS == 69_120
    frame = table.to_pandas().sort_values(["labels", "ts"])
    assert not frame.duplicated(["labels", "ts"]).any()
    for selector, base in HISTORY_SERIES.items():
        instance = selector.split('instance="')[1].split('"')[0]
        one = frame[frame["labels"].astype(str).str.contains(instance, regex=False)]
        assert (one["ts"].astype("datetime64[us, UTC]").astype("int64") // 1_000_000).tolist() == list(
            range(HISTORY_START, HISTORY_START + HISTORY_POINTS * HISTORY_STEP, HISTORY_STEP)
        )
        assert np.array_equal(one["value"].to_numpy(), history_values(base))


@pytest.mark.parametrize("offset", [0, 1, 7, 14, 15])
@pytest.mark.parametrize("points", [1, 99, 100, 101, 200, 201])
def test_the_edges_of_range_queries_neither_lose_nor_repeat_a_point(
    prometheus: Server, offset: int, points: int
) -> None:
    start = HISTORY_START + 3600 + offset
    window = Window(at(start), at(start + points * HISTORY_STEP))
    asked = Ask.metrics(
        {"type": "prometheus", "url": prometheus.url, "max_points": 100},
        {"expr": 'fleet_cpu{zone="a",job="shop/cart"}', "step": "15s"},
    )
    times = [row["ts"].timestamp() for row in Ask.rows(asked, window)]
    first = -(-start // HISTORY_STEP) * HISTORY_STEP
    assert times == [first + i * HISTORY_STEP for i in range(points)]


def test_neighbouring_windows_share_no_point_and_together_hold_all(prometheus: Server) -> None:
    hours = [Window(at(HISTORY_START + 3600 * i), at(HISTORY_START + 3600 * (i + 1))) for i in range(6)]
    apart = [row for hour in hours for row in Ask.rows(source(prometheus), hour)]
    together = Ask.rows(source(prometheus), Window(hours[0].start, hours[-1].end))
    key = lambda row: (row["labels"], row["ts"])  # noqa: E731
    assert sorted(map(key, apart)) == sorted(map(key, together))
    assert len(apart) == 6 * 240 * 3


def test_points_lie_on_the_grid_of_the_step_whatever_the_window(prometheus: Server) -> None:
    window = Window(at(HISTORY_START + 61), at(HISTORY_START + 1000))
    rows = Ask.rows(source(prometheus, 'fleet_cpu{zone="b"}', "5m"), window)
    assert [row["ts"].timestamp() - HISTORY_START for row in rows] == [300, 600, 900]


def test_only_identity_labels_remain(prometheus: Server) -> None:
    window = Window(at(HISTORY_START), at(HISTORY_START + 15))
    rows = Ask.rows(source(prometheus, 'fleet_cpu{zone="b"}', identity_labels=["job"]), window)
    assert [(row["labels"], row["value"], row["raw"]) for row in rows] == [('{"job":"shop/cart"}', 0.5, None)]


def test_the_metric_name_is_kept_only_where_it_is_identity(prometheus: Server) -> None:
    window = Window(at(HISTORY_START), at(HISTORY_START + 15))
    rows = Ask.rows(source(prometheus, 'fleet_cpu{zone="b"}', identity_labels=["__name__", "zone"]), window)
    assert rows[0]["labels"] == '{"__name__":"fleet_cpu","zone":"b"}'


def test_series_that_share_an_identity_at_one_time_go_out_as_error_rows(prometheus: Server) -> None:
    window = Window(at(HISTORY_START), at(HISTORY_START + 15))
    rows = Ask.rows(source(prometheus, identity_labels=["job"]), window)
    good = [row for row in rows if row["raw"] is None]
    assert [(row["labels"], row["value"]) for row in good] == [('{"job":"shop/auth"}', 0.75)]
    bad = [row for row in rows if row["raw"] is not None]
    assert [(row["labels"], row["value"]) for row in bad] == [('{"job":"shop/cart"}', None)] * 2
    assert '"instance": "<ip>:9100"' in bad[0]["raw"]
    assert '"zone": "a"' in bad[0]["raw"]
    assert '"value": "0.25"' in bad[0]["raw"]


def test_an_empty_window_gives_no_rows_and_no_error(prometheus: Server) -> None:
    before = Window(at(HISTORY_START - 7200), at(HISTORY_START - 3600))
    assert Ask.rows(source(prometheus), before) == []
    between_grid_points = Window(at(HISTORY_START + 1), at(HISTORY_START + 2))
    assert Ask.rows(source(prometheus), between_grid_points) == []


def test_nan_and_infinite_values_go_out_as_they_are(prometheus: Server) -> None:
    window = Window(at(HISTORY_START), at(HISTORY_START + 15))
    for expr, wanted in (("vector(1)/0", np.inf), ("vector(-1)/0", -np.inf), ("vector(0)/0", np.nan)):
        rows = Ask.rows(source(prometheus, expr), window)
        assert len(rows) == 1
        assert rows[0]["raw"] is None
        assert np.array_equal([rows[0]["value"]], [wanted], equal_nan=True)


def test_a_query_with_a_mistake_is_rejected_with_what_prometheus_said(prometheus: Server) -> None:
    window = Window(at(HISTORY_START), at(HISTORY_START + 15))
    with pytest.raises(SourceRejected, match=r"shop.*parse error"):
        Ask.rows(source(prometheus, "rate(fleet_cpu["), window)


def test_a_stale_series_simply_ends(tmp_path: Path) -> None:
    times = [HISTORY_START + 15 * i for i in range(40)]
    history = openmetrics({'gone{job="a"}': (times[:4], [1.0, 2.0, 3.0, 4.0]), 'here{job="a"}': (times, [1.0] * 40)})
    with running_prometheus(tmp_path / "p", history) as server:
        window = Window(at(HISTORY_START), at(HISTORY_START + 600))
        rows = Ask.rows(source(server, "gone"), window)
    last_seen = HISTORY_START + 45
    assert rows[-1]["ts"] <= at(last_seen + 300)
    assert [row["value"] for row in rows[:4]] == [1.0, 2.0, 3.0, 4.0]


def test_a_query_that_the_server_finds_too_large_is_asked_in_halves(tmp_path: Path) -> None:
    times = [HISTORY_START + 15 * i for i in range(400)]
    history = openmetrics({f'cpu{{job="{name}"}}': (times, [1.0] * 400) for name in "abcdef"})
    with running_prometheus(tmp_path / "p", history, arguments=["--query.max-samples=1000"]) as server:
        rows = Ask.rows(source(server, "cpu"), Window(at(HISTORY_START), at(HISTORY_START + 6000)))
    assert len(rows) == 2400
    assert len({(row["labels"], row["ts"]) for row in rows}) == 2400


# The password is "hunter2", as bcrypt with cost 4.
WEB = "basic_auth_users:\n  almanac: $2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm\n"


def test_basic_auth_lets_the_right_password_in_and_401_names_the_connection(tmp_path: Path) -> None:
    history = openmetrics({'cpu{job="a"}': ([HISTORY_START], [1.0])})
    window = Window(at(HISTORY_START), at(HISTORY_START + 15))
    with running_prometheus(tmp_path / "p", history, web_config=WEB) as server:
        place = {"type": "prometheus", "url": server.url}
        right = Ask.metrics(place, {"expr": "cpu", "step": "15s"}, credentials=Credentials("almanac", "hunter2"))
        assert [row["value"] for row in Ask.rows(right, window)] == [1.0]
        for wrong in (None, Credentials("almanac", "hunter3"), Credentials(token="hunter2")):
            refused = Ask.metrics(place, {"expr": "cpu", "step": "15s"}, credentials=wrong)
            with pytest.raises(SourceRejected, match=r"answered 401 .*Check the login, password or token") as caught:
                Ask.rows(refused, window)
            assert "hunter" not in str(caught.value)


def test_odd_windows_give_the_same_points_as_asking_prometheus_by_hand(prometheus: Server) -> None:
    for start, seconds in ((HISTORY_START + 11, 4000), (HISTORY_START + 3601, 777), (HISTORY_START - 100, 500)):
        window = Window(at(start), at(start + seconds))
        mine = {(r["labels"], r["ts"].timestamp()): r["value"] for r in Ask.rows(source(prometheus), window)}
        first = -(-start // 15) * 15
        last = -(-(start + seconds) // 15) * 15 - 15
        params = {"query": "fleet_cpu", "start": first, "end": last, "step": 15}
        answer = httpx.get(f"{prometheus.url}/api/v1/query_range", params=params, trust_env=False).json()
        theirs = sum(len(series["values"]) for series in answer["data"]["result"])
        assert len(mine) == theirs > 0
        for series in answer["data"]["result"]:
            if series["metric"]["instance"] == "10.0.0.1:9100":
                assert {t: float(v) for t, v in series["values"]} == {
                    t: v for (labels, t), v in mine.items() if labels == CART_A
                }


def test_the_window_is_half_open_at_a_fraction_of_a_second(prometheus: Server) -> None:
    start = datetime(2026, 10, 1, 1, 0, 0, 1, tzinfo=UTC)
    rows = Ask.rows(source(prometheus, 'fleet_cpu{zone="b"}'), Window(start, start + timedelta(seconds=30)))
    assert [row["ts"].isoformat() for row in rows] == ["2026-10-01T01:00:15+00:00", "2026-10-01T01:00:30+00:00"]


def test_batches_share_no_memory_of_the_window_before(prometheus: Server) -> None:
    reader = source(prometheus)
    window = Window(at(HISTORY_START), at(HISTORY_START + 3600))
    first, second = Ask.table(reader, window), Ask.table(reader, window)
    assert first.equals(second)
    assert isinstance(first, pa.Table)
