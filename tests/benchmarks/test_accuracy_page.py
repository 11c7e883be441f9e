"""Figures go between markers; what people wrote stays."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks.accuracy_page import PageError, write, written
from include.clock import FixedClock

ROW = {
    "name": "nab", "metric": "VUS-PR", "value": 0.4492, "goal": 0.45, "baselines": {"random": 0.1387}, "n": 52,
    "seconds": 1.0, "higher_is_better": True, "note": "95% 0.39 to 0.51",
}  # fmt: skip
DOCUMENT = {"benchmark": "anomaly", "commit": "0123456789abcdef", "rows": [ROW]}
DAY = date(2026, 11, 28)
LINE = "| nab | VUS-PR | 0.449 | ≥ 0.45 | random 0.139 | 52 | 95% 0.39 to 0.51 |"


def test_a_page_without_markers_gets_the_table_at_its_end() -> None:
    page = written("# Title\n\nWords.\n", [DOCUMENT], DAY)
    assert page.startswith("# Title\n\nWords.\n\n<!-- figures: anomaly -->\n")
    assert "`python -m benchmarks.anomaly`, 2026-11-28, commit `0123456789ab`." in page
    assert LINE in page


def test_a_second_run_replaces_the_table_and_keeps_the_words_around_it() -> None:
    first = written("# Title\n", [DOCUMENT], DAY) + "\nWords behind.\n"
    changed = {**DOCUMENT, "rows": [{**ROW, "value": None, "note": "missing: a | b"}]}
    second = written(first, [changed], DAY)
    assert LINE not in second
    assert "| – | ≥ 0.45 | random 0.139 | 52 | missing: a \\| b |" in second
    assert second.endswith("\nWords behind.\n")
    assert written(second, [changed], DAY) == second


def test_a_place_without_an_end_is_refused() -> None:
    with pytest.raises(PageError, match="Add the line where the table ends"):
        written("<!-- figures: anomaly -->\n", [DOCUMENT], DAY)


def test_the_day_comes_from_the_clock_and_a_file_without_figures_is_named(tmp_path: Path) -> None:
    figures, page = tmp_path / "anomaly.json", tmp_path / "page.md"
    figures.write_text(json.dumps(DOCUMENT))
    write([figures], page, FixedClock(datetime(2026, 1, 2, tzinfo=UTC)))
    assert "2026-01-02" in page.read_text()
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(PageError, match=r"other\.json"):
        write([tmp_path / "other.json"], page, FixedClock(datetime(2026, 1, 2, tzinfo=UTC)))
