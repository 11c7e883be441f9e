"""A store of every kind of document, its pages served by a real server, and a real browser to read them with."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from include.report import anomalies, capacity, data, drift, models, slo
from include.report.document import Document, Edition
from include.report.store import Store
from tests.report import sample, sample_anomalies

ZONE = "Europe/Berlin"
CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


def documents() -> dict[str, Document]:
    """Return a document of each kind: busy, calm, empty, and the first of its kind."""
    edition = Edition(time_zone=ZONE, next_at=sample.END + timedelta(days=1), run_id="report_capacity.2026-11-20")
    payments = edition.model_copy(update={"audience": "payments", "time_zone": "America/New_York"})
    nobody = edition.model_copy(update={"audience": "identity"})
    status, calm = sample.resources(), sample.resources(trouble=False)
    ahead, points, objectives = sample.forecast(status), sample.recent(status), sample.objectives()
    hourly, yesterday = sample.hourly(objectives), sample.WINDOW.shifted(-timedelta(days=1))
    frames = sample.data_frames()
    quiet = capacity.build(calm, sample.forecast(calm), sample.recent(calm), yesterday, edition)
    return {
        "capacity calm": quiet,
        "capacity": capacity.build(status, ahead, points, sample.WINDOW, edition, quiet),
        "capacity of a team": capacity.build(status, ahead, points, sample.WINDOW, payments),
        "capacity of nothing": capacity.build(status.head(0), ahead, points, sample.WINDOW, nobody),
        "slo": slo.build(objectives, hourly, sample.HOUR, edition),
        "slo of nothing": slo.build(objectives.head(0), hourly, sample.HOUR, nobody),
        "data": data.build(*frames, sample.WINDOW, edition, sample.END),
        "anomalies": anomalies.build(
            sample_anomalies.episodes(),
            sample_anomalies.SAID,
            sample_anomalies.points(),
            sample_anomalies.OWNERS,
            sample_anomalies.UNITS,
            sample.WINDOW,
            edition,
        ),
        "drift": drift.build(sample_anomalies.drift_rows(), sample.WINDOW, edition),
        "models": models.build(sample.VERSIONS, sample.WINDOW, edition),
    }


@pytest.fixture(scope="session")
def made() -> dict[str, Document]:
    """Every kind of document."""
    return documents()


@pytest.fixture(scope="session")
def site(made: dict[str, Document], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the pages, served under /almanac by a real server to anyone."""
    import uvicorn
    from fastapi import FastAPI

    from include.report.pages import create_app

    store = Store(str(tmp_path_factory.mktemp("documents")))
    for document in made.values():
        store.write(document)
    root = FastAPI()
    root.mount("/almanac", create_app(store, lambda: None, lambda: "ann", lambda _: None))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(root, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/almanac"
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def mails(made: dict[str, Document], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every mail as it came through a real SMTP server, as a page that shows it."""
    from include.clock import FixedClock
    from include.notify.mail import compose
    from include.notify.sink import controller
    from include.notify.smtp import smtp_sender
    from include.report.letter import letter

    folder = tmp_path_factory.mktemp("mail")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = controller(folder, port, FixedClock(sample.END))
    server.start()
    names = [name for name in made if name not in {"data", "models", "anomalies", "drift"}]
    with smtp_sender("127.0.0.1", port) as send:
        for name in names:
            link = f"http://127.0.0.1:8080/almanac/reports/{made[name].name}/{made[name].id}"
            send(
                compose(
                    letter(made[name], link), "almanac@example.org", ("sre@example.org",), made[name].id, sample.END
                )
            )
    server.stop()
    return dict(zip(names, sorted(folder.glob("0*.html")), strict=True))
