"""Text of log files: nothing is lost, whatever the bytes; continuations, blocks, and what files get wrong."""

import json
import re
from datetime import UTC, datetime
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.parse.formats import FAMILIES
from include.parse.log_text import LogText, Rows
from include.parse.moments import Clues
from include.parse.multiline import MOST_BYTES, MOST_LINES
from include.parse.text import lines_of

HEAD = b"2026-10-01 10:00:00,123 ERROR [main] a.B: boom\n"
NEXT = b"2026-10-01 10:00:01,000 INFO [main] a.B: next\n"


def parse(*blocks: bytes, named: str = "auto", clues: Clues | None = None) -> Rows:
    text = LogText(named, clues or Clues(latest=datetime(2026, 10, 2, tzinfo=UTC)))
    parts = [*(text.read(block) for block in blocks), text.end()]
    table = pa.concat_tables([part.table for part in parts])
    table.validate(full=True)
    return Rows(table, pa.concat_arrays([part.place for part in parts]))


def messages(*blocks: bytes, named: str = "auto") -> list[str]:
    return parse(*blocks, named=named).table["message"].to_pylist()


def test_a_stack_trace_is_one_row_with_the_line_before_it() -> None:
    trace = b"java.lang.NullPointerException: x\n\tat a.b(C.java:1)\n\n\tat a.c(C.java:2)\n"
    assert messages(HEAD + trace + NEXT) == [
        "boom\njava.lang.NullPointerException: x\n\tat a.b(C.java:1)\n\tat a.c(C.java:2)",
        "next",
    ]


def test_a_stack_trace_goes_on_in_the_next_block() -> None:
    assert messages(HEAD, b"\tat a\n", b"\tat b\n" + NEXT, b"\tat c\n") == ["boom\n\tat a\n\tat b", "next\n\tat c"]


def test_lines_before_any_with_a_time_have_the_time_of_the_first_one() -> None:
    rows = parse(b"# banner\n# of two lines\n" + HEAD)
    assert rows.table["message"].to_pylist() == ["# banner\n# of two lines", "boom"]
    assert rows.table["ts"].to_pylist() == [datetime(2026, 10, 1, 10, 0, 0, 123_000, UTC)] * 2


def test_a_text_that_goes_on_and_on_is_continued_in_rows_of_its_own() -> None:
    rows = parse(HEAD + b"x\n" * (2 * MOST_LINES + 5) + NEXT).table
    assert [text.count("\n") + 1 for text in rows["message"].to_pylist()] == [MOST_LINES, MOST_LINES, 6, 1]
    assert rows["level"].to_pylist() == ["ERROR", None, None, "INFO"]
    assert rows["ts"].null_count == 0
    long = parse(HEAD + (b"y" * 400_000 + b"\n") * 6).table["message"].to_pylist()
    assert all(len(text) <= MOST_BYTES + 400_001 for text in long)
    assert sum(text.count("y") for text in long) == 2_400_000


def test_a_file_without_any_time_goes_out_with_its_text() -> None:
    rows = parse(b"hello\nworld\n")
    assert rows.table["raw"].to_pylist() == ["hello\nworld"]
    assert rows.table["ts"].null_count == rows.table["message"].null_count == rows.place.null_count == 1


def test_a_time_that_is_none_makes_a_line_a_continuation() -> None:
    assert messages(HEAD + b"2026-13-45 10:00:00,123 ERROR [main] a.B: what\n") == [
        "boom\n2026-13-45 10:00:00,123 ERROR [main] a.B: what"
    ]


def test_a_line_of_ten_megabytes_is_kept() -> None:
    long = b"2026-10-01 10:00:00,123 ERROR [main] a.B: " + b"z" * 10_000_000 + b"\n"
    assert [len(text) for text in messages(HEAD + long + NEXT)] == [4, 10_000_000, 4]


def test_json_without_any_time_among_lines_with_one_has_the_time_of_the_line_before() -> None:
    rows = parse(b'{"time":"2026-10-01T10:00:00Z","msg":"a"}\n{"msg":"b"}\n').table
    assert rows["ts"].to_pylist() == [datetime(2026, 10, 1, 10, tzinfo=UTC)] * 2


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n\n\r\n", []),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\n", ["a\rb"]),
        (b"no end", ["no end"]),
        (b"last\r", ["last"]),
        (b"\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07\n", ["red link"]),
        (b"\x1b\n", ["\x1b"]),
        (b"nul\x00\n", ["nul\N{SYMBOL FOR NULL}"]),
        (b"\xff\xfe \xe2\x82 \xc3\xa9\n", ["\ufffd\ufffd \ufffd\ufffd é"]),
        (b"\xed\xa0\x80\n", ["\ufffd\ufffd\ufffd"]),
        ("a\u2028b\x85c\x0bd\n".encode(), ["a\u2028b\x85c\x0bd"]),
        (b"\x1b[31m\n x\n", [" x"]),
    ],
)
def test_bytes_as_lines(data: bytes, lines: list[str]) -> None:
    found = lines_of(data)
    found.validate(full=True)
    assert found.to_pylist() == lines


def test_pieces_of_a_line_that_the_container_runtime_cut_are_one_line_again() -> None:
    cri = [("stdout P", "one "), ("stdout P", "two "), ("stdout F", "three"), ("stderr P", "x"), ("stdout F", "y")]
    lines = [f"2026-10-01T10:00:00.00000000{at}Z {tags} {text}\n" for at, (tags, text) in enumerate(cri)]
    assert messages("".join(lines).encode()) == ["one two three", "x", "y"]
    assert messages(*(line.encode() for line in lines)) == ["one two three", "x", "y"]
    assert parse("".join(lines).encode()).table["attributes"][0].as_py() == '{"stream":"stdout"}'


def test_pieces_of_a_line_that_docker_cut_are_one_line_again() -> None:
    docker = [("one ", "stdout"), ("two\n", "stdout"), ("x", "stderr"), ("y\n", "stdout"), ("z\n", "stdout")]
    lines = [
        json.dumps({"log": text, "stream": stream, "time": "2026-10-01T10:00:00Z"}) + "\n" for text, stream in docker
    ]
    assert messages("".join(lines).encode()) == ["one two", "x", "y", "z"]
    assert messages(*(line.encode() for line in lines)) == ["one two", "x", "y", "z"]


PIECES = st.sampled_from(
    [
        HEAD, NEXT, b"\tat x\n", b"\n", b"\r\n", b"{\n", b'{"a":1}\n', b'{"time":"2026-10-01T10:00:00Z","msg":"x"}\n',
        b"<34>Oct 11 22:14:15 h su: m\n", b"<1>Feb 30 22:14:15 h su: m\n", b"t=1 msg=a\n", b'ts=1790848800 msg="a b"\n',
        b"I1025 00:15:15.525108 1 a.go:79] m\n", b"99/99/99 99:99:99 INFO a: b\n", b"0000-00-00 00:00:00 x\n",
        b"2026-10-01T10:00:00Z stdout P m\n", b"2026-10-01T10:00:00Z stdout F m\n",
        b"\x00\xff\n", b'1.2.3.4 - - [31/Feb/2026:10:00:00 +9999] "GET / HTTP/1.1" 200 5\n',
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.one_of(PIECES, PIECES, st.binary(max_size=40).map(lambda piece: piece + b"\n")), max_size=12),
    st.integers(0, 12),
    st.sampled_from(["auto", "auto", *FAMILIES]),
)
@example([HEAD, b"{\n", NEXT], 2, "auto")
def test_any_bytes_give_rows_or_raw_and_no_line_is_lost(pieces: list[bytes], cut: int, named: str) -> None:
    rows = parse(b"".join(pieces[:cut]), b"".join(pieces[cut:]), named=named)
    whole = [
        f"{message or ''}{raw or ''}"
        for message, raw in zip(rows.table["message"].to_pylist(), rows.table["raw"].to_pylist(), strict=True)
    ]
    # What a form takes off the front of a line is its header; the end of each line is there, in order.
    out = [line for text in whole for line in text.split("\n")]
    lines = lines_of(b"".join(pieces)).to_pylist()
    # Of these forms the text is not the end of the line, or a piece is joined to its next one.
    otherwise = [line for line in lines if re.match(r"\s*(\{|[A-Za-z_@][\w.@/-]*=|.* stdout P )", line)]
    if not otherwise:
        assert len(out) == len(lines)
        for line, end in zip(lines, out, strict=True):
            assert end in line or end.strip() in line
    assert (rows.table["message"].null_count == 0) or rows.table["raw"].null_count < rows.table.num_rows
    for ts, message, raw in zip(*(rows.table[name].to_pylist() for name in ("ts", "message", "raw")), strict=True):
        assert (raw is None) == (ts is not None and message is not None)


FIRST = {"java": HEAD, "container": b"2026-10-01T10:00:00Z stdout F m\n", "syslog": b"<34>Oct 11 22:14:15 h su: m\n"}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(PIECES, min_size=1, max_size=20),
    st.lists(st.integers(0, 30), max_size=4),
    st.sampled_from(sorted(FIRST)),
)
def test_blocks_change_nothing(pieces: list[bytes], cuts: list[int], named: str) -> None:
    # Before any line with a time, a later block is not known yet.
    pieces = [FIRST[named], *pieces]
    bounds = [0, *sorted(min(cut, len(pieces)) for cut in cuts), len(pieces)]
    blocks = [b"".join(pieces[low:high]) for low, high in pairwise(bounds)]
    assert parse(*blocks, named=named).table.to_pylist() == parse(b"".join(pieces), named=named).table.to_pylist()
