"""The way in, served by a real server on a real socket, with doors, an inbox and a clock that a test chooses."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from include.errors import AlmanacError
from include.inbox import Delivery, Inbox
from include.inbox.app import create_app
from include.inbox.door import Door
from include.window import Window

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
TOKEN, SECRET = "t0ken-of-the-shop", "s3cret-of-the-shop"
DOORS = {
    "alerts": Door("alerts", "alertmanager", token=TOKEN),
    "basic": Door("basic", "datadog", login="almanac", password=SECRET),
    "grafana": Door("grafana", "grafana", password=SECRET),
    "timed": Door("timed", "grafana", password=SECRET, timestamp_header="X-Grafana-Alerting-Timestamp"),
    "pager": Door("pager", "pagerduty", password=SECRET),
    "generic": Door("generic", "generic", password=SECRET, token=TOKEN, delivery_id="meta.id", per_minute=600),
    "slow": Door("slow", "generic", token=TOKEN, per_minute=6),
    "unset": Door("unset", "generic"),
}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Entrance:
    """A served app: its address, what it kept, and what it started."""

    url: str
    folder: Path
    started: list[Delivery] = field(default_factory=list)
    now: datetime = NOON
    doors_broken: bool = False
    trigger_broken: bool = False

    def __post_init__(self) -> None:
        self.inbox = Inbox(str(self.folder / "inbox"))
        self._client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def post(self, source: str, document: Any, **headers: str) -> httpx.Response:
        """Deliver a document, or bytes as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self._client.post(
            f"/{source}", content=body, headers=dashed({"Content-Type": "application/json", **headers})
        )

    def kept(self, source: str = "alerts") -> list[Delivery]:
        """Return what is in the inbox of a source."""
        return list(self.inbox.read(source, Window(NOON - timedelta(days=1), NOON + timedelta(days=1))))

    def files(self) -> list[Path]:
        """Return every file below the inbox."""
        return [path for path in (self.folder / "inbox").rglob("*") if path.is_file()]

    def doors(self) -> dict[str, Door]:
        if self.doors_broken:
            raise AlmanacError("sources.yaml cannot be read")
        return DOORS

    def trigger(self, delivery: Delivery) -> None:
        if self.trigger_broken:
            raise AlmanacError("Airflow does not answer.")
        self.started.append(delivery)


def dashed(headers: dict[str, str]) -> dict[str, bytes]:
    return {name.replace("_", "-"): value.encode("latin-1") for name, value in headers.items()}


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@contextmanager
def running_entrance(folder: Path, body_seconds: float = 10.0) -> Iterator[Entrance]:
    """Serve the app until the block ends."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        entrance = Entrance(f"http://127.0.0.1:{listening.getsockname()[1]}", folder)

        class Clock:
            def now(self) -> datetime:
                return entrance.now

        app = create_app(entrance.doors, entrance.inbox, entrance.trigger, Clock(), body_seconds=body_seconds)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield entrance
        finally:
            server.should_exit = True
            thread.join(timeout=10)
