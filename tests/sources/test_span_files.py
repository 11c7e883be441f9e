"""Files of traces: in the forms of OTLP, Jaeger and Zipkin, and as tables; real ones come whole."""

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config.source import SourceConfig
from include.sources import SourceAnswerInvalid, SourceRejected
from include.window import Window
from tests.fakes.jaeger import otlp, span
from tests.sources.conftest import Ask, at

START = 1_790_812_800
MICRO = START * 1_000_000
HOUR = Window(at(START), at(START + 3600))
EVER = Window.parse("1970-01-01/2100-01-01")


def source(folder: Path, form: str = "otlp", files: str = "**/*.json*", **layout: Any) -> Any:
    feed = {"dataset": "span", "layout": {"files": files, "format": form, **layout}}
    return Ask.feed({"type": "files", "path": str(folder)}, feed)


def line(micro: int, identity: str = "1", trace: str = "a") -> bytes:
    return json.dumps({"resourceSpans": [otlp(span(trace, identity, "cart", micro))]}).encode()


def ids(rows: list[dict[str, Any]]) -> list[str | None]:
    return [row["span_id"] and row["span_id"].lstrip("0") for row in rows]


def test_spans_of_all_files_in_the_window_come_once_and_in_order_of_time(folder: Path) -> None:
    (folder / "a.json").write_bytes(line(MICRO + 5, "2") + b"\n" + line(MICRO, "1") + b"\n" + line(MICRO - 1, "9"))
    (folder / "b.jsonl.json.gz").write_bytes(gzip.compress(line(MICRO + 7, "3") + b"\n" + line(MICRO, "1")))
    (folder / "c.json").write_bytes(line(MICRO + 3_600_000_000, "8"))
    (folder / "empty.json").write_bytes(b"")
    assert ids(Ask.rows(source(folder), HOUR)) == ["1", "2", "3"]


def test_a_text_that_is_no_span_lies_where_its_neighbour_does(folder: Path) -> None:
    (folder / "a.json").write_bytes(line(MICRO) + b"\nhalf a li\n" + line(MICRO + 3_600_000_000) + b"\n{\n")
    assert [row["raw"] for row in Ask.rows(source(folder), HOUR)] == [None, "half a li"]
    after = Window(at(START + 3600), at(START + 7200))
    assert [row["raw"] for row in Ask.rows(source(folder), after)] == [None, "{"]


def test_a_file_without_any_time_is_told_in_every_window(folder: Path) -> None:
    (folder / "a.json").write_bytes(b"\xff\x00 no traces")
    assert [row["raw"] for row in Ask.rows(source(folder), HOUR)] == ["� no traces".replace("�", "�\x00")]


def test_times_are_shifted(folder: Path) -> None:
    (folder / "a.json").write_bytes(line(MICRO - 3_600_000_000))
    assert [row["ts"] for row in Ask.rows(source(folder, shift="1h"), HOUR)] == [at(START)]


def test_gzip_that_is_cut_off_is_an_error(folder: Path) -> None:
    (folder / "a.json.gz").write_bytes(gzip.compress(line(MICRO))[:-9])
    with pytest.raises(SourceAnswerInvalid, match=r"Source 'shop', file .*a.json.gz: it is not whole gzip"):
        Ask.rows(source(folder), HOUR)


def test_one_trace_from_all_files(folder: Path) -> None:
    (folder / "2026-10-01.json").write_bytes(line(MICRO + 5, "2", "AB") + b"\n" + line(MICRO, "3", "cd"))
    (folder / "2026-10-02.json").write_bytes(line(MICRO, "1", "ab"))
    reader = source(folder, files="%Y-%m-%d.json")
    assert ids(reader.get_trace("0" * 30 + "AB").to_pylist()) == ["1", "2"]
    assert reader.get_trace("ff").num_rows == 0
    with pytest.raises(SourceRejected, match="has no traces in this feed"):
        Ask.feed({"type": "files", "path": str(folder)}, {"dataset": "alert"}).get_trace("ab")


def test_files_of_traces_hold_spans_only(folder: Path) -> None:
    with pytest.raises(SourceRejected, match=r"files of format otlp hold spans\. Set dataset: span"):
        Ask.feed({"type": "files", "path": str(folder)}, {"dataset": "log_event", "layout": {"format": "otlp"}})
    with pytest.raises(SourceRejected, match="files of format zipkin hold spans"):
        Ask.metrics({"type": "files", "path": str(folder), "layout": {"format": "zipkin"}}, {"expr": "x"})


def test_a_table_with_starts_and_durations_in_a_unit_of_their_own(folder: Path) -> None:
    (folder / "a_trace.csv.gz").write_bytes(gzip.compress(
        b"TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,Duration\n"
        b"AB,1,root,cart-1,GET /,1790812800000000000,28160\nAB,2,1,cart-1,SELECT,1790812800000500999,soon\n"
    ))  # fmt: skip
    rows = Ask.rows(source(folder, "csv", "*_trace.csv.gz", **TABLE), HOUR)
    assert [(row["trace_id"], row["span_id"], row["parent_id"], row["duration"]) for row in rows] == [
        ("ab", "1", None, 0.02816), ("ab", "2", "1", None),
    ]  # fmt: skip
    assert json.loads(rows[1]["raw"])["Duration"] == "soon"
    assert source(folder, "csv", "*_trace.csv.gz", **TABLE).get_trace("ab").num_rows == 2


TABLE: dict[str, Any] = {
    "time": "StartTimeUnixNano",
    "time_unit": "ns",
    "duration_unit": "us",
    "columns": {
        "trace_id": "TraceID", "span_id": "SpanID", "parent_id": "ParentID", "service": "PodName",
        "operation": "OperationName", "duration": "Duration",
    },
    "labels": {"pod": "PodName"},
}  # fmt: skip


def test_the_card_is_valid() -> None:
    card = (Path(__file__).parents[2] / "docs/sources/span-files.md").read_text()
    for block in re.findall(r"```yaml\n(.*?)```", card, re.DOTALL):
        for name, text in yaml.safe_load(block)["sources"].items():
            feeds = {key: {"name": key, "source": name, **feed} for key, feed in text.pop("feeds").items()}
            config = SourceConfig.model_validate({"name": name, "feeds": feeds, **text})
            assert config.feeds["table"].layout is not None
            assert config.feeds["table"].layout.columns == TABLE["columns"]


@pytest.mark.needs("data")
def test_real_files_of_each_form_come_whole(data_dir: Path) -> None:
    counts = {}
    for folder, form, files in (
        ("traces/zipkin", "zipkin", "*.json"), ("traces/jaeger", "jaeger", "[st]*.json"), ("crisp", "jaeger", "*.json"),
        ("traces/jaeger", "jaeger", "*-out.json"), ("traces/jaeger", "otlp", "*-in*.json"),
        ("traces/otlp", "otlp", "trace.json"),
    ):  # fmt: skip
        for path in sorted((data_dir / folder).glob(files)):
            rows = Ask.rows(source(data_dir / folder, form, path.name), EVER)
            assert all(row["raw"] is None for row in rows)
            assert len(rows) == len(spans_in(json.loads(path.read_bytes())))
            key = f"{folder}/{files} as {form}"
            counts[key] = counts.get(key, 0) + len(rows)
    assert counts == {
        "traces/zipkin/*.json as zipkin": 252,
        "traces/jaeger/[st]*.json as jaeger": 95,
        "crisp/*.json as jaeger": 42,
        "traces/jaeger/*-out.json as jaeger": 1,
        "traces/jaeger/*-in*.json as otlp": 6,
        "traces/otlp/trace.json as otlp": 1,
    }


def spans_in(document: Any) -> set[str]:
    """Return the distinct spans of a document, found without the parsers: objects that have a span's id and a time."""
    if isinstance(document, list):
        return {one for inner in document for one in spans_in(inner)}
    if not isinstance(document, dict):
        return set()
    if {"startTime", "timestamp", "startTimeUnixNano"} & document.keys() and {
        "spanID",
        "id",
        "spanId",
    } & document.keys():
        return {json.dumps(document, sort_keys=True)}
    return {one for inner in document.values() for one in spans_in(inner)}


@pytest.mark.needs("data")
def test_a_graph_of_services_is_no_trace(data_dir: Path) -> None:
    rows = Ask.rows(source(data_dir / "traces/jaeger", "jaeger", "large.json"), HOUR)
    assert len(rows) == 4271
    assert set(json.loads(rows[0]["raw"])) == {"parent", "child", "callCount"}


@pytest.mark.needs("data")
@pytest.mark.parametrize(
    ("folder", "spans", "repeated"), [("rca_data/2022-08-22", 846_632, 5_788), ("rca_data/2023-01-29", 321_068, 7_780)]
)
def test_both_days_of_nezha_come_whole(data_dir: Path, folder: str, spans: int, repeated: int) -> None:
    path = data_dir / "nezha" / folder
    day = Window.parse(f"{path.name}T00:00Z/{path.name}T23:59:59Z")
    table = Ask.table(source(path, "csv", "trace/*_trace.csv.gz", **TABLE), day)
    total, micros, distinct = 0, 0, set()
    for file in (path / "trace").glob("*.gz"):
        with gzip.open(file, "rt", newline="") as text:
            for row in csv.reader(text):
                if row[0] != "TraceID":
                    total += 1
                    micros += int(row[7]) if (key := hash(tuple(row))) not in distinct else 0
                    distinct.add(key)
    assert (table.num_rows, total - len(distinct)) == (spans, repeated)
    assert table.num_rows == len(distinct)
    assert table["raw"].null_count == spans
    assert sum(table["duration"].to_numpy()) == pytest.approx(micros / 1e6)
