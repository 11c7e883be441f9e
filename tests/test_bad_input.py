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
    "a page that repeats": (
        "sources/test_elasticsearch.py::test_a_page_that_repeats_is_an_error",
        "sources/test_loki.py::test_a_page_that_repeats_is_an_error",
        "sources/test_datadog_logs.py::test_a_page_that_comes_again_gives_each_line_once",
        "sources/test_opsgenie.py::test_a_page_that_repeats_is_an_error",
        "sources/test_jaeger.py::test_an_answer_that_repeats_an_earlier_one_is_an_error",
    ),
    "a page that is missing": (
        "sources/test_elasticsearch.py::test_a_missing_page_is_an_error",
        "sources/test_opsgenie.py::test_a_page_that_is_missing_is_an_error",
        "sources/test_pagerduty.py::test_an_answer_that_counts_nothing_and_leaves_a_page_out_is_an_error",
        "sources/test_jira.py::test_a_page_of_a_changelog_that_is_missing_is_an_error",
    ),
    "a cursor that expires mid-way": (
        "sources/test_datadog_logs.py::test_a_cursor_that_expires_mid_way_loses_and_repeats_nothing",
        "sources/test_pagerduty.py::test_a_cursor_that_expires_in_the_middle_makes_the_list_start_again",
    ),
    "10 001 rows at one timestamp": (
        "sources/test_elasticsearch.py::test_ten_thousand_and_one_documents_at_one_time",
        "sources/test_loki.py::test_ten_thousand_lines_at_one_nanosecond_are_read_by_their_streams",
        "sources/test_splunk.py::test_ten_thousand_and_one_events_at_one_time",
        "sources/test_datadog_logs.py::test_ten_thousand_and_one_lines_at_one_time_all_come",
        "sources/test_jaeger.py::test_ten_thousand_and_one_traces_at_one_time",
        "sources/test_servicenow.py::test_ten_thousand_and_one_records_of_one_second_all_come",
        "sources/test_jira.py::test_ten_thousand_and_one_issues_of_one_moment_all_come",
        "sources/test_opsgenie.py::test_ten_thousand_and_one_alerts_of_one_moment_come_whole",
    ),
    "a total that changes while paging": (
        "sources/test_elasticsearch.py::test_documents_that_come_or_go_while_it_pages_are_no_matter",
        "sources/test_opsgenie.py::test_alerts_that_change_while_the_pages_are_read_hide_no_others",
        "sources/test_servicenow.py::test_records_that_change_while_pages_are_read_shift_no_other",
        "sources/test_github.py::test_records_that_are_added_or_deleted_while_pages_are_read_neither_repeat_nor_vanish",
    ),
    "mixed time zones": (
        "sources/test_log_rows.py::test_times_of_many_zones_in_one_page",
        "sources/test_jira.py::test_the_window_is_exact_whatever_the_users_time_zone",
        "sources/test_servicenow.py::test_the_users_time_zone_shows_nowhere",
        "sources/test_pagerduty.py::test_times_with_another_zone_are_the_same_moments",
    ),
    "10 MB log lines": (
        "parse/test_log_text.py::test_a_line_of_ten_megabytes_is_kept",
        "sources/test_loki.py::test_a_line_of_ten_megabytes_a_nul_and_bytes_that_are_no_text_survive",
        "sources/test_log_files.py::test_a_line_that_is_too_long_is_cut_and_the_rest_is_noted",
    ),
    "invalid UTF-8": (
        "parse/test_log_text.py::test_any_bytes_give_rows_or_raw_and_no_line_is_lost",
        "sources/test_log_rows.py::test_bytes_that_are_no_utf_8_cost_neither_the_line_nor_themselves",
        "sources/test_files.py::test_bytes_that_are_not_utf8_cost_one_character",
    ),
    "NUL bytes": (
        "parse/test_log_text.py::test_bytes_as_lines",
        "sources/test_splunk.py::test_a_line_of_ten_megabytes_a_nul_and_half_a_surrogate_pair_survive",
    ),
    "ANSI colours": ("parse/test_log_text.py::test_bytes_as_lines",),
    "multi-line stack traces": (
        "parse/test_log_text.py::test_a_stack_trace_is_one_row_with_the_line_before_it",
        "parse/test_log_text.py::test_a_stack_trace_goes_on_in_the_next_block",
    ),
    "nested JSON bombs": (
        "parse/test_formats.py::test_a_broken_object_goes_out_with_its_text_and_a_bomb_is_no_bomb",
        "sources/test_spans.py::test_a_bomb_of_brackets_is_one_text",
        "inbox/test_app.py::test_what_is_no_json_or_a_bomb_is_a_bad_request",
    ),
    "zip bombs": (
        "sources/test_log_files.py::test_a_zip_bomb_is_refused_before_it_fills_the_memory",
        "sources/test_log_files.py::test_a_table_that_is_a_zip_bomb_is_refused_too",
    ),
    "spans with missing parents": (
        "quality/test_facts.py::test_spans_whose_parent_is_missing_are_loaded_and_told",
        "sources/test_spans.py::test_cycles_missing_parents_and_skewed_clocks_are_only_data",
    ),
    "cycles in spans": (
        "quality/test_facts.py::test_a_cycle_of_spans_is_loaded_as_it_is",
        "sources/test_spans.py::test_cycles_missing_parents_and_skewed_clocks_are_only_data",
    ),
    "negative durations": (
        "quality/test_facts.py::test_a_bad_span_is_set_apart_by_its_rule",
        "sources/test_spans.py::test_a_span_that_ends_before_it_begins_has_a_negative_duration",
    ),
    "clock skew between hosts": (
        "sources/test_spans.py::test_cycles_missing_parents_and_skewed_clocks_are_only_data",
        "sources/test_jaeger.py::test_a_child_whose_clock_runs_before_its_roots_is_found_with_its_root",
        "sources/test_zipkin.py::test_a_child_whose_clock_runs_before_its_roots_is_not_lost_at_the_end_of_the_window",
    ),
    "ids reused": (
        "quality/test_facts.py::test_a_span_comes_once_and_one_whose_id_is_used_again_for_something_else_stays",
        "sources/test_spans.py::test_an_id_that_is_used_again_for_something_else_stays",
    ),
    "webhook replay": (
        "inbox/test_app.py::test_the_same_delivery_again_is_a_duplicate_and_is_not_stored_twice",
        "inbox/test_app.py::test_a_generic_signature_covers_its_time_and_is_not_taken_later",
    ),
    "wrong signature": (
        "inbox/test_app.py::test_who_shows_nothing_right_is_told_the_same_whatever_the_source",
        "inbox/test_app.py::test_pagerduty_signs_the_body_and_may_send_several_signatures",
        "inbox/test_app.py::test_grafana_signs_the_body_or_the_time_and_the_body",
    ),
    "50 MB body": (
        "inbox/test_app.py::test_a_body_over_the_limit_is_refused_and_of_50_megabytes_next_to_nothing_is_read",
        "integration/test_webhook.py::test_fifty_megabytes_cost_the_server_no_memory",
    ),
    "a constant series": (
        "models/test_odd_series.py::test_a_constant_series_raises_no_alarm",
        "models/test_joint.py::test_constant_metrics_are_ordinary_until_they_move",
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
    ),
    "an all-missing series": (
        "models/test_odd_series.py::test_a_series_of_which_every_point_is_missing_is_no_obstacle",
    ),
    "one point": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_odd_series_are_scored_with_finite_numbers",
        "models/test_prophet_band.py::test_odd_series_are_scored_with_finite_numbers",
    ),
    "a counter reset": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_odd_series_are_scored_with_finite_numbers",
        "models/test_prophet_band.py::test_odd_series_are_scored_with_finite_numbers",
    ),
    "an integer overflow": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_odd_series_are_scored_with_finite_numbers",
        "models/test_prophet_band.py::test_odd_series_are_scored_with_finite_numbers",
    ),
    "a level shift at the split": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_odd_series_are_scored_with_finite_numbers",
        "models/test_prophet_band.py::test_odd_series_are_scored_with_finite_numbers",
    ),
    "a new series today": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_odd_series_are_scored_with_finite_numbers",
        "models/test_prophet_band.py::test_odd_series_are_scored_with_finite_numbers",
    ),
    "a series that ended": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_odd_series_are_scored_with_finite_numbers",
        "models/test_prophet_band.py::test_odd_series_are_scored_with_finite_numbers",
    ),
    "a gap of days": (
        "models/test_odd_series.py::test_an_odd_series_is_scored_with_finite_numbers_and_the_others_stay_calm",
        "models/test_lstm_autoencoder.py::test_after_a_gap_of_days_the_first_points_are_ordinary",
    ),
    "100 000 series": ("models/test_odd_series.py::test_a_hundred_thousand_series_are_scored_in_one_call",),
    "a corrupted model file": (
        "models/test_store.py::test_a_changed_file_is_refused_whichever_it_is",
        "models/test_store.py::test_a_damaged_copy_on_the_shelf_is_fetched_again",
        "models/test_store.py::test_a_champion_that_cannot_be_loaded_is_replaced_by_the_last_that_could",
    ),
    "a model file of a newer version": (
        "models/test_store.py::test_a_model_of_a_newer_version_is_refused_with_the_way_out",
    ),
    "MLflow down while training": ("models/test_registry.py::test_an_mlflow_that_is_down_is_no_empty_registry",),
    "MLflow down while scoring": (
        "models/test_store.py::test_scoring_goes_on_with_the_kept_champion_while_mlflow_is_down_and_says_so",
        "models/test_store.py::test_an_mlflow_that_is_down_with_nothing_kept_is_an_error_that_may_pass",
    ),
    "no champion yet": (
        "models/test_store.py::test_no_champion_yet_is_said_as_such",
        "models/test_registry.py::test_without_a_champion_the_message_says_what_to_run",
        "test_dags.py::test_a_window_without_a_model_is_skipped_and_says_what_to_run",
    ),
}

REQUIRED = (
    "source down, source slow, half an answer, HTML instead of JSON, 429, 401, expired certificate, NaN, Inf, text, "
    "negative rate, clock years off, duplicate points, out-of-order points, a series that changes its unit, "
    "a million labels, an empty window, a killed task between delete and insert, two runs of one window at once, "
    "disk full in landing, a YAML typo, a database newer than the code, "
    "a page that repeats, a page that is missing, a cursor that expires mid-way, 10 001 rows at one timestamp, "
    "a total that changes while paging, mixed time zones, 10 MB log lines, invalid UTF-8, NUL bytes, ANSI colours, "
    "multi-line stack traces, nested JSON bombs, zip bombs, spans with missing parents, cycles in spans, "
    "negative durations, clock skew between hosts, ids reused, webhook replay, wrong signature, 50 MB body, "
    "a constant series, an all-missing series, one point, a gap of days, a counter reset, an integer overflow, "
    "a level shift at the split, a new series today, a series that ended, 100 000 series, a corrupted model file, "
    "a model file of a newer version, MLflow down while training, MLflow down while scoring, no champion yet"
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
