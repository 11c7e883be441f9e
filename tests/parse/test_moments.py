"""Times as logs write them, as UTC."""

import re
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.parse.moments import (
    BSD,
    CLF,
    CLOCK,
    COMPACT,
    CTIME,
    DAY_FIRST,
    EPOCH,
    GLOG,
    ISO,
    KLOG,
    MONTH_DAY,
    SHORT_YEAR,
    Clues,
    Moment,
    utc_times,
)


def read(moment: Moment, *texts: str, clues: Clues | None = None) -> list[str | None]:
    found = pc.extract_regex(pa.array(texts), f"^{moment.pattern}$")
    assert not found.null_count
    names = re.findall(r"\?P<(\w+)>", moment.pattern)
    parts = {name: found.field(name) for name in names}
    times = utc_times(parts, moment, clues or Clues()).to_pylist()
    return [time and time.isoformat().replace("+00:00", "Z") for time in times]


@pytest.mark.parametrize(
    ("moment", "text", "expected"),
    [
        (ISO, "2026-10-01T10:00:00Z", "2026-10-01T10:00:00Z"),
        (ISO, "2026-10-01 10:00:00,123", "2026-10-01T10:00:00.123000Z"),
        (ISO, "2026/10/01 10:00:00", "2026-10-01T10:00:00Z"),
        (ISO, "2026-10-01T10:00:00.123456789+02:00", "2026-10-01T08:00:00.123456Z"),
        (ISO, "2026-10-01 10:00:00 -0330", "2026-10-01T13:30:00Z"),
        (ISO, "2026-10-01 10:00:00.5 UTC", "2026-10-01T10:00:00.500000Z"),
        (ISO, "2005-06-03-15.42.50.675872", "2005-06-03T15:42:50.675872Z"),
        (ISO, "2026-12-31 23:59:60", "2027-01-01T00:00:00Z"),
        (ISO, "2026-02-30 10:00:00", None),
        (ISO, "2026-13-01 10:00:00", None),
        (ISO, "2026-00-00 00:00:00", None),
        (ISO, "2026-10-01 24:00:00", None),
        (ISO, "0000-01-01 00:00:00", None),
        (SHORT_YEAR, "17/06/09 20:10:40", "2017-06-09T20:10:40Z"),
        (COMPACT, "081109 203615", "2008-11-09T20:36:15Z"),
        (COMPACT, "991109 203615", "1999-11-09T20:36:15Z"),
        (CLF, "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
        (CLF, "10/Foo/2000:13:55:36 -0700", None),
        (CTIME, "Sun Dec 04 04:47:44 2005", "2005-12-04T04:47:44Z"),
        (CTIME, "Fri Sep  9 10:42:29.902022 2011", "2011-09-09T10:42:29.902022Z"),
        (DAY_FIRST, "01 Jan 2023 10:00:00.123", "2023-01-01T10:00:00.123000Z"),
        (GLOG, "20230102 15:04:05.678901", "2023-01-02T15:04:05.678901Z"),
        (EPOCH, "1117838570.25", "2005-06-03T22:42:50.250000Z"),
    ],
)
def test_a_time_with_its_year(moment: Moment, text: str, expected: str | None) -> None:
    assert read(moment, text) == [expected]


def test_a_time_without_a_zone_is_of_the_layouts_zone() -> None:
    berlin = Clues("Europe/Berlin")
    assert read(ISO, "2026-07-01 10:00:00", "2026-07-01 10:00:00Z", "2026-12-01 10:00:00", clues=berlin) == [
        "2026-07-01T08:00:00Z",
        "2026-07-01T10:00:00Z",
        "2026-12-01T09:00:00Z",
    ]
    # The hour that comes twice is read as the first one, the hour that never was as its end.
    assert read(ISO, "2026-10-25 02:30:00", "2026-03-29 02:30:00", clues=berlin)[0] == "2026-10-25T00:30:00Z"


def test_the_year_is_the_latest_that_the_files_last_change_allows() -> None:
    january = Clues(latest=datetime(2026, 1, 2, 3, tzinfo=UTC))
    assert read(BSD, "Dec 31 23:59:59", "Jan  1 00:00:00", "Jan  2 02:59:59", "Jan  4 00:00:00", clues=january) == [
        "2025-12-31T23:59:59Z",
        "2026-01-01T00:00:00Z",
        "2026-01-02T02:59:59Z",
        "2025-01-04T00:00:00Z",
    ]


def test_a_local_time_may_lie_up_to_a_day_after_the_last_change() -> None:
    sylvester = Clues("Pacific/Auckland", latest=datetime(2025, 12, 31, 12, tzinfo=UTC))
    assert read(BSD, "Jan  1 00:30:00", clues=sylvester) == ["2025-12-31T11:30:00Z"]


def test_the_29th_of_february_is_of_a_leap_year() -> None:
    assert read(KLOG, "0229 10:00:00.5", clues=Clues(latest=datetime(2026, 3, 1, tzinfo=UTC))) == [
        "2024-02-29T10:00:00.500000Z"
    ]
    assert read(KLOG, "0229 10:00:00", clues=Clues(latest=datetime(1903, 3, 1, tzinfo=UTC))) == ["1896-02-29T10:00:00Z"]


def test_a_year_that_somebody_knows_counts_on_and_is_carried_from_block_to_block() -> None:
    clues = Clues(year=2004)
    assert read(MONTH_DAY, "12-31 23:00:00", "01-01 00:00:01", "12-31 23:59:59", "06-01 00:00:00", clues=clues) == [
        "2004-12-31T23:00:00Z",
        "2005-01-01T00:00:01Z",
        "2004-12-31T23:59:59Z",
        "2005-06-01T00:00:00Z",
    ]
    assert read(MONTH_DAY, "11-01 00:00:00", "01-01 00:00:00", clues=clues) == [
        "2005-11-01T00:00:00Z",
        "2006-01-01T00:00:00Z",
    ]


def test_a_clock_needs_a_day_and_goes_on_past_midnight_from_block_to_block() -> None:
    clues = Clues("Europe/Berlin", day=date(2026, 10, 1))
    assert read(CLOCK, "23:59:59.5", "00:00:01", "23:59:58", "24:00:00", "00:00:02", clues=clues) == [
        "2026-10-01T21:59:59.500000Z",
        "2026-10-01T22:00:01Z",
        "2026-10-01T21:59:58Z",
        None,
        "2026-10-01T22:00:02Z",
    ]
    assert read(CLOCK, "00:00:03", "12:00:00", clues=clues) == ["2026-10-01T22:00:03Z", "2026-10-02T10:00:00Z"]
    assert read(CLOCK, "12:00:00") == [None]


def test_no_line_is_no_time() -> None:
    assert utc_times({"ts": pa.array([], pa.string())}, ISO, Clues()).to_pylist() == []
