import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from include.config import ConfigError, Problem, load_config
from include.config.document import parse_documents
from include.config.load import FILES

NAMES = [*FILES, "slos/a.yaml"]
WORDS = [
    *("services", "sources", "queries", "limits", "defaults", "maintenance", "freezes", "business_hours", "feeds"),
    *("owner", "tier", "aliases", "type", "url", "path", "layout", "timeout", "expr", "kind", "unit", "step", "value"),
    *("query", "resource", "start", "end", "days", "enabled", "audiences", "apiVersion", "openslo/v1", "SLO", "SLI"),
    *("metadata", "name", "spec", "service", "indicator", "ratioMetric", "good", "total", "metricSource", "Almanac"),
    *("timeWindow", "duration", "objectives", "target", "prometheus", "/[a/", "1h", "28d", "2026-01-01", "17:30", "NO"),
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
TEXTS = st.text(max_size=200) | st.binary(max_size=100) | TREES.map(yaml.safe_dump)


@settings(max_examples=300, deadline=None)
@given(texts=st.dictionaries(st.sampled_from(NAMES), TEXTS, min_size=1, max_size=3))
def test_no_text_raises_anything_but_a_config_error(texts: dict[str, str | bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        problems = _problems(Path(folder))
    assert all(problem.file and problem.line >= 1 and problem.found for problem in problems)


def _problems(folder: Path) -> tuple[Problem, ...]:
    try:
        load_config(folder)
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the same key twice"),
        ("a:\n - b\n -c: [\n", 3, "broken YAML"),
        ("a: 1\n\tb: 2\n", 2, "broken YAML"),
        ("a: *nobody\n", 1, "broken YAML (found undefined alias)"),
        ("x: 1\na: &a [*a]\n", 2, "a value nested too deeply"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "the tag"),
        ("? [a]\n: b\n", 1, "a key that is not plain text"),
        ("\n" + "[" * 100_000, 2, "values nested too deeply"),
        ('a: "\\UFFFFFFFF"\n', 1, "broken YAML"),
    ],
)
def test_broken_yaml_is_a_problem_with_its_line(text: str, line: int, found: str) -> None:
    _, problems = parse_documents(text, "x.yaml")
    assert (problems[0].file, problems[0].line) == ("x.yaml", line)
    assert problems[0].found.startswith(found)


def test_aliases_that_multiply_stop_early() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    _, problems = parse_documents("\n".join(rows), "x.yaml")
    assert problems[0].found == "more than 100,000 values"


def test_scalars_follow_the_core_schema_of_yaml_1_2() -> None:
    text = "{a: NO, b: 17:30, c: 2026-01-01, d: 0x10, e: 010, f: 1.5e3, g: true, h: ~, i: '5', j: -3, k: on}"
    (document,), problems = parse_documents(text, "x.yaml")
    assert problems == []
    assert document.data == {
        "a": "NO",
        "b": "17:30",
        "c": "2026-01-01",
        "d": "0x10",
        "e": 10,
        "f": 1500.0,
        "g": True,
        "h": None,
        "i": "5",
        "j": -3,
        "k": "on",
    }


def test_a_place_is_the_line_of_the_key_or_of_what_encloses_it() -> None:
    (document,), _ = parse_documents("a:\n  b:\n    - c: 1\n    - d: 2\n", "x.yaml")
    assert document.place(("a", "b", 1, "d")).line == 4
    assert document.place(("a", "b", 1, "d")).key == "a.b[1].d"
    assert document.place(("a", "b", 0, "missing")).line == 3
    assert document.place(("a", "b", 0, "missing")).key == "a.b[0].missing"
