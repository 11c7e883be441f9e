"""Real logs: ten systems of loghub, and two days of microservices (Nezha), compared with independent readers."""

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.config.source import Feed, FileLayout
from include.parse.levels import normalised_levels
from include.parse.log_text import LogText
from include.parse.moments import Clues
from include.sources.files.source import FilesSource
from include.window import Window

pytestmark = pytest.mark.needs("data")

ALWAYS = Window(datetime(1990, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
SYSTEMS = ["Android", "Apache", "BGL", "HDFS", "HPC", "Hadoop", "Linux", "Mac", "OpenSSH", "Spark"]


def lines_of(folder: Path, **layout: Any) -> pa.Table:
    """Return the log lines of a folder as the source reads them, before redaction."""
    feed = Feed.model_validate({"name": "feed", "source": "real", "dataset": "log_event"})
    batches = list(FilesSource("real", str(folder), FileLayout.model_validate(layout), feed).read(ALWAYS))
    return pa.Table.from_batches(batches)


def structured(data_dir: Path, system: str) -> pd.DataFrame:
    """Return the same lines as the data set's authors split them."""
    return pd.read_csv(
        data_dir / "loghub" / system / f"{system}_2k.log_structured.csv", dtype=str, keep_default_na=False
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_line_of_ten_systems_is_there_with_its_text_and_a_time(data_dir: Path, system: str) -> None:
    folder = data_dir / "loghub" / system
    table = lines_of(folder, files="*_2k.log", year=2004)
    whole = (folder / f"{system}_2k.log").read_text(encoding="utf-8").splitlines()
    assert table.num_rows == len(whole) == 2000
    assert table["ts"].null_count == table["message"].null_count == 0
    assert table["raw"].null_count == 2000
    text = LogText("auto", Clues())
    blocks = [text.read((folder / f"{system}_2k.log").read_bytes()), text.end()]
    said = [message.strip() for block in blocks for message in block.table["message"].to_pylist()]
    theirs = [content.strip().replace("\n", " ") for content in structured(data_dir, system)["Content"]]
    levels = normalised_levels(table["level"], table["message"])
    same = sum(ours == text for ours, text in zip(said, theirs, strict=True))
    print(f"\n{system}: {text.formats}, {same} texts as the authors have them, {levels.null_count} without a level")
    # Where they differ, one has a part as a column of its own that is text for the other.
    assert all(ours.endswith(text) or text.endswith(ours) for ours, text in zip(said, theirs, strict=True))
    assert sum(len(text) for text in said) > 0.9 * sum(len(text) for text in theirs)


@pytest.mark.parametrize(
    ("system", "columns", "pattern"),
    [
        ("HDFS", ["Date", "Time"], "%y%m%d %H%M%S"),
        ("Hadoop", ["Date", "Time"], "%Y-%m-%d %H:%M:%S,%f"),
        ("Spark", ["Date", "Time"], "%y/%m/%d %H:%M:%S"),
        ("Apache", ["Time"], "%a %b %d %H:%M:%S %Y"),
        ("HPC", ["Time"], "unix"),
        ("BGL", ["Time"], "%Y-%m-%d-%H.%M.%S.%f"),
    ],
)
def test_times_are_as_pandas_reads_those_of_the_authors(
    data_dir: Path, system: str, columns: list[str], pattern: str
) -> None:
    theirs = structured(data_dir, system)[columns].agg(" ".join, axis=1)
    if pattern == "unix":
        expected = pd.to_datetime(theirs.astype("int64"), unit="s", utc=True)
    else:
        expected = pd.to_datetime(theirs, format=pattern, utc=True)
    table = lines_of(data_dir / "loghub" / system, files="*_2k.log")
    assert sorted(table["ts"].to_pylist()) == sorted(expected.dt.to_pydatetime().tolist())


def test_levels_and_loggers_are_those_of_the_authors(data_dir: Path) -> None:
    for system, level, logger in [
        ("HDFS", "Level", "Component"),
        ("Hadoop", "Level", "Component"),
        ("Spark", "Level", "Component"),
        ("Android", "Level", "Component"),
        ("Apache", "Level", None),
    ]:
        table = lines_of(data_dir / "loghub" / system, files="*_2k.log", year=2017)
        theirs = structured(data_dir, system)
        assert Counter(table["level"].to_pylist()) == Counter(theirs[level]), system
        if logger:
            assert Counter(table["logger"].to_pylist()) == Counter(theirs[logger].str.strip()), system


def test_a_file_of_twenty_thousand_lines_is_whole(data_dir: Path) -> None:
    table = lines_of(data_dir / "loghub-volume", files="*.log")
    assert table.num_rows == 20_000
    assert table["raw"].null_count == table["logger"].drop_null().length() == 20_000


NEZHA = {"message": "Log", "service": "PodName", "host": "Node", "trace_id": "TraceID", "span_id": "SpanID"}


@pytest.mark.parametrize(("day", "files", "broken"), [("2023-01-29", 84, 1), ("2022-08-22", 2, 0)])
def test_the_logs_of_two_days_are_there_as_an_independent_reader_counts_them(
    data_dir: Path, day: str, files: int, broken: int
) -> None:
    folder = data_dir / "nezha" / "rca_data" / day
    table = lines_of(folder, files="log/*_log.csv.gz", time="Timestamp", columns=NEZHA)
    found = sorted((folder / "log").glob("*.csv.gz"))
    expected: Counter[tuple[str, ...]] = Counter()
    torn = 0
    for path in found:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                torn += None in row
                if None not in row:
                    expected[row["PodName"], row["TraceID"].lower(), row["SpanID"].lower(), row["Log"]] += 1
    print(f"\n{day}: {len(found)} files, {expected.total():,} lines, {torn} torn")
    assert len(found) == files
    assert torn == broken
    assert table.num_rows == expected.total() + torn
    good = table.filter(pc.is_null(table["raw"]))
    columns = [good[name].to_pylist() for name in ("service", "trace_id", "span_id", "message")]
    assert Counter(zip(*columns, strict=True)) == expected
    assert good["ts"].null_count == 0
    assert {moment.date().isoformat() for moment in good["ts"].to_pylist()} == {day}
    assert set(json.loads(good["attributes"][0].as_py())) == {"Container", "TimeUnixNano"}
    levels = Counter(normalised_levels(good["level"], good["message"]).to_pylist())
    print(levels)
    assert levels["INFO"] > 0.9 * good.num_rows


def test_rows_whose_number_is_a_time_long_ago_are_in_no_window_of_this_age(data_dir: Path) -> None:
    """45 rows of Nezha have a negative number for their time, which is one in 1754."""
    folder = data_dir / "nezha" / "rca_data" / "2023-01-29"
    table = lines_of(folder, files="log/*_log.csv.gz", time="TimeUnixNano", time_unit="ns", columns=NEZHA)
    assert table.num_rows == 172_722 - 45
