"""Log files through the source of files: windows, years, rotation, gzip, blocks, and what must be refused."""

import bz2
import gzip
import lzma
import os
import random
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from include.config.source import LineForm
from include.parse.formats import FAMILIES
from include.sources import SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.files import gunzip
from include.sources.files import lines as file_lines
from include.sources.files.lines import LineBlocks
from include.sources.files.names import dated_names
from include.window import Window
from tests.sources import card
from tests.sources.conftest import Ask

DAY = Window.parse("2026-10-01/2026-10-02")
LINES = "".join(f"2026-10-01 10:00:{at:02},123 INFO [main] a.B: line {at}\n" for at in range(3))


def feed(folder: Path | str, **layout: Any) -> Any:
    return Ask.feed({"type": "files", "path": str(folder)}, {"dataset": "log_event", "layout": layout})


def write(path: Path, text: str | bytes, changed: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    if changed:
        seconds = datetime.fromisoformat(changed).timestamp()
        os.utime(path, (seconds, seconds))
    return path


def read(source: Any, window: Window = DAY) -> list[dict[str, Any]]:
    return Ask.rows(source, window)


def texts(source: Any, window: Window = DAY) -> list[str]:
    return [row["message"] for row in read(source, window)]


def test_a_log_file_is_read_without_any_setting(folder: Path) -> None:
    write(folder / "app.log", LINES)
    assert texts(feed(folder)) == ["line 0", "line 1", "line 2"]
    assert read(feed(folder))[0] == {
        "ts": datetime(2026, 10, 1, 10, 0, 0, 123_000, UTC),
        "service": None,
        "host": None,
        "level": "INFO",
        "logger": "a.B",
        "message": "line 0",
        "trace_id": None,
        "span_id": None,
        "attributes": '{"thread":"main"}',
        "event_id": None,
        "raw": None,
    }


def test_rotated_and_packed_files_are_read_with_the_one_that_is_written_to(folder: Path) -> None:
    one, two, three = LINES.splitlines(keepends=True)
    write(folder / "app.log", three)
    write(folder / "app.log.1", two)
    write(folder / "app.log.2.gz", gzip.compress(one.encode()))
    assert sorted(texts(feed(folder))) == ["line 0", "line 1", "line 2"]


def test_a_file_that_is_being_packed_is_read_once(folder: Path) -> None:
    write(folder / "app.log.1", LINES)
    write(folder / "app.log.1.gz", gzip.compress(LINES.encode())[:40])
    assert texts(feed(folder)) == ["line 0", "line 1", "line 2"]


def test_the_window_is_half_open_and_a_continuation_is_where_its_line_is(folder: Path) -> None:
    text = (
        "2026-09-30 23:59:59.999999 before\n\tat x\n2026-10-01 00:00:00 first\n\tat y\n"
        "2026-10-01 23:59:59.999999 last\n2026-10-02 00:00:00 after\n"
    )
    write(folder / "app.log", text)
    assert texts(feed(folder)) == ["first\n\tat y", "last"]
    assert texts(feed(folder), Window.parse("2026-09-30/2026-10-01")) == ["before\n\tat x"]


def test_every_line_is_in_exactly_one_window(folder: Path) -> None:
    lines = [f"2026-10-0{1 + at // 40} {at % 24:02}:{at % 60:02}:00 m{at}\n" for at in range(120)]
    random.Random(7).shuffle(lines)
    write(folder / "app.log", "".join(lines))
    hours = Window.parse("2026-10-01/2026-10-04").chunks(timedelta(hours=1))
    found = [text for hour in hours for text in texts(feed(folder), hour)]
    assert sorted(found) == sorted(f"m{at}" for at in range(120))


def test_times_without_a_year_have_that_of_the_files_last_change(folder: Path) -> None:
    text = "Dec 31 23:59:59 web su: old\nJan  1 00:00:01 web su: new\n"
    write(folder / "syslog", text, changed="2026-01-01T00:05:00+00:00")
    assert texts(feed(folder), Window.parse("2025-12-31/2026-01-01")) == ["old"]
    assert texts(feed(folder), Window.parse("2026-01-01/2026-01-02")) == ["new"]
    assert texts(feed(folder), Window.parse("2026-12-31/2027-01-01")) == []


def test_a_year_may_be_given_by_the_layout_or_by_the_files_path(folder: Path) -> None:
    write(folder / "2019" / "syslog", "Dec 31 23:59:59 web su: old\nJan  1 00:00:01 web su: new\n")
    new_year = Window.parse("2020-01-01/2020-01-02")
    assert texts(feed(folder, year=2019), new_year) == ["new"]
    assert texts(feed(folder, labels_from_path=r"(?P<year>\d{4})/"), new_year) == ["new"]


def test_a_day_may_be_given_by_the_files_path_to_times_that_are_a_clocks(folder: Path) -> None:
    write(folder / "app.2026-10-01.log", "22:50:27.436 INFO  o.s.OrderServiceImpl: a\n00:10:00.000 INFO  o.s.B: b\n")
    layout = {"labels_from_path": r"(?P<date>\d{4}-\d\d-\d\d)", "time_zone": "Asia/Shanghai"}
    assert [(row["ts"].isoformat(), row["message"]) for row in read(feed(folder, **layout))] == [
        ("2026-10-01T14:50:27.436000+00:00", "a"),
        ("2026-10-01T16:10:00+00:00", "b"),
    ]


def test_a_store_that_knows_no_last_change_takes_the_windows_end(folder: Path) -> None:
    store = UPath("memory://almanac-test/logs")
    store.mkdir(parents=True, exist_ok=True)
    (store / "syslog").write_text("Oct  1 10:00:00 web su: m\n")
    assert texts(feed("memory://almanac-test/logs")) == ["m"]


def test_local_times_and_names_with_local_dates(folder: Path) -> None:
    write(folder / "app-2026-10-01.log", "2026-10-01 23:30:00 INFO late\n")
    write(folder / "app-2026-10-02.log", "2026-10-02 00:30:00 INFO early\n")
    write(folder / "app-2026-10-03.log", b"\x1f\x8b no file of another day is opened")
    layout = {"files": "app-%Y-%m-%d.log", "time_zone": "Europe/Berlin"}
    assert texts(feed(folder, **layout), Window.parse("2026-10-01T21:00/2026-10-01T22:00")) == ["late"]
    assert texts(feed(folder, **layout), Window.parse("2026-10-01T22:00/2026-10-01T23:00")) == ["early"]


def test_names_with_hours() -> None:
    window = Window.parse("2026-10-01T22:30/2026-10-02T00:30")
    assert dated_names("%Y%m%d-%H.log", window, "UTC") == ["20261001-22.log", "20261001-23.log", "20261002-00.log"]
    assert dated_names("%H.log", window, "Asia/Kathmandu") == ["04.log", "05.log", "06.log"]


def test_old_data_may_be_moved(folder: Path) -> None:
    write(folder / "app.log", LINES.replace("2026-10-01", "2026-09-01"))
    assert [row["ts"].day for row in read(feed(folder, shift="30d"))] == [1, 1, 1]


def test_the_path_and_constants_say_what_lines_do_not(folder: Path) -> None:
    write(folder / "shop" / "web1.log", "Oct  1 10:00:00 h1 su: m\n", changed="2026-10-01T10:00:01+00:00")
    layout = {
        "labels_from_path": r"(?P<service>[^/]+)/(?P<file>[^/]+)\.log",
        "constants": {"env": "live"},
        "defaults": {"level": "info", "host": "nobody"},
    }
    (row,) = read(feed(folder, **layout))
    assert (row["service"], row["host"], row["level"]) == ("shop", "h1", "info")
    assert row["attributes"] == '{"env":"live","file":"web1"}'
    write(folder / "shop" / "web1.log", '{"time":"2026-10-01T10:00:00Z","msg":"m","a":{"b":1}}\n')
    (row,) = read(feed(folder, **layout))
    assert row["attributes"] == '{"a":{"b":1},"env":"live","file":"web1"}'


def test_ids_of_traces_are_as_spans_have_them(folder: Path) -> None:
    text = '{"time":"2026-10-01T10:00:00Z","msg":"m","trace_id":"ABCDEF","span_id":"0000000000000000"}\n'
    write(folder / "app.jsonl", text)
    (row,) = read(feed(folder))
    assert (row["trace_id"], row["span_id"]) == ("abcdef", None)


def test_json_lines_of_odd_keys_are_mapped_by_the_layout(folder: Path) -> None:
    write(folder / "app.jsonl", '{"when":1790848800,"what":{"said":"m"},"x":1}\nbroken\n')
    layout = {"time": "when", "time_unit": "s", "columns": {"message": "what.said"}}
    rows = read(feed(folder, **layout))
    assert [(row["message"], row["attributes"], row["raw"]) for row in rows] == [
        ("m", '{"x":"1"}', None),
        (None, None, "broken"),
    ]


def test_a_file_called_json_holds_lines_unless_the_layout_says_where_its_records_stand(folder: Path) -> None:
    write(folder / "app-json.log", '{"time":"2026-10-01T10:00:00Z","msg":"a"}\n')
    write(folder / "app.json", '{"time":"2026-10-01T10:00:00Z","msg":"b"}\n')
    write(folder / "deep" / "app.json", '{"data":[{"time":"2026-10-01T10:00:00Z","msg":"c"}]}')
    assert texts(feed(folder, files="*")) == ["a", "b"]
    layout = {"files": "deep/*", "records": "data", "time": "time", "columns": {"message": "msg"}}
    assert texts(feed(folder, **layout)) == ["c"]


def test_csv_of_log_lines_needs_its_columns_named(folder: Path) -> None:
    write(folder / "a.csv", "ts,text\n2026-10-01T10:00:00Z,m\n")
    assert texts(feed(folder, columns={"message": "text"})) == ["m"]
    with pytest.raises(SourceRejected, match="which column is message"):
        read(feed(folder))


def test_a_file_without_any_time_tells_so_in_every_window(folder: Path) -> None:
    write(folder / "notes.txt", "hello\nworld\n")
    for window in (DAY, Window.parse("2020-01-01/2020-01-02")):
        assert [(row["ts"], row["raw"]) for row in read(feed(folder), window)] == [(None, "hello\nworld")]


def test_utf_16_of_windows_and_a_byte_order_mark(folder: Path) -> None:
    write(folder / "a.log", "2026-10-01 10:00:00 größer\r\n".encode("utf-16"))
    write(folder / "b.log", "\ufeff2026-10-01 10:00:00 größer\r\n")
    write(
        folder / "c.log", gzip.compress("2026-10-01 10:00:00 größer\r\n".encode("utf-16-be").join([b"\xfe\xff", b""]))
    )
    assert texts(feed(folder)) == ["größer"] * 3


def test_empty_files_give_nothing(folder: Path) -> None:
    write(folder / "a.log", "")
    write(folder / "b.log", "\n\r\n")
    write(folder / "c.log.gz", gzip.compress(b""))
    assert read(feed(folder)) == []


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lines, "BLOCK", 64)
    monkeypatch.setattr(file_lines, "_PIECE", 16)


@pytest.mark.usefixtures("small_blocks")
def test_a_file_of_many_blocks_is_as_a_file_of_one(folder: Path) -> None:
    lines = [f"2026-10-01 10:{at // 60:02}:{at % 60:02} INFO [main] a.B: line {at}\n\tat {at}\n" for at in range(60)]
    write(folder / "app.log", "".join(lines))
    write(folder / "b.log.gz", gzip.compress("".join(lines).encode()))
    found = texts(feed(folder))
    assert found == [f"line {at}\n\tat {at}" for at in range(60)] * 2
    assert len(list(feed(folder).read(DAY))) > 50


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=90)), st.booleans())
def test_blocks_are_the_file_whatever_it_holds(lines: list[bytes], packed: bool) -> None:
    data = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    if data[:2] in {b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"} or data[:3] == b"\xef\xbb\xbf":
        return
    with UPath("memory://almanac-test/blocks").open("wb") as file:
        file.write(gzip.compress(data) if packed else data)
    with UPath("memory://almanac-test/blocks").open("rb") as file, pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_lines, "BLOCK", 64)
        patched.setattr(file_lines, "_PIECE", 7)
        blocks = list(LineBlocks(file, 1000))
    assert b"".join(blocks) == data
    assert all(block.endswith(b"\n") for block in blocks)


@pytest.mark.usefixtures("small_blocks")
def test_a_line_that_is_too_long_is_cut_and_the_rest_is_noted(folder: Path) -> None:
    head = "2026-10-01 10:00:00 "
    write(folder / "app.log", f"{head}a\n{head}{'x' * 1000}\n{head}b\n{head}{'y' * 500}")
    longest = 200
    with (folder / "app.log").open("rb") as file:
        blocks = LineBlocks(file, longest)
        text = b"".join(blocks).decode()
    assert blocks.cut == 2
    assert text.splitlines() == [
        f"{head}a",
        f"{head}{'x' * (longest - len(head))} … {1000 - longest + len(head):,} bytes more",
        f"{head}b",
        f"{head}{'y' * (longest - len(head))} … {500 - longest + len(head):,} bytes more",
    ]


def test_a_line_longer_than_the_layout_allows_is_told_as_a_warning(folder: Path) -> None:
    write(folder / "app.log", b"2026-10-01 10:00:00 " + b"x" * (17 << 20) + b"\n" + LINES.encode())
    source = feed(folder)
    rows = read(source)
    assert [len(row["message"]) for row in rows][1:] == [6, 6, 6]
    assert rows[0]["message"].endswith(" bytes more")
    assert source.warnings == ["app.log: 1 lines are longer than 16 MiB and lost their ends."]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-4], lambda data: data + b"junk", lambda data: data[:20] + b"!" + data[21:]]
)
def test_gzip_that_is_not_whole_is_refused_with_a_sentence(folder: Path, damage: Any) -> None:
    write(folder / "app.log.gz", damage(gzip.compress(LINES.encode() * 50)))
    with pytest.raises(SourceAnswerInvalid, match=r"app.log.gz: it is not whole gzip"):
        read(feed(folder))


@pytest.mark.parametrize(("pack", "name"), [(lzma.compress, "xz"), (bz2.compress, "bzip2")])
def test_what_is_packed_otherwise_is_refused_with_a_sentence(folder: Path, pack: Any, name: str) -> None:
    write(folder / "app.log.2", pack(LINES.encode()))
    with pytest.raises(SourceAnswerInvalid, match=f"packed with {name}, which is not read. Pack it with gzip"):
        read(feed(folder))


def test_gzip_of_several_members_and_padding_is_whole(folder: Path) -> None:
    parts = [gzip.compress(line.encode()) for line in LINES.splitlines(keepends=True)]
    write(folder / "app.log.gz", parts[0] + parts[1] + b"\0" * 600 + parts[2] + b"\0" * 10)
    assert texts(feed(folder)) == ["line 0", "line 1", "line 2"]


def test_a_zip_bomb_is_refused_before_it_fills_the_memory(folder: Path) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    with (folder / "app.log.gz").open("wb") as file:
        for _ in range(80):
            file.write(bomb.compress(b"\0" * (1 << 20)))
        file.write(bomb.flush())
    with pytest.raises(
        SourceAnswerInvalid, match=r"unpacks to more than [\d,]+ bytes from [\d,]+, which no honest file"
    ):
        read(feed(folder))


def test_a_table_that_is_a_zip_bomb_is_refused_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunzip, "MOST_BYTES", 1000)
    write(folder / "a.csv.gz", gzip.compress(b"ts,text\n" + b"2026-10-01T10:00:00Z,m\n" * 100))
    with pytest.raises(SourceAnswerInvalid, match="Split it into files of less than 1,000 bytes"):
        read(feed(folder, columns={"message": "text"}))


@pytest.mark.parametrize("how", ["renamed", "cut", "gone"])
def test_files_that_are_rotated_while_they_are_read_are_to_be_read_again(folder: Path, how: str) -> None:
    write(folder / "a.log", LINES)
    write(folder / "b.log", LINES)
    reading = feed(folder).read(DAY)
    next(reading)
    if how == "renamed":
        (folder / "b.log").rename(folder / "b.log.1")
        write(folder / "b.log", "")
    elif how == "cut":
        write(folder / "a.log", "")
    else:
        (folder / "b.log").unlink()
    with pytest.raises(SourceUnavailable, match=r"rotated while it was read|cannot be read"):
        list(reading)


def test_a_file_that_grows_while_it_is_read_is_fine(folder: Path) -> None:
    path = write(folder / "a.log", LINES)
    write(folder / "b.log", LINES)
    reading = feed(folder).read(DAY)
    next(reading)
    with path.open("a") as file:
        file.write(LINES)
    assert sum(batch.num_rows for batch in reading) == 4


def test_text_is_for_log_lines_and_has_no_columns(folder: Path) -> None:
    write(folder / "a.log", LINES)
    with pytest.raises(SourceRejected, match="Set dataset: log_event"):
        Ask.feed({"type": "files", "path": str(folder)}, {"dataset": "alert", "layout": {"format": "text"}})
    with pytest.raises(ValueError, match="columns and labels are for tables"):
        feed(folder, format="text", columns={"message": "text"})


def test_the_layout_names_every_family_of_forms() -> None:
    assert get_args(LineForm) == ("auto", *FAMILIES)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_sentence(folder: Path, data: bytes) -> None:
    write(folder / "app.log", data)
    try:
        rows = read(feed(folder))
    except SourceAnswerInvalid as error:
        assert "gzip" in str(error)  # noqa: PT017
        return
    assert all((row["raw"] is None) == (row["message"] is not None) for row in rows)


def test_the_source_card_is_valid() -> None:
    layout = card.sources("log-files")["web"].feeds["logs"].layout
    assert layout is not None
    assert layout.format == "text"
