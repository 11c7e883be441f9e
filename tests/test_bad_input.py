"""Bad input, case by case: which test shows what happens then. A case without its test fails the build.

The tests are found by reading the files, so this table holds even where a server that they need is absent.
"""

import ast
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

CASES: dict[str, tuple[str, ...]] = {
    "source down": (
        "http/test_client.py::test_source_down",
        "sources/test_bad_answers.py::test_source_down",
        "integration/test_scheduler.py::test_a_source_that_is_gone_fails_the_run_at_once_and_shows_as_a_gap",
    ),
    "source slow": ("http/test_client.py::test_slow", "http/test_client.py::test_slow_drop_by_drop_is_slow_too"),
    "half an answer": (
        "http/test_client.py::test_half_an_answer_is_asked_for_again",
        "http/test_client.py::test_every_cut_of_a_document_is_seen_as_half_an_answer",
        "sources/test_bad_answers.py::test_half_an_answer",
        "landing/test_write.py::test_a_source_that_breaks_off_leaves_nothing_behind",
    ),
    "HTML instead of JSON": (
        "http/test_client.py::test_html_instead_of_json_says_so_and_is_not_tried_again",
        "sources/test_bad_answers.py::test_html_instead_of_json",
    ),
    "429": (
        "http/test_client.py::test_429_waits_as_long_as_it_is_told",
        "sources/test_bad_answers.py::test_429_is_tried_again",
    ),
    "401": (
        "http/test_client.py::test_401_is_not_tried_again_and_names_what_to_check",
        "sources/test_bad_answers.py::test_401_is_rejected",
        "sources/test_prometheus.py::test_basic_auth_lets_the_right_password_in_and_401_names_the_connection",
    ),
    "expired certificate": ("http/test_client.py::test_expired_certificate",),
    "NaN": (
        "quality/test_points.py::test_nan_is_set_apart_and_never_stops_a_load",
        "sources/test_prometheus.py::test_nan_and_infinite_values_go_out_as_they_are",
    ),
    "Inf": ("quality/test_points.py::test_infinite_values_are_set_apart",),
    "text": (
        "quality/test_points.py::test_text_in_place_of_a_number_is_kept_as_the_source_said_it",
        "sources/test_files.py::test_nan_inf_and_text",
    ),
    "negative rate": (
        "quality/test_points.py::test_a_negative_rate_is_set_apart_where_the_query_has_a_minimum_of_zero",
    ),
    "clock years off": (
        "quality/test_points.py::test_a_clock_that_is_off_puts_its_rows_outside_the_window",
        "quality/test_points.py::test_a_clock_ahead_of_the_present_is_set_apart_beyond_five_minutes",
        "sources/test_files.py::test_a_clock_years_off_stays_out_of_the_window",
    ),
    "duplicate points": ("quality/test_points.py::test_duplicate_points_are_loaded_once_and_the_first_one_counts",),
    "out-of-order points": (
        "quality/test_points.py::test_out_of_order_points_are_loaded_and_reported",
        "sources/test_files.py::test_out_of_order_points_come_in_order_and_exact_duplicates_once",
    ),
    "a series that changes its unit": (
        "quality/test_points.py::test_a_series_that_changes_its_unit_is_loaded_with_a_warning",
        "quality/test_points.py::test_a_query_that_changes_its_unit_stops_the_load_until_somebody_allows_it",
        "orchestration/test_ingest.py::test_a_query_that_changed_its_unit_loads_only_when_somebody_allows_it",
    ),
    "a million labels": (
        "quality/test_points.py::test_a_million_labels_are_cut_to_the_cap_and_the_known_series_stay",
        "sources/test_bad_answers.py::test_a_million_labels_are_cut_at_the_cap_and_the_rest_is_told_in_one_row",
        "orchestration/test_ingest.py::test_series_beyond_the_cap_of_the_settings_are_set_apart",
    ),
    "an empty window": (
        "quality/test_points.py::test_an_empty_window_is_loaded_as_empty_with_a_warning",
        "landing/test_write.py::test_an_empty_window_lands_with_no_rows",
        "sources/test_prometheus.py::test_an_empty_window_gives_no_rows_and_no_error",
    ),
    "a killed task between delete and insert": (
        "warehouse/test_load.py::test_a_task_killed_between_delete_and_insert_loses_nothing",
        "integration/test_scheduler.py::test_a_task_that_is_killed_is_tried_again_and_nothing_is_doubled",
    ),
    "two runs of one window at once": (
        "warehouse/test_load.py::test_two_runs_of_one_window_at_once_leave_each_point_once",
        "integration/test_scheduler.py::test_two_runs_of_one_window_at_once_leave_each_point_once",
    ),
    "disk full in landing": (
        "landing/test_write.py::test_disk_full_in_landing_says_so_and_leaves_nothing_behind",
        "landing/test_write.py::test_a_file_size_limit_is_a_full_disk",
    ),
    "a YAML typo": (
        "config/test_load.py::test_a_yaml_typo_names_file_line_key_and_the_allowed_keys",
        "config/test_document.py::test_broken_yaml_is_a_problem_with_its_line",
    ),
    "a database newer than the code": (
        "warehouse/test_migrate.py::test_a_database_newer_than_the_code_is_refused_with_a_clear_message",
    ),
}

REQUIRED = (
    "source down, source slow, half an answer, HTML instead of JSON, 429, 401, expired certificate, NaN, Inf, text, "
    "negative rate, clock years off, duplicate points, out-of-order points, a series that changes its unit, "
    "a million labels, an empty window, a killed task between delete and insert, two runs of one window at once, "
    "disk full in landing, a YAML typo, a database newer than the code"
)


@lru_cache
def functions_of(file: str) -> frozenset[str]:
    """Return the names of the test functions that a file defines."""
    path = TESTS / file
    if not path.exists():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("case", REQUIRED.split(", "))
def test_every_kind_of_bad_input_has_its_tests(case: str):
    assert CASES.get(case), f"no test is named for {case!r}"
    missing = [test for test in CASES[case] if test.split("::")[1] not in functions_of(test.split("::")[0])]
    assert not missing, f"{case}: there is no {', '.join(missing)}"


def test_the_table_has_no_case_that_nobody_asked_for():
    assert set(CASES) == set(REQUIRED.split(", "))
