from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from include.config.source import SourceType
from include.datasets import DATASETS
from include.sources.__main__ import app
from include.sources.offers import OFFERS
from tests.config.folder import write_config
from tests.fakes.api import Asked, FakeApi, Reply
from tests.fakes.kafka import FakeKafka, know_times

ALERT = {
    "fingerprint": "f1",
    "labels": {"alertname": "HighLatency", "service": "cart", "severity": "critical"},
    "annotations": {"summary": "slow for jane@example.org"},
    "startsAt": "2026-11-05T07:10:00Z",
    "endsAt": "2026-11-05T09:00:00Z",
    "updatedAt": "2026-11-05T07:40:00Z",
    "status": {"state": "active"},
    "generatorURL": "http://prometheus/graph",
}


class FakeAlertmanager(FakeApi):
    """One alert and one thing that is none, for whoever has the right login."""

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != "Basic bWU6aGlkZGVu":  # me:hidden
            return Reply({"message": "who are you?"}, status=401)
        return Reply([ALERT, {"no": "alert"}])


@pytest.fixture
def pager() -> Iterator[FakeAlertmanager]:
    with FakeAlertmanager() as fake:
        yield fake


def run(*arguments: str, rc: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert (result.exit_code, result.exception if rc == 0 else None) == (rc, None), result.output
    return result.output


def configured(folder: Path, fake: FakeApi) -> str:
    sources = f'sources: {{pager: {{type: alertmanager, url: "{fake.url}", connection: pager_login}}}}\n'
    return str(write_config(folder, sources=sources, queries="queries: {}\n", services="services: {cart: {}}\n"))


def test_a_trial_shows_rows_speed_cost_and_what_was_hidden(
    tmp_path: Path, pager: FakeAlertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAGER_LOGIN", '{"login": "me", "password": "hidden"}')
    lines = run("test", "pager", "--dir", configured(tmp_path, pager), "--window", "2026-11-05T07").splitlines()
    assert lines[0] == "pager (alertmanager), alerts (alert), 2026-11-05T07:00:00Z/2026-11-05T08:00:00Z"
    assert lines[2].split() == [
        "alert_id", "fingerprint", "name", "service", "severity", "status", "starts_at", "summary", "labels", "url",
        "updated_at", "deleted", "raw",
    ]  # fmt: skip
    text = "\n".join(lines)
    assert "2026-11-05T07:10:00Z" in text
    assert "jane@example.org" not in text
    assert "\n2 rows (0.3 KiB) in 0." in text
    assert "1 requests over HTTP, 0.4 KiB received" in text
    assert '1 rows could not be read and would go to quarantine; the first: {"no": "alert"}' in text
    assert "Hidden in texts: 1 email" in text
    assert lines[-1] == "A day of such windows: 48 rows, 7.3 KiB, 24 requests, 8.5 KiB received"


def test_the_login_may_come_from_options(tmp_path: Path, pager: FakeAlertmanager) -> None:
    (tmp_path / "password").write_text("hidden\n")
    options = ["--login", "me", "--password-file", str(tmp_path / "password"), "--window", "2026-11-05T07"]
    assert "2 rows" in run("test", "pager", "--dir", configured(tmp_path / "config", pager), *options)


def test_a_login_that_is_missing_or_wrong_is_a_sentence_and_an_exit_code(
    tmp_path: Path, pager: FakeAlertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = configured(tmp_path, pager)
    said = run("test", "pager", "--dir", folder, rc=1)
    assert said.startswith("Source 'pager' names the connection 'pager_login', which is not in the environment. Set ")
    assert "AIRFLOW_CONN_PAGER_LOGIN" in said
    monkeypatch.setenv("AIRFLOW_CONN_PAGER_LOGIN", "http://me:wrong@host")
    said = run("test", "pager", "--dir", folder, "--window", "2026-11-05T07", rc=1)
    assert "Check the login, password or token of its connection" in said
    monkeypatch.setenv("AIRFLOW_CONN_PAGER_LOGIN", "{")
    assert "The connection 'pager_login' is no JSON object" in run("test", "pager", "--dir", folder, rc=1)


def test_names_and_windows_that_are_not_there_are_said(tmp_path: Path, pager: FakeAlertmanager) -> None:
    folder = configured(tmp_path, pager)
    assert run("test", "pagr", "--dir", folder, rc=1) == (
        "No source is called 'pagr'; there is pager; did you mean 'pager'?.\n"
    )
    options = ["--login", "me", "--dir", folder]
    assert "has no query 'alert'" in run("test", "pager", "--feed", "alert", *options, rc=1)
    assert "'soon' is not a time" in run("test", "pager", "--window", "soon", *options, rc=1)
    assert "has not begun yet" in run("test", "pager", "--window", "2150-01-01T00", *options, rc=1)
    assert "cannot be read" in run("test", "pager", "--password-file", str(tmp_path / "none"), "--dir", folder, rc=1)


def test_a_topic_is_tried_like_any_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeKafka() as cluster:
        know_times(monkeypatch, cluster)
        for second in range(60):
            cluster.write("logs", "a line", datetime(2026, 11, 5, 7, tzinfo=UTC) + timedelta(seconds=second))
        cluster.settle()
        feeds = "{lines: {dataset: log_event, options: {topic: logs, format: text}}}"
        sources = f"sources: {{bus: {{type: kafka, options: {{brokers: {cluster.brokers}}}, feeds: {feeds}}}}}\n"
        folder = write_config(tmp_path / "config", sources=sources, queries="queries: {}\n", services="services: {}\n")
        said = run("test", "bus", "--dir", str(folder), "--window", "2026-11-05T07")
    assert "2026-11-05T07:00:00Z  a line   0-0" in said
    assert "\n60 rows" in said
    assert "A day of such windows: 1,440 rows" in said


def test_the_list_names_types_sources_and_what_is_asked_of_them(tmp_path: Path, pager: FakeAlertmanager) -> None:
    said = run("list", "--dir", configured(tmp_path, pager))
    assert "  jaeger        span\n" in said
    assert "  pager (alertmanager, connection pager_login)\n    alerts                        alert\n" in said


def test_every_type_of_source_is_listed_with_datasets_that_there_are() -> None:
    assert set(OFFERS) == set(get_args(SourceType))
    assert {name for datasets in OFFERS.values() for name in datasets} == set(DATASETS)
