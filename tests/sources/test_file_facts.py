"""Log lines and spans out of tables of files, by the layout's mapping of columns."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.datasets import Scope
from include.quality import Expectation, judge
from include.sources import SourceAnswerInvalid, SourceRejected
from include.window import Window
from tests.sources.conftest import Ask

DAY = Window.parse("2026-10-01/2026-10-02")
LOGS = {"files": "*.csv", "columns": {"message": "line", "service": "pod", "level": "lvl", "trace_id": "trace"}}
SPANS = {
    "files": "*.csv",
    "time_unit": "us",
    "duration_unit": "us",
    "columns": {
        "trace_id": "trace",
        "span_id": "span",
        "parent_id": "parent",
        "service": "pod",
        "operation": "op",
        "duration": "took",
        "error": "failed",
        "kind": "kind",
    },
}


def feed(folder: Path, dataset: str, layout: dict[str, Any]) -> Any:
    return Ask.feed({"type": "files", "path": str(folder)}, {"dataset": dataset, "layout": layout})


def read(folder: Path, text: str, dataset: str, layout: dict[str, Any], name: str = "a.csv") -> list[dict[str, Any]]:
    (folder / name).write_text(text)
    return Ask.rows(feed(folder, dataset, layout), DAY)


def test_a_row_is_a_log_line_and_what_is_not_mapped_is_an_attribute(folder: Path) -> None:
    text = "ts,pod,lvl,trace,line,thread,node\n" + '2026-10-01T10:00:00.5Z,cart-1,WARN,ABCDEF,"a ""b"",\nc",main,\n'
    assert read(folder, text, "log_event", LOGS) == [
        {
            "ts": datetime(2026, 10, 1, 10, 0, 0, 500_000, UTC),
            "service": "cart-1",
            "host": None,
            "level": "WARN",
            "logger": None,
            "message": 'a "b",\nc',
            "trace_id": "abcdef",
            "span_id": None,
            "attributes": '{"thread":"main"}',
            "event_id": None,
            "raw": None,
        }
    ]


def test_labels_choose_the_attributes_and_the_path_gives_columns_or_attributes(folder: Path) -> None:
    (folder / "shop").mkdir()
    layout = {
        **LOGS,
        "files": "**/*.csv",
        "columns": {"message": "{thread}: {line}"},
        "labels": {"where": "node"},
        "constants": {"env": "live"},
        "labels_from_path": r"(?P<service>[^/]+)/(?P<file>[^/]+)\.csv",
    }
    text = "ts,line,thread,node\n2026-10-01T10:00:00Z,hello,main,n1\n"
    (row,) = read(folder, text, "log_event", layout, "shop/web.csv")
    assert row["message"] == "main: hello"
    assert row["service"] == "shop"
    assert row["attributes"] == '{"env":"live","file":"web","where":"n1"}'


def test_a_line_that_is_said_twice_comes_twice_and_in_order_of_time(folder: Path) -> None:
    line = "2026-10-01T10:00:00Z,cart,INFO,,again\n"
    text = f"ts,pod,lvl,trace,line\n2026-10-01T11:00:00Z,cart,INFO,,last\n{line}{line}"
    assert [row["message"] for row in read(folder, text, "log_event", LOGS)] == ["again", "again", "last"]


def test_a_line_without_a_time_goes_out_with_its_text_once(folder: Path) -> None:
    text = "ts,pod,lvl,trace,line\n2026-10-01T10:00:00Z,cart,INFO,,a\nyesterday,cart,INFO,,b\n1,2,3,4,5,6,7\n"
    found = [(row["ts"] is None, row["raw"]) for row in read(folder, text, "log_event", LOGS)]
    assert found == [
        (False, None),
        (True, '{"ts": "yesterday", "pod": "cart", "lvl": "INFO", "trace": "", "line": "b"}'),
        (True, "1,2,3,4,5,6,7"),
    ]


def test_a_row_is_a_span(folder: Path) -> None:
    cells = "1790848800000001,AB,0C,root,cart,GET /,168737,false,SPAN_KIND_SERVER"
    text = f"ts,trace,span,parent,pod,op,took,failed,kind\n{cells}\n"
    assert read(folder, text, "span", SPANS) == [
        {
            "ts": datetime(2026, 10, 1, 10, 0, 0, 1, UTC),
            "trace_id": "ab",
            "span_id": "0c",
            "parent_id": None,
            "service": "cart",
            "operation": "GET /",
            "kind": "server",
            "duration": 0.168737,
            "error": False,
            "attributes": None,
            "raw": None,
        }
    ]


@pytest.mark.parametrize(
    ("cell", "kind"),
    [("2", "server"), ("CLIENT", "client"), ("", "internal"), ("producer", "producer"), ("odd", "odd")],
)
def test_the_kind_of_a_span_has_several_spellings(folder: Path, cell: str, kind: str) -> None:
    text = f"ts,trace,span,parent,pod,op,took,failed,kind\n1790848800000001,ab,0c,,cart,x,1,ERROR,{cell}\n"
    (row,) = read(folder, text, "span", SPANS)
    assert (row["kind"], row["error"]) == (kind, True)


def test_a_span_that_does_not_say_its_duration_has_none(folder: Path) -> None:
    text = "ts,trace,span,parent,pod,op,took,failed,kind\n1790848800000001,ab,c,,x,y,,,\n"
    (row,) = read(folder, text, "span", SPANS)
    assert (row["span_id"], row["duration"], row["raw"]) == ("c", None, None)


@pytest.mark.parametrize("took", ["long", "NaN", "inf", "-inf"])
def test_a_span_whose_duration_is_no_number_goes_out_with_its_text(folder: Path, took: str) -> None:
    (row,) = read(
        folder, f"ts,trace,span,parent,pod,op,took,failed,kind\n1790848800000001,ab,c,,x,y,{took},,\n", "span", SPANS
    )
    assert row["duration"] is None
    assert f'"took": "{took}"' in row["raw"]


def test_a_negative_duration_comes_as_it_is_for_quality_to_set_apart(folder: Path) -> None:
    text = "ts,trace,span,parent,pod,op,took,failed,kind\n1790848800000001,ab,c,,x,y,-250,,\n"
    (folder / "a.csv").write_text(text)
    table = Ask.table(feed(folder, "span", SPANS), DAY)
    assert (table["duration"].to_pylist(), table["raw"].to_pylist()) == ([-0.00025], [None])
    verdict = judge(Scope("shop", "span", "feed", DAY), table, Expectation(as_of=DAY.end))
    assert verdict.quarantined["rule"].to_pylist() == ["duration_not_negative"]


def test_a_span_that_stands_in_two_files_comes_once_and_two_that_differ_both_come(folder: Path) -> None:
    header = "ts,trace,span,parent,pod,op,took,failed,kind\n"
    one, other = "1790848800000002,ab,1,,cart,x,1,,client\n", "1790848800000001,ab,1,,cart,x,1,,server\n"
    (folder / "b.csv").write_text(header + one)
    rows = read(folder, header + one + other + one, "span", SPANS)
    assert [row["kind"] for row in rows] == ["server", "client"]


def test_a_mapping_that_lacks_what_a_row_cannot_do_without_is_refused_with_a_sentence(folder: Path) -> None:
    with pytest.raises(SourceRejected, match=r"does not say which column is message.*columns are ts, line"):
        read(folder, "ts,line\n2026-10-01T10:00:00Z,a\n", "log_event", {"files": "*.csv"})
    with pytest.raises(SourceRejected, match="which column is span_id"):
        read(folder, "ts,line\n2026-10-01T10:00:00Z,a\n", "span", {"files": "*.csv", "columns": {"trace_id": "line"}})
    with pytest.raises(SourceAnswerInvalid, match="no column 'lvl'"):
        read(folder, "ts,line\n2026-10-01T10:00:00Z,a\n", "log_event", LOGS)


def test_files_without_rows_give_nothing(folder: Path) -> None:
    assert read(folder, "", "log_event", LOGS) == []
    assert read(folder, "ts,line\n", "span", SPANS) == []


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), dataset=st.sampled_from(["log_event", "span"]))
def test_any_rows_give_rows_or_raw(folder: Path, data: bytes, dataset: str) -> None:
    header = b"ts,trace,span,parent,pod,op,took,failed,kind,lvl,line\n"
    (folder / "a.csv").write_bytes(header + data)
    try:
        Ask.rows(feed(folder, dataset, LOGS if dataset == "log_event" else SPANS), DAY)
    except SourceAnswerInvalid as error:
        assert "no CSV" in str(error)  # noqa: PT017
