"""The files source on files made for the purpose: every form, and everything that files get wrong."""

import contextlib
import csv
import gzip
import io
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from include.datasets import ALERT, METRIC_POINT
from include.sources import SourceAnswerInvalid, SourceRejected
from include.window import Window
from tests.sources.conftest import Ask

DAY = Window.parse("2026-10-01/2026-10-02")
LAYOUT = {"time": "ts", "value": "value", "labels": {"job": "job"}}
HEADER = "ts,job,value\n"


def points(folder: Path | str, layout: dict[str, Any] | None = None, **query: Any) -> Any:
    source = {"type": "files", "path": str(folder), "layout": {**LAYOUT, **(layout or {})}}
    return Ask.metrics(source, {"expr": "value", **query})


def read(
    folder: Path, text: str | bytes, layout: dict[str, Any] | None = None, name: str = "a.csv", **query: Any
) -> Any:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return Ask.rows(points(folder, layout, **query), DAY)


def short(rows: list[dict[str, Any]]) -> list[tuple[str, str, float]]:
    assert all(row["raw"] is None for row in rows)
    return [(f"{row['ts']:%H:%M:%S.%f}"[:12], json.loads(row["labels"]).get("job"), row["value"]) for row in rows]


GOOD = [("00:00:00.000", "a", 1.5), ("00:01:00.000", "a", 2.5)]
PLAIN = HEADER + "2026-10-01T00:00:00Z,a,1.5\n2026-10-01T00:01:00Z,a,2.5\n"


def test_csv_plain_gzip_and_with_a_byte_order_mark(folder: Path) -> None:
    assert short(read(folder, PLAIN)) == GOOD
    assert short(read(folder, gzip.compress(PLAIN.encode()), name="a.csv")) == GOOD
    assert short(read(folder, "\ufeff" + PLAIN)) == GOOD
    assert short(read(folder, PLAIN.replace("\n", "\r\n"))) == GOOD


def test_json_lines_with_nested_keys(folder: Path) -> None:
    times = ["2026-10-01T00:00:00Z", "2026-10-01T00:01:00Z"]
    lines = [{"ts": ts, "meta": {"job": "a"}, "v": value} for ts, value in zip(times, (1.5, "2.5"), strict=True)]
    text = "\n".join(map(json.dumps, lines))
    layout = {"labels": {"job": "meta.job"}, "value": "v"}
    assert short(read(folder, text, layout, "a.jsonl")) == GOOD
    assert short(read(folder, gzip.compress(text.encode()), {**layout, "files": "*.gz"}, "b.jsonl.gz")) == GOOD


def test_parquet_with_typed_columns(folder: Path) -> None:
    ts = pa.array([datetime(2026, 10, 1, 0, 0), datetime(2026, 10, 1, 0, 1)], pa.timestamp("ms"))
    table = pa.table(
        {"ts": ts, "job": pa.array(["a", "a"]).dictionary_encode(), "value": pa.array([1.5, 2.5], pa.float32())}
    )
    pq.write_table(table, folder / "a.parquet")
    assert short(Ask.rows(points(folder), DAY)) == GOOD


def test_a_json_document_by_its_path(folder: Path) -> None:
    document = {
        "data": {
            "x": [{"ts": 1790812800, "job": "a", "value": 1.5}],
            "y": [{"ts": 1790812860, "job": "a", "value": 2.5}],
        }
    }
    assert short(read(folder, json.dumps(document), {"records": "data.*", "time_unit": "s"}, "a.json")) == GOOD


def test_an_object_store() -> None:
    store = UPath("memory://almanac-test/metrics")
    store.mkdir(parents=True, exist_ok=True)
    (store / "a.csv").write_text(PLAIN)
    assert short(Ask.rows(points("memory://almanac-test/metrics"), DAY)) == GOOD


@pytest.mark.parametrize(
    ("layout", "first", "second"),
    [
        ({"time_unit": "s"}, "1790812800", "1790812860"),
        ({"time_unit": "s"}, "1790812800.0", "1790812860.000"),
        ({"time_unit": "ms"}, "1790812800000", "1790812860000"),
        ({"time_unit": "us"}, "1790812800000000", "1790812860000000"),
        ({"time_unit": "ns"}, "1790812800000000000", "1790812860000000999"),
        ({}, "2026-10-01 00:00:00", "2026-10-01 00:01:00"),
        ({}, "2026-10-01T02:00:00+02:00", "2026-10-01T02:01:00+02:00"),
        ({}, "2026-10-01 00:00:00", "2026-10-01T00:01:00Z"),
        ({"time_zone": "Europe/Berlin"}, "2026-10-01 02:00:00", "2026-10-01T00:01:00Z"),
        ({"time_zone": "Europe/Berlin"}, "2026-10-01 02:00:00", "2026-10-01 02:01:00"),
        ({"time_format": "%d.%m.%Y %H:%M"}, "01.10.2026 00:00", "01.10.2026 00:01"),
        ({"time_align": "1m"}, "2026-10-01 00:00:09", "2026-10-01 00:01:59.999"),
        ({"shift": "30d"}, "2026-09-01 00:00:00", "2026-09-01 00:01:00"),
    ],
)
def test_ways_to_write_a_time(folder: Path, layout: dict[str, Any], first: str, second: str) -> None:
    assert short(read(folder, f"{HEADER}{first},a,1.5\n{second},a,2.5\n", layout)) == GOOD


def test_the_window_is_half_open(folder: Path) -> None:
    text = HEADER + "2026-09-30T23:59:59.999999Z,a,1\n2026-10-01T00:00:00Z,a,2\n2026-10-02T00:00:00Z,a,3\n"
    assert [value for _, _, value in short(read(folder, text))] == [2.0]


def test_nan_inf_and_text(folder: Path) -> None:
    cells = ["NaN", "+Inf", "-inf", "kaputt", "", " 7 "]
    rows = read(folder, HEADER + "".join(f"2026-10-01T00:0{i}:00Z,a,{cell}\n" for i, cell in enumerate(cells)))
    values = [row["value"] for row in rows]
    assert np.array_equal(values[:3], [math.nan, math.inf, -math.inf], equal_nan=True)
    assert values[3:] == [None, None, 7.0]
    assert [row["raw"] and json.loads(row["raw"])["value"] for row in rows] == [None, None, None, "kaputt", "", None]


def test_out_of_order_points_come_in_order_and_exact_duplicates_once(folder: Path) -> None:
    text = HEADER + "2026-10-01T00:01:00Z,a,2.5\n2026-10-01T00:00:00Z,a,1.5\n2026-10-01T00:01:00Z,a,2.5\n"
    (folder / "again.csv").write_text(PLAIN)
    assert short(read(folder, text)) == GOOD


def test_points_that_contradict_each_other_all_come_for_quality_to_judge(folder: Path) -> None:
    rows = read(folder, HEADER + "2026-10-01T00:00:00Z,a,1\n2026-10-01T00:00:00Z,a,2\n")
    assert [value for _, _, value in short(rows)] == [1.0, 2.0]


def test_a_line_with_too_many_cells_is_told_in_the_window_of_its_neighbour(folder: Path) -> None:
    text = PLAIN + "2026-10-01T00:02:00Z,a,3,4,5\n2026-10-02T00:00:00Z,a,9\nbroken,line\n"
    rows = read(folder, text)
    assert [row["raw"] for row in rows if row["raw"]] == ["2026-10-01T00:02:00Z,a,3,4,5"]
    assert len(rows) == 3


def test_a_row_without_a_readable_time_is_told_once(folder: Path) -> None:
    text = PLAIN + "yesterday,a,3\n2026-10-02T00:00:00Z,a,9\n"
    rows = read(folder, text)
    assert [(row["ts"], row["value"]) for row in rows if row["raw"]] == [(None, None)]
    assert json.loads(rows[-1]["raw"]) == {"ts": "yesterday", "job": "a", "value": "3"}
    next_day = Ask.rows(points(folder), Window.parse("2026-10-02/2026-10-03"))
    assert [row["raw"] for row in next_day] == [None]


def test_a_clock_years_off_stays_out_of_the_window(folder: Path) -> None:
    text = PLAIN + "2036-10-01T00:00:00Z,a,3\n9999-12-31T00:00:00Z,a,3\n"
    assert short(read(folder, text)) == GOOD


def test_bytes_that_are_not_utf8_cost_one_character(folder: Path) -> None:
    rows = read(folder, HEADER.encode() + b"2026-10-01T00:00:00Z,caf\xe9,1\n")
    assert json.loads(rows[0]["labels"]) == {"job": "caf\ufffd"}


def test_wide_columns_by_pattern_and_an_empty_cell_is_no_point(folder: Path) -> None:
    text = "ts,m00,m01,other\n2026-10-01T00:00:00Z,1,2,x\n2026-10-01T00:01:00Z,,4,x\n"
    rows = read(folder, text, {"value": None, "labels": {}, "constants": {"job": "k"}}, expr="/m\\d+/")
    assert [(row["labels"], row["value"]) for row in rows] == [
        ('{"job":"k","metric":"m00"}', 1.0),
        ('{"job":"k","metric":"m01"}', 2.0),
        ('{"job":"k","metric":"m01"}', 4.0),
    ]


def test_a_column_with_the_metrics_name(folder: Path) -> None:
    cells = ["00:00Z,a,cpu,1.5", "00:00Z,a,mem,9", "01:00Z,a,cpu,2.5"]
    text = "ts,job,name,value\n" + "".join(f"2026-10-01T00:{one}\n" for one in cells)
    assert short(read(folder, text, {"metric": "name"}, expr="cpu")) == GOOD


def test_an_empty_file_and_a_header_alone_give_nothing(folder: Path) -> None:
    assert read(folder, "") == []
    assert read(folder, HEADER) == []
    assert read(folder, "", name="b.jsonl") == []


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"ts,job\n2026-10-01T00:00:00Z,a\n", "has no column 'value'. Its columns are ts, job"),
        ("a.csv", b"when,job,value\n1,a,2\n", "has no column 'ts'"),
        ("a.csv", b"ts,ts,value\n1,a,2\n", "names a column twice"),
        ("a.csv", gzip.compress(PLAIN.encode())[:40], "not whole gzip"),
        ("a.parquet", b"PAR1", "not whole Parquet"),
        ("a.json", b"{", "no JSON"),
        ("a.dat", b"x", "does not tell its format"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_named(folder: Path, name: str, data: bytes, message: str) -> None:
    with pytest.raises(SourceAnswerInvalid, match=message) as caught:
        read(folder, data, name=name)
    assert name in str(caught.value)


def test_no_folder_and_no_file_are_rejected(folder: Path) -> None:
    with pytest.raises(SourceRejected, match="there is no folder"):
        Ask.rows(points(folder / "none"), DAY)
    with pytest.raises(SourceRejected, match=r"no file below .* matches \*\.csv"):
        Ask.rows(points(folder, {"files": "*.csv"}), DAY)


def test_a_dated_pattern_opens_only_the_days_of_the_window(folder: Path) -> None:
    (folder / "2026-10-01.csv").write_text(PLAIN)
    (folder / "2026-10-02.csv").write_text("not what it should be")
    assert short(Ask.rows(points(folder, {"files": "%Y-%m-%d.csv"}), DAY)) == GOOD


EVENTS = {
    "time": "changed",
    "labels": {"team": "team"},
    "columns": {
        "name": "what",
        "service": "svc",
        "starts_at": "began",
        "ends_at": "ended",
        "summary": "{what} at {svc}",
    },
    "defaults": {"status": "firing", "severity": "HIGH"},
}


def alerts(folder: Path, text: str) -> list[dict[str, Any]]:
    (folder / "a.csv").write_text(text)
    source = Ask.feed({"type": "files", "path": str(folder)}, {"dataset": "alert", "layout": EVENTS})
    return Ask.rows(source, DAY)


def test_records_by_a_mapping(folder: Path) -> None:
    text = (
        "changed,what,svc,began,ended,team\n"
        "2026-10-01T00:05:00Z,Down,cart,2026-10-01T00:01:00Z,,shop\n"
        "2026-10-01T00:06:00Z,Down,auth,2026-10-01T00:01:00Z,later,shop\n"
        "2026-10-01T00:05:00Z,Down,cart,2026-10-01T00:01:00Z,,shop\n"
    )
    good, bad = alerts(folder, text)
    assert good["name"] == "Down"
    assert good["summary"] == "Down at cart"
    assert good["starts_at"] == datetime(2026, 10, 1, 0, 1, tzinfo=UTC)
    assert good["ends_at"] is None
    assert (good["status"], good["severity"], good["deleted"], good["raw"]) == ("firing", "HIGH", False, None)
    assert good["labels"] == '{"team":"shop"}'
    assert len(good["alert_id"]) == 16
    assert len(good["fingerprint"]) == 16
    assert json.loads(bad["raw"])["ended"] == "later"
    assert set(good) == set(ALERT.schema.names)


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
POINTS = st.lists(st.tuples(st.integers(0, 86_399), NAMES, st.floats()), max_size=8, unique_by=lambda p: (p[0], p[1]))


@given(POINTS, st.sampled_from(["csv", "jsonl"]))
def test_what_is_written_is_what_is_read(rows: list[tuple[int, str, float]], form: str) -> None:
    start = int(DAY.start.timestamp())
    out = io.StringIO()
    if form == "csv":
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        writer.writerow(["ts", "job", "value"])
        writer.writerows([start + second, job, repr(value)] for second, job, value in rows)
    else:
        out.writelines(json.dumps({"ts": start + s, "job": job, "value": repr(v)}) + "\n" for s, job, v in rows)
    with TemporaryDirectory() as name:
        (Path(name) / f"a.{form}").write_bytes(out.getvalue().encode())
        found = Ask.table(points(name, {"time_unit": "s"}), DAY)
    assert found.num_rows == len(rows)
    if not rows:
        return
    assert found.schema.equals(METRIC_POINT.schema)
    got = {(row["ts"].timestamp(), json.loads(row["labels"]).get("job", "")): row["value"] for row in found.to_pylist()}
    assert set(got) == {(start + second, job) for second, job, _ in rows}
    for second, job, value in rows:
        assert np.array_equal(got[start + second, job], value, equal_nan=True)


@given(st.text(alphabet='ab,"\n\r1x2026-T:Z{}[] ', max_size=80), st.sampled_from(["csv", "jsonl", "json"]))
def test_no_text_is_anything_but_rows_or_our_own_error(text: str, form: str) -> None:
    with TemporaryDirectory() as name:
        (Path(name) / f"a.{form}").write_bytes((HEADER + text).encode())
        with contextlib.suppress(SourceAnswerInvalid):
            Ask.table(points(name), DAY)
