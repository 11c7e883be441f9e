import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from include.config.query import MetricQuery
from include.config.source import Feed, SourceConfig
from include.sources import Credentials, Source, SourceAnswerInvalid, SourceRejected, SourceUnavailable, open_source
from include.sources.kafka.boundaries import Boundaries, forget_before
from include.window import Window
from tests.fakes.kafka import FakeKafka, know_times

SEVEN = datetime(2026, 11, 5, 7, tzinfo=UTC)
CARD = Path(__file__).parents[2] / "docs" / "sources" / "kafka.md"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKafka]:
    with FakeKafka() as fake:
        know_times(monkeypatch, fake)
        yield fake


def hour(start: int) -> Window:
    return Window.parse(f"2026-11-05T{start:02d}")


def source(fake: FakeKafka, **more: Any) -> SourceConfig:
    options = {"brokers": fake.brokers, **more.pop("options", {})}
    return SourceConfig.model_validate({"name": "bus", "type": "kafka", "timeout": "5s", "options": options, **more})


def logs(
    fake: FakeKafka,
    state: Path | None = None,
    *,
    options: dict[str, Any] | None = None,
    extra: dict[str, str] | None = None,
    **more: Any,
) -> Source:
    layout = {"columns": {"message": "msg", "service": "app", "level": "level"}, **more.pop("layout", {})}
    asked = {"name": "logs", "source": "bus", "dataset": "log_event", "layout": layout}
    feed = Feed.model_validate({**asked, "options": {"topic": "logs", **(options or {})}})
    return open_source(source(fake, **more), feed, Credentials(extra=extra or {}), state=str(state) if state else None)


def rows(opened: Source, window: Window) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for batch in opened.read(window):
        batch.validate(full=True)
        found += batch.to_pylist()
    return found


def said(opened: Source, window: Window) -> list[str]:
    return [row["message"] for row in rows(opened, window)]


def line(fake: FakeKafka, text: str, minute: float, partition: int = 0) -> None:
    fake.write("logs", json.dumps({"msg": text}), SEVEN + timedelta(minutes=minute), partition=partition)


def test_a_message_becomes_a_line_with_its_time_position_and_all_else_that_it_says(cluster: FakeKafka) -> None:
    text = '{"app": "cart", "level": "WARN", "msg": "slow", "http": {"status": 200, "path": "/a"}, "tags": ["x", 1]}'
    cluster.write("logs", text, SEVEN + timedelta(minutes=1, milliseconds=250), partition=2)
    cluster.settle()
    assert rows(logs(cluster), hour(7)) == [
        {
            "ts": datetime(2026, 11, 5, 7, 1, 0, 250_000, tzinfo=UTC),
            "service": "cart",
            "host": None,
            "level": "WARN",
            "logger": None,
            "message": "slow",
            "trace_id": None,
            "span_id": None,
            "attributes": '{"http.path":"/a","http.status":"200","tags":"[\\"x\\", 1]"}',
            "event_id": "2-0",
            "raw": None,
        }
    ]


def test_a_window_holds_the_messages_of_all_partitions_and_no_others(cluster: FakeKafka) -> None:
    for minute in range(180):
        line(cluster, f"{minute}", minute, partition=minute % 3)
    cluster.settle()
    assert sorted(said(logs(cluster), hour(8)), key=int) == [str(minute) for minute in range(60, 120)]


def test_a_second_read_takes_the_same_messages_whatever_has_come_since(cluster: FakeKafka, tmp_path: Path) -> None:
    line(cluster, "first", 10)
    cluster.settle()
    assert said(logs(cluster, tmp_path), hour(7)) == ["first"]
    line(cluster, "an hour late", 11)
    line(cluster, "next", 70)
    cluster.settle()
    assert said(logs(cluster, tmp_path), hour(7)) == ["first"]
    assert said(logs(cluster, tmp_path), hour(8)) == ["an hour late", "next"]
    kept = json.loads((tmp_path / "logs" / "20261105T080000.000000Z.json").read_text())
    assert kept == {
        "topic": "logs",
        "time": "2026-11-05T08:00:00+00:00",
        "offsets": {"0": 1, "1": 0, "2": 0, "3": 0},
    }


def test_what_comes_after_its_hour_goes_out_with_its_own_time_for_quality_to_judge(cluster: FakeKafka) -> None:
    for minute in (59, 61, 70, 30):
        line(cluster, f"{minute}", minute)
    cluster.settle()
    late = rows(logs(cluster), hour(8))
    assert [(row["message"], row["ts"].hour) for row in late] == [("30", 7), ("61", 8), ("70", 8)]


def test_stragglers_around_the_full_hour_are_rows_of_the_hour_of_their_time(cluster: FakeKafka, tmp_path: Path) -> None:
    for minute in (50, 59.9, 60.1, 59.95, 60.2, 63, 56, 66, 57, 70):
        line(cluster, f"{minute:g}", minute)
    cluster.settle()
    eight = said(logs(cluster, tmp_path), hour(8))
    seven = said(logs(cluster, tmp_path), hour(7))
    assert eight == ["57", "60.1", "60.2", "63", "66", "70"]  # 57 came after 66: more than five minutes late
    assert seven == ["50", "59.9", "56", "59.95"]


def test_a_straggler_that_comes_after_its_hour_was_read_is_there_when_the_hour_is_read_again(
    cluster: FakeKafka, tmp_path: Path
) -> None:
    line(cluster, "58", 58)
    cluster.settle()
    assert said(logs(cluster, tmp_path), hour(7)) == ["58"]
    for minute in (60.1, 59.9, 60.2):
        line(cluster, f"{minute:g}", minute)
    cluster.settle()
    assert said(logs(cluster, tmp_path), hour(8)) == ["60.1", "60.2"]
    assert said(logs(cluster, tmp_path), hour(7)) == ["58", "59.9"]


def test_without_lateness_no_hour_is_read_again_so_stragglers_go_out_where_they_lie(cluster: FakeKafka) -> None:
    for minute in (50, 60.1, 59.95, 70):
        line(cluster, f"{minute:g}", minute)
    cluster.settle()
    assert said(logs(cluster, lateness="0s"), hour(8)) == ["59.95", "60.1", "70"]
    assert said(logs(cluster, lateness="0s"), hour(7)) == ["50"]


@pytest.mark.parametrize("hours_first", [True, False])
def test_every_message_of_a_disordered_topic_is_in_exactly_one_window(
    cluster: FakeKafka, tmp_path: Path, hours_first: bool
) -> None:
    dice = random.Random(7)
    for number in range(3000):
        shift = dice.choice([0, 0, 0, dice.uniform(-4, 4), dice.uniform(-90, 0)])
        line(cluster, f"{number}", 1 + number / 3000 * 170 + shift, partition=number % 2)
    cluster.settle()
    windows = [Window.parse("2026-11-05T06"), hour(7), hour(8), hour(9), Window.parse("2026-11-05T10/2026-11-06")]
    if not hours_first:
        windows = [Window.parse("2026-11-05T10/2026-11-06"), hour(8), hour(9), hour(7), Window.parse("2026-11-05T06")]
    found = [text for window in windows for text in said(logs(cluster, tmp_path), window)]
    before = said(logs(cluster, tmp_path), Window.parse("2026-11-04/2026-11-05T06"))
    assert sorted([*found, *before], key=int) == [str(number) for number in range(3000)]


def test_one_message_from_the_future_does_not_end_the_hours(cluster: FakeKafka, tmp_path: Path) -> None:
    for minute in range(30):
        line(cluster, f"{minute}", minute)
    cluster.write("logs", '{"msg": "from 2050"}', datetime(2050, 1, 1, tzinfo=UTC))
    for minute in range(30, 150):
        line(cluster, f"{minute}", minute)
    cluster.settle()
    seven, eight = said(logs(cluster, tmp_path), hour(7)), said(logs(cluster, tmp_path), hour(8))
    assert sorted(seven) == sorted([*(f"{minute}" for minute in range(60)), "from 2050"])
    assert eight == [f"{minute}" for minute in range(60, 120)]


def test_messages_that_the_brokers_have_deleted_are_counted_and_stop_the_window(
    cluster: FakeKafka, tmp_path: Path
) -> None:
    line(cluster, "kept", 59)
    cluster.settle()
    assert said(logs(cluster, tmp_path), hour(7)) == ["kept"]
    for minute in range(60, 67):
        cluster.write("logs", json.dumps({"msg": "x" * 1_000_000}), SEVEN + timedelta(minutes=minute))
        cluster.settle()
    with pytest.raises(SourceAnswerInvalid) as failure:
        rows(logs(cluster, tmp_path), hour(8))
    assert str(failure.value) == (
        "Source 'bus': 2 messages of topic 'logs', partition 0 (offsets 1 to 2), are gone from the brokers: they were "
        "deleted before 2026-11-05T08:00:00Z/2026-11-05T09:00:00Z was read. Replay the window where it has landed "
        "before; to read what is left, set accept_gaps in the source's options."
    )
    accepting = open_source(
        source(cluster, options={"accept_gaps": True}),
        Feed.model_validate(
            {
                "name": "logs",
                "source": "bus",
                "dataset": "log_event",
                "options": {"topic": "logs"},
                "layout": {"columns": {"message": "msg"}},
            }
        ),
        state=str(tmp_path),
    )
    assert [row["ts"].minute for row in rows(accepting, hour(8))] == [2, 3, 4, 5, 6]
    assert accepting.warnings[0].startswith("2 messages of topic 'logs', partition 0 (offsets 1 to 2), are gone")


def test_a_first_read_beyond_what_the_brokers_still_have_says_so(cluster: FakeKafka) -> None:
    for minute in range(8):
        cluster.write("logs", json.dumps({"msg": "x" * 1_000_000}), SEVEN + timedelta(minutes=minute))
        cluster.settle()
    opened = logs(cluster)
    assert len(rows(opened, hour(7))) == 5
    (warning,) = opened.warnings
    assert warning.startswith("topic 'logs', partition 0 begins at offset 3: what was written before is deleted")


def test_a_topic_that_was_made_anew_is_not_taken_for_the_old_one(cluster: FakeKafka, tmp_path: Path) -> None:
    line(cluster, "new", 70)
    cluster.settle()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "20261105T080000.000000Z.json").write_text('{"offsets": {"0": 900}}')
    with pytest.raises(SourceAnswerInvalid, match=r"partition 0 ends at offset 1, before 900, where .* made anew"):
        rows(logs(cluster, tmp_path), hour(8))


def test_a_partition_that_was_added_later_is_read_from_its_first_message(cluster: FakeKafka, tmp_path: Path) -> None:
    line(cluster, "old partition", 70)
    line(cluster, "new partition", 71, partition=3)
    cluster.settle()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "20261105T080000.000000Z.json").write_text('{"offsets": {"0": 0, "1": 0, "2": 0}}')
    assert said(logs(cluster, tmp_path), hour(8)) == ["old partition", "new partition"]


def test_offsets_that_are_damaged_are_named_with_what_to_do(cluster: FakeKafka, tmp_path: Path) -> None:
    line(cluster, "a", 70)
    cluster.settle()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "20261105T080000.000000Z.json").write_text('{"offs')
    with pytest.raises(SourceAnswerInvalid, match=r"20261105T080000.000000Z.json does not hold offsets .* Remove it"):
        rows(logs(cluster, tmp_path), hour(8))


def test_boundaries_beyond_the_retention_are_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    boundaries = Boundaries("shop", "lines", str(tmp_path))
    for hour in (6, 7, 8):
        boundaries.keep(datetime(2026, 11, 5, hour, tzinfo=UTC), {0: hour})
    assert forget_before(str(tmp_path), datetime(2026, 11, 5, 8, tzinfo=UTC)) == 2
    assert boundaries.kept(datetime(2026, 11, 5, 7, tzinfo=UTC)) is None
    assert boundaries.kept(datetime(2026, 11, 5, 8, tzinfo=UTC)) == {0: 8}
    assert forget_before(str(tmp_path / "nothing"), datetime(2026, 11, 5, 8, tzinfo=UTC)) == 0


def test_markers_of_transactions_are_holes_that_end_no_window_early(cluster: FakeKafka, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": cluster.brokers[0], "transactional.id": "till", "log_level": 0})
    producer.init_transactions(10)
    for text in ("a", "b"):
        producer.begin_transaction()
        moment = int((SEVEN + timedelta(minutes=1)).timestamp() * 1000)
        producer.produce("logs", json.dumps({"msg": text}), partition=0, timestamp=moment)
        producer.commit_transaction(10)
        cluster.produced["logs", 0] += [moment, moment]  # the message and the marker
    # The mock's markers carry no checksum.
    assert said(logs(cluster, tmp_path, extra={"check.crcs": "false"}), hour(7)) == ["a", "b"]
    kept = json.loads((tmp_path / "logs" / "20261105T080000.000000Z.json").read_text())
    assert kept["offsets"]["0"] == 4


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_are_read(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeKafka(**{"compression.type": codec}) as fake:
        know_times(monkeypatch, fake)
        for number in range(200):
            line(fake, f"{number}", number / 10)
        fake.settle()
        assert said(logs(fake), hour(7)) == [str(number) for number in range(200)]


def test_what_is_no_json_object_goes_out_with_every_byte(cluster: FakeKafka) -> None:
    for value in (b"not json", b"[1]", b'{"msg": "cut', b"\xff\x00\xfe", b"", b'{"msg": "fine"}'):
        cluster.write("logs", value, SEVEN)
    cluster.settle()
    found = rows(logs(cluster), hour(7))
    assert [row["raw"] for row in found] == [None, "not json", "[1]", '{"msg": "cut', "\\xff\x00\\xfe", ""]
    assert found[0]["message"] == "fine"


def test_tombstones_of_facts_are_counted_and_those_of_records_are_deleted_records(cluster: FakeKafka) -> None:
    cluster.write("logs", None, SEVEN, key="7")
    cluster.write("alerts", None, SEVEN, key="a-7")
    cluster.settle()
    opened = logs(cluster)
    assert rows(opened, hour(7)) == []
    assert opened.warnings == ["1 messages of topic 'logs' have no value and were left out"]
    layout = {"columns": {"alert_id": "_key", "name": "rule"}}
    asked = {"name": "alerts", "source": "bus", "dataset": "alert", "options": {"topic": "alerts"}, "layout": layout}
    found = rows(open_source(source(cluster), Feed.model_validate(asked)), hour(7))
    assert [(row["alert_id"], row["deleted"], row["updated_at"]) for row in found] == [("a-7", True, SEVEN)]


def test_an_alert_is_mapped_column_by_column(cluster: FakeKafka) -> None:
    text = {"id": "17", "rule": "HighLatency", "state": "firing", "sev": "P2", "svc": "cart", "at": 1762326600000}
    cluster.write("alerts", json.dumps(text), SEVEN + timedelta(minutes=12), headers=[("team", b"shop")])
    cluster.settle()
    layout = {
        "time": "at",
        "time_unit": "ms",
        "columns": {"alert_id": "id", "name": "rule", "status": "state", "severity": "sev", "service": "svc"},
        "labels": {"team": "_headers.team"},
    }
    options = {"topic": "alerts", "time": "field"}
    asked = {"name": "alerts", "source": "bus", "dataset": "alert", "options": options, "layout": layout}
    window = Window.parse("2025-11-05T07")
    cluster.produced["alerts", 0] = [int(window.start.timestamp() * 1000)]
    (row,) = rows(open_source(source(cluster), Feed.model_validate(asked)), window)
    assert {name: row[name] for name in ("alert_id", "name", "status", "severity", "service", "labels", "raw")} == {
        "alert_id": "17",
        "name": "HighLatency",
        "status": "firing",
        "severity": "P2",
        "service": "cart",
        "labels": '{"team":"shop"}',
        "raw": None,
    }
    assert row["starts_at"] == row["updated_at"] == datetime(2025, 11, 5, 7, 10, tzinfo=UTC)


def points(fake: FakeKafka, expr: str, layout: dict[str, Any], **options: Any) -> Source:
    asked = {"name": "cpu", "sources": ["bus"], "kind": "other", "unit": "ratio", "expr": expr}
    config = source(fake, options={"topic": "metrics", **options}, layout=layout)
    return open_source(config, MetricQuery.model_validate(asked))


def test_points_are_selected_by_the_metrics_name(cluster: FakeKafka) -> None:
    for second, name in enumerate(["cpu", "memory", "cpu"]):
        value = {"name": name, "value": second / 2, "host": "web-1"}
        cluster.write("metrics", json.dumps(value), SEVEN + timedelta(seconds=second))
    cluster.write("metrics", '{"name": "cpu", "value": "much"}', SEVEN)
    cluster.settle()
    layout = {"metric": "name", "value": "value", "labels": {"instance": "host"}}
    found = rows(points(cluster, "cpu", layout), hour(7))
    assert [(row["ts"].second, row["labels"], row["value"], row["raw"]) for row in found] == [
        (0, '{"instance":"web-1"}', 0.0, None),
        (0, "{}", None, '{"name": "cpu", "value": "much"}'),
        (2, '{"instance":"web-1"}', 1.0, None),
    ]


def test_points_may_stand_in_a_field_each_or_be_the_whole_message(cluster: FakeKafka) -> None:
    cluster.write("metrics", '{"cpu": {"user": 0.5, "idle": 0.25}, "host": "a"}', SEVEN)
    cluster.write("metrics", '{"disk": 1}', SEVEN)
    cluster.settle()
    assert [row["value"] for row in rows(points(cluster, "cpu.user", {"labels": {"host": "host"}}), hour(7))] == [0.5]
    both = rows(points(cluster, r"/cpu\..*/", {}), hour(7))
    assert [(row["labels"], row["value"]) for row in both] == [
        ('{"metric":"cpu.user"}', 0.5),
        ('{"metric":"cpu.idle"}', 0.25),
    ]
    cluster.write("plain", "0.75", SEVEN)
    cluster.settle()
    text = points(cluster, "any", {"value": "_text"}, topic="plain", format="text")
    assert [row["value"] for row in rows(text, hour(7))] == [0.75]


def test_a_line_of_text_is_a_line_and_a_message_of_ten_mebibytes_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeKafka(**{"compression.type": "gzip"}) as fake:  # the mock's partitions are smaller than that
        know_times(monkeypatch, fake)
        fake.write("logs", "plain line", SEVEN)
        fake.write("logs", "x" * (10 << 20), SEVEN + timedelta(minutes=1))
        fake.settle()
        small, large = said(logs(fake, options={"format": "text"}, layout={"columns": {}}), hour(7))
    assert (small, len(large)) == ("plain line", 10 << 20)


def test_a_topic_that_does_not_exist_is_named(cluster: FakeKafka) -> None:
    with pytest.raises(SourceRejected, match="the cluster has no topic 'absent'"):
        rows(logs(cluster, options={"topic": "absent"}), hour(7))


def test_brokers_that_are_down_are_said_to_be() -> None:
    config = {"name": "bus", "type": "kafka", "timeout": "1s", "options": {"brokers": "127.0.0.1:1"}}
    asked = {"name": "logs", "source": "bus", "dataset": "log_event", "options": {"topic": "logs"}}
    with pytest.raises(SourceUnavailable, match=r"topic 'logs' cannot be read \(.*\). Check that the brokers are up"):
        rows(open_source(SourceConfig.model_validate(config), Feed.model_validate(asked)), hour(7))


def test_a_cluster_that_speaks_another_security_says_so(cluster: FakeKafka) -> None:
    asked = Feed.model_validate({"name": "logs", "source": "bus", "dataset": "log_event", "options": {"topic": "logs"}})
    wrong = source(cluster, options={"security": "ssl"}, timeout="2s")
    with pytest.raises(SourceUnavailable, match=r"ssl://.*SSL_HANDSHAKE.* security in the options"):
        rows(open_source(wrong, asked), hour(7))
    wrong = source(cluster, options={"security": "sasl_plaintext"}, timeout="2s")
    with pytest.raises(SourceRejected, match=r"refuses us at topic 'logs': .*Check the login in its connection"):
        rows(open_source(wrong, asked, Credentials("me", "secret")), hour(7))


def test_brokers_that_go_away_in_the_middle_end_the_read_with_a_sentence(cluster: FakeKafka, tmp_path: Path) -> None:
    for minute in range(60):
        line(cluster, f"{minute}", minute, partition=minute % 2)
    cluster.settle()
    reading = logs(cluster, tmp_path, timeout="1s")._source.read(hour(7))  # redaction reads ahead
    assert next(reading).num_rows == 30
    cluster.stop()
    with pytest.raises(SourceUnavailable, match=r"'logs', partition 1, for 1 seconds \(.*\). Check the brokers"):
        list(reading)


def test_settings_that_librdkafka_does_not_know_and_those_that_run_things_are_refused(cluster: FakeKafka) -> None:
    asked = Feed.model_validate({"name": "logs", "source": "bus", "dataset": "log_event", "options": {"topic": "logs"}})
    for key in ("plugin.library.paths", "sasl.kerberos.kinit.cmd", "group.id"):
        with pytest.raises(SourceRejected, match=f"the connection's extra has the key '{key}'"):
            open_source(source(cluster), asked, Credentials(extra={key: "x"}))
    with pytest.raises(SourceRejected, match=r"its Kafka settings cannot be used .*ssl\.nonsense"):
        rows(open_source(source(cluster), asked, Credentials(extra={"ssl.nonsense": "x"})), hour(7))


def test_metrics_need_a_topic_and_lines_a_message(cluster: FakeKafka) -> None:
    asked = {"name": "cpu", "sources": ["bus"], "kind": "other", "unit": "ratio", "expr": "cpu"}
    with pytest.raises(SourceRejected, match="does not say which topic holds the metrics of 'cpu'"):
        open_source(source(cluster), MetricQuery.model_validate(asked))
    cluster.write("logs", '{"a": 1}', SEVEN)
    cluster.settle()
    with pytest.raises(SourceRejected, match="does not say which column is message"):
        rows(logs(cluster, layout={"columns": {}}), hour(7))


def test_the_card_shows_a_configuration_that_is_valid() -> None:
    (example,) = (part.split("```")[0] for part in CARD.read_text().split("```yaml\n")[1:])
    (name, entry), *_ = yaml.safe_load(example)["sources"].items()
    feeds = {key: {**feed, "name": key, "source": name} for key, feed in entry.pop("feeds").items()}
    config = SourceConfig.model_validate({"name": name, **entry, "feeds": feeds})
    assert [feed.dataset for feed in config.feeds.values()] == ["log_event", "alert"]
