"""Real log lines of ten systems (loghub), put into the fake log systems and read back whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.window import Window
from tests.fakes.elasticsearch import FakeElasticsearch
from tests.fakes.loki import FakeLoki
from tests.fakes.splunk import FakeSplunk
from tests.sources.conftest import Ask

START = 1_790_848_800 * 10**9
TEN = datetime(2026, 10, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def lines(data_dir: Path) -> list[tuple[str, str]]:
    """System and line of each, 20,000 in all."""
    found = sorted((data_dir / "loghub").glob("*/*_2k.log"))
    return [
        (path.parent.name, line)
        for path in found
        for line in path.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    ]


def loki(fake: FakeLoki, at: int, number: int, system: str, line: str) -> None:
    fake.log(START + at * 1_000, line, {"number": str(number)}, service_name=system)


def elasticsearch(fake: FakeElasticsearch, at: int, number: int, system: str, line: str) -> None:
    fake.index(START + at * 1_000, f"{number:06}", message=line, service={"name": system}, number=number)


def splunk(fake: FakeSplunk, at: int, number: int, system: str, line: str) -> None:
    fake.log(START // 1_000 + at, line, app=system, number=str(number))


@pytest.mark.needs("data")
@pytest.mark.parametrize(
    ("kind", "make", "put", "feed"),
    [
        ("loki", FakeLoki, loki, {"expr": '{service_name=~".+"}'}),
        ("elasticsearch", FakeElasticsearch, elasticsearch, {"options": {"index": "logs-*"}}),
        ("splunk", FakeSplunk, splunk, {"expr": "index=shop"}),
    ],
)
def test_every_line_of_ten_systems_comes_back(
    kind: str, make: Any, put: Any, feed: dict[str, Any], lines: list[tuple[str, str]]
) -> None:
    with make() as fake:
        for number, (system, line) in enumerate(lines):
            put(fake, number // 7, number, system, line)
        source = Ask.feed({"type": kind, "url": fake.url}, {"dataset": "log_event", **feed})
        table = Ask.table(source, Window(TEN, TEN + timedelta(hours=1)))
    rows = sorted(table.to_pylist(), key=lambda row: int(row["attributes"].split('"number":')[1].strip('"}')))
    assert len(rows) == len(lines) > 19_000
    assert [row["service"] for row in rows] == [system for system, _ in lines]
    assert [row["ts"] for row in rows] == [TEN + timedelta(microseconds=i // 7) for i in range(len(lines))]
    changed = [(row["message"], line) for row, (_, line) in zip(rows, lines, strict=True) if row["message"] != line]
    assert all("<" in text or "\\udc" in text for text, _ in changed)  # redacted, or a byte that is no UTF-8
