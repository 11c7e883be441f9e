"""Capacity, error budgets and data as documents: what they say, to whom, and what they say of change."""

import json
from datetime import timedelta

import pandas as pd
import pytest
from pydantic import ValidationError

from include.report import capacity, data, models, slo
from include.report.anomalies import _advice
from include.report.csv import table_csv
from include.report.document import Document, Edition, Level
from include.report.letter import letter
from tests.report import sample

BERLIN = Edition(time_zone="Europe/Berlin")


def of_capacity(status: pd.DataFrame, edition: Edition = BERLIN, previous: Document | None = None) -> Document:
    return capacity.build(
        status, sample.forecast(sample.resources()), sample.recent(sample.resources()), sample.WINDOW, edition, previous
    )


def of_slo(status: pd.DataFrame, edition: Edition = BERLIN, previous: Document | None = None) -> Document:
    return slo.build(status, sample.hourly(sample.objectives()), sample.HOUR, edition, previous)


def test_the_verdict_names_what_runs_out_first_with_its_band() -> None:
    assert of_capacity(sample.resources()).verdict.text == (
        "2 of 45 resources run out within 14 days: payments-db disk on 3 Dec (80%: 30 Nov to 9 Dec), "
        "search-index disk on 4 Dec."
    )


def test_actions_come_worst_first_and_have_a_chart_each() -> None:
    document = of_capacity(sample.resources())
    assert [action.subject for action in document.actions] == [
        "payments-db disk", "search-index disk", "queue disk", "checkout connections",
    ]  # fmt: skip
    assert [action.chart for action in document.actions] == [chart.id for chart in document.charts]
    first = document.actions[0]
    assert (first.when, first.sure, first.owner) == (
        "runs out 3 Dec, in 13 days", "likely, 80%: 30 Nov to 9 Dec", "platform",
    )  # fmt: skip
    assert document.actions[3].sure == "likely, 90%: not before 15 Dec"


def test_at_most_seven_actions_are_shown_and_the_rest_is_counted() -> None:
    status = sample.resources()
    status["status"] = "act_now"
    document = of_capacity(status)
    assert (len(document.actions), document.actions_beyond) == (7, 38)


def test_a_team_sees_only_what_it_owns() -> None:
    document = of_capacity(sample.resources(), Edition(audience="payments"))
    table = document.tables[0]
    assert set(table.column("owner").values) == {"payments"}
    assert [action.subject for action in document.actions] == ["checkout connections"]
    assert "payments-db" not in document.to_json().decode()
    budgets = of_slo(sample.objectives(), Edition(audience="storefront"))
    assert set(budgets.tables[0].column("owner").values) == {"storefront"}


def test_what_changed_is_new_worse_better_and_gone() -> None:
    before = sample.resources()
    now = before.copy()
    place = {name: before.index[(before["service"] == s) & (before["resource"] == r)][0] for name, s, r in (
        ("worse", "payments-db", "disk"), ("better", "search-index", "disk"), ("gone", "queue", "disk"),
        ("new", "cart", "cpu"),
    )}  # fmt: skip
    now.loc[place["worse"], "exhausted_p50"] -= timedelta(days=5)
    now.loc[place["better"], ["status", "exhausted_p50"]] = ["act_this_week", sample.END + timedelta(days=40)]
    now.loc[place["gone"], "status"] = "adequate"
    now.loc[place["new"], ["status", "exhausted_p50"]] = ["act_now", sample.END + timedelta(days=3)]
    changes = of_capacity(now, previous=of_capacity(before)).changes
    assert [(change.kind, change.subject) for change in changes] == [
        ("new", "cart cpu"), ("worse", "payments-db disk"), ("better", "search-index disk"), ("gone", "queue disk"),
    ]  # fmt: skip
    assert changes[1].text == "runs out 28 Nov; before: runs out 3 Dec"


def test_a_difference_that_is_not_material_is_no_change() -> None:
    before = sample.resources()
    now = before.assign(exhausted_p50=before["exhausted_p50"] + timedelta(hours=20))
    assert of_capacity(now, previous=of_capacity(before)).changes == []


def test_the_same_input_gives_the_same_bytes_and_json_reads_back_equal() -> None:
    for document in (of_capacity(sample.resources()), of_slo(sample.objectives())):
        again = of_capacity(sample.resources()) if document.name == "capacity" else of_slo(sample.objectives())
        assert document.to_json() == again.to_json()
        assert Document.from_json(document.to_json()) == document


def test_a_document_of_another_schema_is_refused() -> None:
    text = of_slo(sample.objectives()).to_json().replace(b'"schema_version":1', b'"schema_version":2')
    with pytest.raises(ValidationError):
        Document.from_json(text)


def test_every_state_of_the_capacity_room_has_an_urgency() -> None:
    from include.capacity.recommend import State

    assert {state.value for state in State} == set(capacity.LEVELS)


def test_where_nothing_can_be_judged_nobody_is_told_that_all_is_well() -> None:
    rows = sample.resources().assign(status="insufficient_history", reason="16 hours of history")
    document = of_capacity(rows)
    assert document.nothing_to_do.startswith("Nothing can be judged yet.")
    assert len(document.fine_print.left_out) == 1
    assert document.fine_print.left_out[0].subject.endswith(f" and {len(rows) - 3} more")


def test_a_resource_without_history_is_left_out_with_its_reason() -> None:
    left_out = of_capacity(sample.resources()).fine_print.left_out
    assert [(item.subject, item.reason) for item in left_out] == [("recommendation cpu", "12 points, 30 are needed")]


@pytest.mark.parametrize(
    "change", [{"limit_value": None}, {"exhausted_p50": None}, {"exhausted_p10": None}, {"confidence": None}]
)
def test_a_missing_number_is_a_dash_and_never_a_fault(change: dict[str, None]) -> None:
    status = sample.resources().assign(**change)
    for column in ("exhausted_p10", "exhausted_p50", "exhausted_p90"):
        status[column] = pd.to_datetime(status[column], utc=True)
    document = of_capacity(status.assign(status="act_now"))
    assert "nan" not in letter(document).html.lower().replace("finan", "")
    assert document.verdict.level is Level.CRITICAL


def test_empty_frames_explain_what_would_fill_them() -> None:
    assert "limits.yaml" in of_capacity(sample.resources().head(0)).verdict.text
    assert "OpenSLO" in of_slo(sample.objectives().head(0)).verdict.text


def test_a_spent_budget_is_said_with_its_minutes_and_its_burn() -> None:
    document = of_slo(sample.objectives())
    assert (
        document.verdict.text
        == "1 of 24 error budgets is spent: checkout-availability (140% used); 1 more burns too fast."
    )
    assert document.verdict.subject == "checkout-availability has used 140% of its error budget"
    first = document.actions[0]
    assert (first.what, first.when) == ("140% used: 56.4\u202fmin of 40.3\u202fmin", "is spent")
    assert "target 99.9%, actual 99.86%" in first.reason


def test_the_chart_of_a_budget_ends_where_the_status_says() -> None:
    chart = of_slo(sample.objectives()).charts[0]
    assert chart.traces[0].values[-1] == pytest.approx(1 - 1.40, abs=0.01)


def test_burn_rates_that_a_warehouse_gives_as_text_are_read_all_the_same() -> None:
    import json

    frame = sample.objectives()
    text = frame.assign(
        burn_rates=frame["burn_rates"].map(json.dumps), worst_hours=frame["worst_hours"].map(json.dumps)
    )
    assert of_slo(text).to_json() == of_slo(frame).to_json()


def test_a_budget_that_burns_slower_than_it_recovers_does_not_run_out() -> None:
    actions = {action.subject: action for action in of_slo(sample.objectives()).actions}
    assert actions["payments-availability"].when == "does not run out at this pace"
    assert actions["search-latency"].when == "spent in 46 hours at this pace"


def test_the_data_page_says_which_feed_is_late_which_windows_miss_and_how_to_fill_them() -> None:
    document = data.build(*sample.data_frames(), sample.WINDOW, BERLIN, sample.END)
    assert document.verdict.text == "1 of 3 feeds is late and 9 windows are missing; 3 rows are in quarantine."
    assert document.actions[0].when == "9 hours behind"
    tables = {table.id: table for table in document.tables}
    assert tables["gaps"].height == 9
    assert set(tables["gaps"].column("how").values) == {
        "Read the message, mend the cause, then trigger fill_gaps (or run make fill)."
    }
    assert tables["quarantine"].column("rows").values == [3.0]
    assert "NaN" in str(tables["quarantine"].column("examples").values[0])
    assert tables["quality"].column("rule").values[0] == "values are finite"


def test_a_data_page_without_trouble_asks_for_nothing() -> None:
    loads, gaps, quality, quarantine = sample.data_frames(gaps=False)
    document = data.build(loads, gaps, quality.head(0), quarantine.head(0), sample.WINDOW, BERLIN, sample.END)
    assert (document.verdict.level, document.actions) == (Level.OK, [])


def test_a_data_page_before_the_first_load_says_how_to_begin() -> None:
    frames = [frame.head(0) for frame in sample.data_frames()]
    document = data.build(*frames, sample.WINDOW, BERLIN, sample.END)
    assert "start ingest_metrics" in document.verdict.text


def test_the_models_page_asks_for_what_waits_and_sets_champion_before_challenger_before_the_rest() -> None:
    document = models.build(sample.VERSIONS, sample.WINDOW, BERLIN)
    side, classes, versions = document.tables
    assert "1 better version waits for approval: anomaly-detector" in document.verdict.text
    assert [action.subject for action in document.actions] == ["anomaly-detector 5"]
    assert versions.column("version").values == ["4", "5", "3"]
    assert versions.column("state").values == ["runs, let in by gate", "waits for approval", "ran before"]
    assert side.column("challenger").values == [0.71, 0.72, 2.0, 0.3]
    assert side.column("champion").values == [0.66, 0.70, 3.0, 0.4]
    assert side.column("baseline").values[0] == "robust_z 0.55"
    assert (classes.column("class").values, classes.column("before").values) == (["latency/60"], [0.70])


def test_a_model_without_a_champion_and_a_refused_challenger_are_said_as_such() -> None:
    (one,) = [row for row in sample.VERSIONS if row["role"] == "challenger"]
    refused = {**one, "tags": {"gate": "refused", "gate_verdict": "Refused: no better."}}
    document = models.build([refused], sample.WINDOW, BERLIN)
    assert "1 model has no champion" in document.verdict.text
    assert not document.actions
    assert document.tables[2].column("state").values == ["refused by the gate"]
    assert "none is registered" in models.build([], sample.WINDOW, BERLIN).verdict.subject


def test_a_subject_line_is_under_seventy_characters_whatever_things_are_called() -> None:
    status = sample.resources()
    status["service"] = "a-service-with-a-name-that-nobody-should-give-" + status["service"]
    assert len(of_capacity(status).verdict.subject) < 70
    objectives = sample.objectives()
    objectives["slo"] = "an-objective-with-a-name-that-nobody-should-give-" + objectives["slo"]
    assert len(of_slo(objectives).verdict.subject) < 70


def test_a_mail_is_small_and_says_the_verdict_first_in_both_forms() -> None:
    made = letter(of_capacity(sample.resources()), "http://127.0.0.1:8080/almanac/reports/capacity/1")
    assert made.subject == "payments-db disk runs out 3 Dec, 1 more soon · 19 Nov 07:00 to 20 Nov 2026 07:00 CET"
    assert made.text.startswith("2 of 45 resources run out within 14 days")
    assert len(made.html.encode()) < 20_000
    assert "<style>" not in made.html.split("prefers-color-scheme")[0].replace('<style data-css-inline="keep">', "")
    assert [picture.content_id for picture in made.pictures] == [
        f for f in made.html.split("cid:") for f in [f.split('"')[0]]
    ][1:]
    assert len(made.attachments[0].content.splitlines()) == 46


def test_a_cell_of_the_csv_never_begins_like_a_formula() -> None:
    status = sample.resources()
    status["reason"] = '=HYPERLINK("http://evil")'
    assert "'=HYPERLINK" in table_csv(of_capacity(status)).decode()
    assert '"=HYPERLINK' not in table_csv(of_capacity(status)).decode()


def test_an_anomaly_of_a_service_names_a_likely_cause_with_its_remedy() -> None:
    cause = {"name": "connection-pool exhaustion", "confidence": 0.7, "remediation": "Look for connections."}
    for evidence in ({"hypotheses": [cause]}, json.dumps({"hypotheses": [cause]})):
        said = _advice({"evidence": evidence})
        assert said.startswith("It may be connection-pool exhaustion (70%). Look for connections.")
    weak = {"hypotheses": [{**cause, "confidence": 0.3}, {**cause, "name": "unknown", "confidence": 0.7}]}
    for evidence in (weak, None, float("nan")):
        assert _advice({"evidence": evidence}).startswith("Look at the service")
