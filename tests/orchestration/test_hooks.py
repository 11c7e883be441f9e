"""Webhooks in the API server: doors from configuration and connections, and at most one triage of a source a minute."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import AlmanacError
from include.inbox import Delivery
from include.inbox.door import Door
from include.orchestration import hooks
from include.orchestration.hooks import Doors, TriageNotStarted, Triages, read_doors, start_run
from include.settings import settings
from include.window import Grid
from tests.config.folder import write_config

SOURCES = """
sources:
  prometheus: {type: prometheus, url: "http://localhost:9090"}
  pages: {type: webhook, connection: pages_hook, options: {provider: alertmanager}, feeds: {pages: {dataset: alert}}}
  pager:
    type: webhook
    connection: pager_hook
    options: {provider: pagerduty, body_limit_mebibytes: 2, per_minute: 10, tolerance: 1m}
  lost: {type: webhook, connection: nowhere, options: {provider: generic, delivery_id: id}}
  off: {type: webhook, connection: pages_hook, enabled: false, options: {provider: generic}}
"""
START = datetime(2026, 11, 5, 7, 59, 10, tzinfo=UTC)


class Runs:
    """Takes runs as Airflow does: an id that is there is not taken again."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.asked = 0

    def __call__(self, run_id: str, **run: Any) -> bool:
        self.asked += 1
        return self.taken.setdefault(run_id, run) is run


class Server:
    """A server whose clock stands where the next delivery is kept."""

    def __init__(self, start: Callable[..., bool], grid: Grid = Grid.HOUR) -> None:
        self._triages = Triages(start, grid, self)

    def now(self) -> datetime:
        return self._now

    def get(self, seconds: float, source: str = "pages", kept_after: float = 0.0) -> None:
        received = START + timedelta(seconds=seconds)
        self._now = received + timedelta(seconds=kept_after)
        self._triages(Delivery(source, received, "k", {}))


def test_the_first_delivery_starts_a_triage_at_once_and_those_of_its_minute_share_one_more() -> None:
    runs = Runs()
    server = Server(runs)
    for seconds in (0, 1, 2, 30, 49):
        server.get(seconds)
    assert list(runs.taken) == ["webhook__pages__2026-11-05T07:59", "webhook__pages__2026-11-05T08:00"]
    first, second = runs.taken.values()
    assert first["run_after"] is None
    assert second["run_after"] == datetime(2026, 11, 5, 8, tzinfo=UTC)
    assert second["conf"] == {"source": "pages", "window": "2026-11-05T07:00:00Z/2026-11-05T08:00:00Z"}
    assert runs.asked == 2, "what this server has started it does not ask for again"


def test_deliveries_of_the_next_minute_are_read_by_the_run_behind_it() -> None:
    runs = Runs()
    server = Server(runs)
    for seconds in (0, 1, 51, 52):
        server.get(seconds)
    assert [(run_id[-5:], run["conf"]["window"][:13]) for run_id, run in runs.taken.items()] == [
        ("07:59", "2026-11-05T07"), ("08:00", "2026-11-05T07"), ("08:01", "2026-11-05T08")
    ]  # fmt: skip


def test_every_delivery_has_a_run_that_begins_after_it_and_none_begins_twice_a_minute() -> None:
    runs = Runs()
    servers = [Server(runs, Grid.FIVE_MINUTES) for _ in range(3)]
    for n, seconds in enumerate((0, 3, 7, 20, 47, 51, 55, 58, 115, 400, 401, 460)):
        before = {run_id: run["run_after"] for run_id, run in runs.taken.items()}
        servers[n % 3].get(seconds, kept_after=9.0)
        new = [run for run_id, run in runs.taken.items() if run_id not in before]
        later = [run_after for run_after in before.values() if run_after and run_after > servers[n % 3].now()]
        assert new or later, seconds
    assert len(runs.taken) == len({run_id[-16:] for run_id in runs.taken})


def test_sources_do_not_wait_for_each_other() -> None:
    runs = Runs()
    server = Server(runs)
    server.get(0)
    server.get(1, "pager")
    assert [run["run_after"] for run in runs.taken.values()] == [None, None]


def test_a_start_that_fails_is_tried_with_the_next_delivery() -> None:
    runs = Runs()
    answers: list[Exception | None] = [TriageNotStarted("down"), None]

    def start(run_id: str, **run: Any) -> bool:
        if error := answers.pop(0):
            raise error
        return runs(run_id, **run)

    server = Server(start)
    with pytest.raises(TriageNotStarted):
        server.get(0)
    server.get(1)
    assert list(runs.taken) == ["webhook__pages__2026-11-05T07:59"]


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_config(tmp_path, sources=SOURCES)
    monkeypatch.setenv("ALMANAC_CONFIG_DIR", str(folder))
    extra = {"conn_type": "http", "extra": {"token": "tok"}}
    monkeypatch.setenv("AIRFLOW_CONN_PAGES_HOOK", json.dumps(extra))
    monkeypatch.setenv("AIRFLOW_CONN_PAGER_HOOK", json.dumps({"conn_type": "http", "password": "hmac"}))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.mark.usefixtures("airflow_db")
def test_a_door_has_its_sources_options_and_its_connections_secret(configured: Path) -> None:
    doors = read_doors()
    assert set(doors) == {"pages", "pager", "lost"}
    assert (doors["pages"].token, doors["pages"].password) == ("tok", "")
    assert doors["pager"] == Door(
        "pager", "pagerduty", password="hmac", limit=2 << 20, per_minute=10, tolerance=timedelta(minutes=1)
    )
    assert (doors["lost"].token, doors["lost"].password, doors["lost"].delivery_id) == ("", "", "id")


def test_doors_are_read_again_after_a_while_and_stay_when_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    answers: list[Any] = [AlmanacError("broken"), {"a": Door("a", "generic")}, AlmanacError("broken"), {}]

    def read() -> Mapping[str, Door]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    doors = Doors(read)
    with pytest.raises(AlmanacError):
        doors()
    assert list(doors()) == ["a"]
    now[0] += hooks.FRESH_SECONDS - 1
    assert (list(doors()), len(answers)) == (["a"], 2)
    now[0] += 2
    assert (list(doors()), len(answers)) == (["a"], 1)
    now[0] += hooks.FRESH_SECONDS
    assert list(doors()) == []


@pytest.mark.usefixtures("airflow_db")
def test_a_dag_that_airflow_does_not_know_is_told(configured: Path) -> None:
    with pytest.raises(TriageNotStarted, match="unheard_of is unknown in Airflow"):
        start_run("webhook__pages__2026-11-05T07:59", dag_id="unheard_of", conf={"source": "pages"})
