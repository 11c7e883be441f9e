"""Ingest without a scheduler: what is read, what is loaded, what is announced, and what each failure leaves behind."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from include.clock import FixedClock
from include.datasets import Scope
from include.errors import PermanentError
from include.http import Credentials
from include.orchestration.ingest import Access, LoadFailed, LoadStopped, close, load_landed, plan_reads, read_source
from include.sources import SourceRejected
from include.warehouse.schema import alert, load_log, metric_point, quality_result, quarantine_row, series
from include.window import Window
from tests.orchestration.shop import EIGHT, NINE, NOW, SEVEN, Shop, with_source

METRICS = ["metric_point"]


def test_a_run_reads_its_window_first_and_then_those_that_may_still_have_grown(shop: Shop):
    plan = plan_reads(shop.rt, NINE, METRICS, None, with_late=True)
    assert [piece["window"] for piece in plan] == [NINE.key, SEVEN.key, EIGHT.key]
    assert plan_reads(shop.rt, NINE, METRICS, None, with_late=False) == [{"source": "shop", "window": NINE.key}]


def test_a_source_that_nobody_declared_stops_the_plan(shop: Shop):
    with pytest.raises(LoadStopped, match=r"sources.yaml has no shpo\. It has shop\."):
        plan_reads(shop.rt, NINE, METRICS, ["shpo"], with_late=False)


def test_a_window_is_loaded_once_however_often_it_is_read(shop: Shop):
    shop.usual(SEVEN)
    assert shop.ingest(SEVEN) == {"source": "shop", "window": SEVEN.key, "rows": 360, "loaded": 3}
    first = shop.points(SEVEN)
    assert shop.ingest(SEVEN)["unchanged"] == 3
    pd.testing.assert_frame_equal(shop.points(SEVEN), first)
    assert len(first) == 360


def test_a_late_point_is_loaded_and_its_window_announced_again_with_all_that_follow(shop: Shop):
    for window in (SEVEN, EIGHT, NINE):
        shop.usual(window)
        shop.ingest(window)
    late = shop.again("test/late")
    late.measure("errors", "shop/checkout", SEVEN, [float(minute % 2) for minute in range(59)] + [90.0])
    for piece in plan_reads(late.rt, NINE, METRICS, None, with_late=True):
        late.ingest(type(NINE).parse(piece["window"]))
    closed = close(late.rt, NINE, METRICS)
    assert closed.announce == [SEVEN.start, EIGHT.start, NINE.start]
    assert closed.statuses == {"loaded": 1, "unchanged": 8}
    assert late.points(SEVEN)["value"].max() == 504.0
    assert (late.points(SEVEN)["value"] == 90.0).sum() == 1


def test_a_window_without_any_row_is_announced_all_the_same(shop: Shop):
    shop.ingest(SEVEN)
    closed = close(shop.rt, SEVEN, METRICS)
    assert (closed.announce, closed.rows, closed.coverage) == ([SEVEN.start], 0, None)


def test_coverage_is_the_share_of_the_rows_that_the_day_before_lets_expect(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    eight = shop.again("test/eight")
    eight.usual(EIGHT)
    eight.measure("memory", "shop/cart", EIGHT, [500.0] * 30)
    eight.ingest(EIGHT)
    assert close(eight.rt, EIGHT, METRICS).coverage == round(330 / 360, 4)


def test_a_missing_folder_is_one_sentence_is_not_tried_again_and_leaves_a_trace(shop: Shop):
    shop.files.rename(shop.files.with_name("away"))
    with pytest.raises(LoadStopped, match="Source 'shop': there is no folder") as caught:
        shop.ingest(SEVEN)
    assert str(caught.value).count("there is no folder") == 1, "said once, not once per query"
    log = shop.rows(load_log)
    assert log["status"].tolist() == ["failed"] * 3
    assert log["message"].str.contains("there is no folder").all()
    assert close(shop.rt, SEVEN, METRICS).announce == [SEVEN.start]


def test_a_source_that_rejects_us_is_a_permanent_error():
    assert issubclass(SourceRejected, PermanentError)


def test_one_query_that_fails_keeps_no_other_from_loading(shop: Shop):
    shop.usual(SEVEN)
    (shop.files / "metrics" / "requests-broken.csv").write_bytes(b"\x00\x01 not,a\ncsv")
    shop.configure(
        "queries.yaml",
        """
        defaults: {sources: shop, step: 1m, service_label: job, identity_labels: [job]}
        queries:
          errors: {expr: errors, kind: errors, unit: requests, bad_direction: up}
          requests: {expr: requests, kind: traffic, unit: requests}
          memory: {expr: memory, kind: usage, unit: bytes, bad_direction: up, maximum: 100}
        """,
    )
    (shop.files / "metrics" / "requests-broken.csv").unlink()
    shop = shop.again()
    with pytest.raises(LoadStopped, match="memory"):
        shop.ingest(SEVEN)
    assert sorted(shop.rows(load_log)["status"]) == ["failed", "loaded", "loaded"]
    assert len(shop.points(SEVEN)) == 240


def test_what_may_pass_is_tried_again(shop: Shop):
    shop.usual(SEVEN)
    landing = shop.rt.settings.home / "landing"
    landing.write_text("a file where a folder should be")
    with pytest.raises(LoadFailed) as caught:
        shop.ingest(SEVEN)
    assert not isinstance(caught.value, PermanentError)


def test_a_poorer_answer_is_refused_until_somebody_allows_it(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.measure("errors", "shop/checkout", SEVEN, [1.0] * 5)
    assert shop.ingest(SEVEN)["refused_shrink"] == 1
    assert len(shop.points(SEVEN)) == 360
    assert shop.ingest(SEVEN, allow_shrink=True)["loaded"] == 1
    assert len(shop.points(SEVEN)) == 305


def test_a_query_that_changed_its_unit_loads_only_when_somebody_allows_it(shop: Shop):
    for job in ("shop/cart", "shop/checkout", "shop/search"):
        shop.measure("memory", job, SEVEN, [500.0 + minute % 5 for minute in range(60)])
        shop.measure("memory", job, EIGHT, [0.5 + minute % 5 / 1000 for minute in range(60)])
    shop.ingest(SEVEN)
    with pytest.raises(LoadStopped, match="as if their unit had changed"):
        shop.ingest(EIGHT)
    assert shop.points(EIGHT).empty
    assert shop.ingest(EIGHT, allow_unit_change=True)["rows"] == 180


def test_series_beyond_the_cap_of_the_settings_are_set_apart(shop: Shop):
    for number in range(5):
        shop.measure("requests", f"shop/{number}", SEVEN, 1.0)
    shop.again(max_series_per_query=3).ingest(SEVEN)
    assert shop.rows(series)["series_id"].nunique() == 3
    assert set(shop.rows(quarantine_row)["rule"]) == {"series_cap"}


def test_a_replay_restores_the_rows_without_the_source(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.measure("errors", "shop/checkout", SEVEN, 3.0)
    shop.again(clock=FixedClock(NOW + timedelta(minutes=1))).ingest(SEVEN)
    newest = shop.points(SEVEN)
    with shop.rt.warehouse.transaction() as tx:
        tx.expire(metric_point, "ts", EIGHT.start)
    shop.files.rename(shop.files.with_name("away"))
    shop.ingest(SEVEN, replay=True)
    pd.testing.assert_frame_equal(shop.points(SEVEN), newest)


def test_a_replay_of_what_never_landed_says_so(shop: Shop):
    with pytest.raises(LoadStopped, match="Nothing has landed for shop/requests"):
        shop.ingest(SEVEN, replay=True)


def test_alerts_come_with_service_and_severity_in_our_words(shop: Shop):
    shop.alert("2026-11-05T07:10:00Z", severity="SEV1")
    shop.ingest(SEVEN, "alert")
    (one,) = shop.rows(alert).to_dict("records")
    assert (one["service"], one["service_alias"], one["severity"]) == ("checkout", "Shop: Checkout", "CRITICAL")


def test_what_a_source_says_about_its_own_answer_is_kept(shop: Shop):
    shop.usual(SEVEN)
    reading = read_source(shop.rt, Scope("shop", "metric_point", "errors", SEVEN), Access())
    assert reading.warnings == ()
    load_landed(shop.rt, replace(reading, warnings=("one store did not answer", "results were rounded")))
    results = shop.rows(quality_result, quality_result.c.rule == "source_without_warnings").to_dict("records")
    assert [(one["level"], bool(one["success"]), one["message"]) for one in results] == [
        ("warn", False, "one store did not answer; results were rounded")
    ]


def test_a_source_and_the_one_that_knows_its_past_each_get_their_own_login(shop: Shop):
    shop = shop.configure(
        "sources.yaml",
        """
        sources:
          shop: {type: files, path: shop, layout: {metric: metric, value: value, labels: {job: job}}}
          prometheus: {type: prometheus, url: "http://localhost:9090", connection: prom_login}
          alertmanager:
            {type: alertmanager, url: "http://localhost:9093", connection: am_login, history_from: prometheus}
        """,
    )
    access = Access.of(shop.rt, shop.rt.config.sources["alertmanager"], lambda name: Credentials(login=name))
    assert access.credentials == Credentials(login="am_login")
    assert access.history == (shop.rt.config.sources["prometheus"], Credentials(login="prom_login"))
    assert Access.of(shop.rt, shop.rt.config.sources["shop"], lambda name: Credentials(login=name)) == Access()


def test_credentials_are_asked_for_only_where_a_source_names_a_connection(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    with pytest.raises(AssertionError, match="asked for the connection vault"):
        with_source(shop, connection="vault").ingest(SEVEN)


def test_a_window_that_still_runs_is_read_up_to_now(shop: Shop):
    running = Window.parse("2026-11-05T11:00/2026-11-05T13:00")
    shop.usual(running)
    shop.ingest(running)
    assert shop.points(running)["ts"].max() < shop.rt.clock.now()


def test_a_window_of_the_future_is_refused(shop: Shop):
    with pytest.raises(LoadStopped, match="has not begun yet"):
        shop.ingest(Window.parse("2026-11-05T13"))
