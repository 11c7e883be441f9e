"""Webhooks in Airflow's API server: whose deliveries are let in, and how one starts a triage.

Sources and their secrets are read anew every half minute. A triage is started the way Airflow's own task API starts a
run, in the server's database session; where that fails, the window's own run reads the delivery all the same.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.applications import Starlette

from include.clock import Clock, SystemClock
from include.config import SourceConfig, load_config
from include.config.options.webhook import WebhookOptions
from include.config.redaction import Redaction
from include.errors import AlmanacError
from include.inbox import Delivery, Inbox, inbox_beside
from include.inbox.app import create_app
from include.inbox.door import MEBIBYTE, Door
from include.orchestration.connections import credentials
from include.orchestration.context import TRIAGE
from include.orchestration.words import MERGE, keeper
from include.report.judging import Judgement
from include.settings import settings
from include.window import Grid, Window

FRESH_SECONDS = 30.0
MINUTE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class TriageNotStarted(AlmanacError):  # noqa: N818 - reads as a sentence
    """Airflow did not take the run of a triage."""


class Doors:
    """The doors of all webhook sources, as configuration and connections say; remembered for half a minute."""

    def __init__(self, read: Callable[[], Mapping[str, Door]]) -> None:
        self._read = read
        self._turns = threading.Lock()
        self._known: Mapping[str, Door] | None = None
        self._until = 0.0

    def __call__(self) -> Mapping[str, Door]:
        """Return source → door. Raises what reading raises, unless there are doors from before: they stay then."""
        with self._turns:
            if time.monotonic() >= self._until:
                try:
                    self._known = self._read()
                except AlmanacError as error:
                    if self._known is None:
                        raise
                    _log.error("The webhooks stay as they were: %s", error)
                self._until = time.monotonic() + FRESH_SECONDS
            return self._known or {}


class Triages:
    """Starts at most one triage of a source in a minute.

    The first delivery of a quiet minute starts one at once. What comes later in that minute may have been missed by
    it, so one more is due when the minute is over. Run ids say source and minute, so that no server starts one twice.
    """

    def __init__(self, start: Callable[..., bool], grid: Grid, clock: Clock) -> None:
        self._start = start
        self._grid = grid
        self._clock = clock
        self._started: dict[str, None] = {}

    def __call__(self, delivery: Delivery) -> None:
        """See to a triage that begins after this, so that it reads the delivery. Raises `TriageNotStarted`."""
        window = Window.containing(delivery.received, self._grid)
        minute = self._clock.now().replace(second=0, microsecond=0)
        for at, run_after in ((minute, None), (minute + MINUTE, minute + MINUTE)):
            run_id = f"webhook__{delivery.source}__{at:%Y-%m-%dT%H:%M}"
            if run_id in self._started:
                continue
            new = self._start(run_id, run_after=run_after, conf={"source": delivery.source, "window": window.key})
            self._started[run_id] = None
            while len(self._started) > 1_000:
                del self._started[next(iter(self._started))]
            if new:
                return


def hooks() -> Starlette:
    """Return the app that the API server mounts."""
    here, clock = settings(), SystemClock()
    start = Triages(start_run, Grid.of(here.grid_minutes), clock)
    return create_app(Doors(read_doors), Inbox(inbox_beside(here.landing)), start, clock)


def words() -> Callable[[Judgement], None]:
    """Return what keeps the words of people that the pages take, and starts their merge."""
    here, clock = settings(), SystemClock()
    start = Triages(partial(start_run, dag_id=MERGE), Grid.of(here.grid_minutes), clock)
    return keeper(Inbox(inbox_beside(here.landing)), clock, start)


def read_doors() -> Mapping[str, Door]:
    """Return the door of each webhook source that is enabled, with the secrets that its connection holds."""
    config = load_config(settings().config_dir)
    sources = [source for source in config.sources.values() if source.type == "webhook" and source.enabled]
    return {source.name: _door(source, config.logs.redaction) for source in sources}


def start_run(run_id: str, dag_id: str = TRIAGE, **run: Any) -> bool:
    """Start a run of the triage, or of another DAG; return False where that run exists. Raises `TriageNotStarted`."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import AirflowException, DagRunAlreadyExists
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    try:
        with create_session() as session:
            known = DagModel.get_current(dag_id, session=session)
            if known is None or known.is_paused:
                raise TriageNotStarted(f"{dag_id} is {'paused' if known else 'unknown'} in Airflow. Unpause it.")
            trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.REST_API, run_id=run_id, session=session, **run)
    except (DagRunAlreadyExists, IntegrityError):
        return False
    except (AirflowException, SQLAlchemyError, ValueError) as error:
        raise TriageNotStarted(f"Airflow did not start {dag_id} {run_id}: {error}.") from error
    return True


def _door(source: SourceConfig, redaction: Redaction) -> Door:
    options = source.options_as(WebhookOptions)
    token = login = password = ""
    try:
        who = credentials(source.connection or "")
        token, login, password = who.token or "", who.login or "", who.password or ""
    except Exception as error:  # noqa: BLE001  whatever a secrets backend raises, the other sources stay open
        _log.error("Deliveries to %s are refused: its connection %s: %s", source.name, source.connection, error)
    return Door(
        source.name,
        options.provider,
        token=token,
        login=login,
        password=password,
        limit=options.body_limit_mebibytes * MEBIBYTE,
        per_minute=options.per_minute,
        tolerance=options.tolerance,
        timestamp_header=options.timestamp_header,
        delivery_id=options.delivery_id,
        redaction=redaction,
    )
