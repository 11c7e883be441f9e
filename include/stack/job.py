"""The main job: from nothing to reports, through Airflow's own scheduler.

Each step is a function of `Job`; `run` calls them in order and tells the terminal what happens and how long it took.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from include.clock import Clock
from include.config import Config
from include.orchestration.context import TRIAGE
from include.settings import REPOSITORY, Settings
from include.stack import environment as stack_environment
from include.stack.api import DONE, AirflowApi, DagRun
from include.stack.processes import Process, StackError, Supervisor, check_ports
from include.stack.terminal import Terminal
from include.window import Window

HISTORY_DAYS = 28
PARTITIONS = 3
CONSUMERS = (
    "report_slo",
    "report_data_quality",
    "report_log_volume",
    "detect_anomalies",
    "detect_log_anomalies",
    "train_anomaly_models",
    "train_capacity_models",
    "report_capacity",
    "report_anomalies",
)
PRODUCERS = ("load_history", "fill_gaps", "deliver_reports", "maintain_warehouse")
BY_HAND = ("review_model", "rollback_model")
LATER = ("check_drift", "merge_feedback")
"""Run by the clock, or when somebody has said a word on the pages; nothing of the main job waits for them."""
INGESTS = {
    "ingest_events": {"alert", "incident", "incident_change", "change_event", "feedback"},
    "ingest_logs": {"log_event"},
    "ingest_traces": {"span"},
    "ingest_metrics": {"metric_point"},
}
"""Which datasets each ingesting DAG brings; one whose datasets no source has stays paused."""
POOLS = {"almanac_sources": (2, "How many source reads run at once")}


@dataclass
class Job:
    """One `make run` on one home."""

    settings: Settings
    config: Config
    clock: Clock
    terminal: Terminal
    days: int = HISTORY_DAYS
    problems: list[str] = field(default_factory=list)
    """What went wrong on the way, in words; the steps behind it still run, on what there is."""
    environment: dict[str, str] = field(init=False)
    supervisor: Supervisor = field(init=False)
    api: AirflowApi = field(init=False)
    password: str = field(init=False)
    _earlier: set[tuple[str, str]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        keys = stack_environment.load_secrets(self.settings.home)
        self.password = keys.password
        self.environment = stack_environment.environment(self.settings, keys)
        self.supervisor = Supervisor(self.settings.home, self.environment, REPOSITORY)
        self.api = AirflowApi(self.settings.ui, stack_environment.USER, keys.password)

    @property
    def has_fleet(self) -> bool:
        """Whether the configuration reads the simulated fleet."""
        return any(source.type == "fleet" for source in self.config.sources.values())

    @property
    def ingests(self) -> list[str]:
        """The ingesting DAGs that have something to read."""
        there = {dataset for _, _, dataset in self.config.tasks()}
        return [dag_id for dag_id, datasets in INGESTS.items() if datasets & there]

    @property
    def dags(self) -> tuple[str, ...]:
        """Every DAG that this installation runs: consumers first, what produces partitions last."""
        webhooks = any(source.type == "webhook" for source in self.config.sources.values())
        return (*BY_HAND, *LATER, *CONSUMERS, *PRODUCERS, *([TRIAGE] if webhooks else []), *self.ingests)

    @property
    def fleet_state(self) -> Path:
        """The simulation's own state, apart from what the platform reads."""
        return self.settings.home.parent / f"{self.settings.home.name}-world" / "state.json"

    # Steps ---------------------------------------------------------------------------------------------------------

    def simulate(self, end: datetime) -> None:
        """Write the fleet's history up to `end`, or add to it what has happened since."""
        with self.step("Simulate a fleet", f"{self.days} days of 18 services") as say:
            began = time.monotonic()
            self.python(
                *("-m", "include.demo", "write", str(fleet_folder(self.settings, self.config))),
                *("--state", str(self.fleet_state), "--end", f"{end:%Y-%m-%dT%H:%M}", "--days", str(self.days)),
            )
            say(f"written in {time.monotonic() - began:.0f} s")

    def ask_sources(self) -> list[str]:
        """Say at once which sources' addresses do not answer; the job goes on with the others."""
        silent = [
            source.name
            for source in self.config.sources.values()
            if source.enabled and source.url and not _answers(source.url)
        ]
        for name in silent:
            url = self.config.sources[name].url
            self.terminal.print(
                f"  ! Source {name} does not answer at {url}. Going on without it: its windows will show as gaps.\n"
                "    If the address is wrong, stop with Ctrl-C, correct sources.yaml, and run again."
            )
        return silent

    def prepare(self) -> None:
        """Bring the warehouse and Airflow's database to the current schema."""
        with self.step("Prepare databases", "warehouse and Airflow"):
            self.python("-m", "include.warehouse", "migrate")
            self.python("-m", "airflow", "db", "migrate")
            (self.settings.home / "mlflow").mkdir(exist_ok=True)

    def start(self) -> None:
        """Start what does not run yet, and wait until all of it is healthy."""
        with self.step("Start servers", "Airflow, MLflow, mail sink") as say:
            running = self.supervisor.running()
            missing = [server for server in self._servers() if server.name not in running]
            check_ports(missing)
            for server in missing:
                self.supervisor.start(server)
            self._await("Airflow to be healthy", self.api.healthy, 120)
            self.api.sign_in()
            self._await("MLflow to answer", self._mlflow_answers, 90)
            self._await("every DAG to be read", self._dags_are_read, 90)
            if "scheduler" in {server.name for server in missing}:
                self._await("the scheduler to hold the heavy libraries", self._preloaded, 90)
            for name, (slots, description) in POOLS.items():
                self.api.ensure_pool(name, slots, description)
            say(f"{len(missing)} started, {len(running)} were up")

    def unpause(self) -> None:
        """Let the DAGs run: consumers first, the producer of partitions last."""
        self._earlier = {(dag_id, run.run_id) for dag_id in self.dags for run in self.api.runs(dag_id)}
        for dag_id in self.dags:
            self.api.unpause(dag_id)

    def load_history(self, window: Window) -> None:
        """Load, train and detect over the whole history in a few wide windows."""
        run = self.api.trigger("load_history", {"window": window.key})
        self._follow("Load history", f"{self.days} days in wide windows", run, 3600)

    def load_partitions(self, windows: list[Window]) -> None:
        """Run the last steps of the grid as partitions, and wait for everything that hangs on them."""
        what = f"{len(windows)} partitions of {self.settings.grid_minutes} minutes"
        with self.step("Run the last steps", what) as say:
            keys = {f"{window.start:%Y-%m-%dT%H:%M:%S}" for window in windows}
            runs = [self.api.trigger(dag_id, partition_key=key) for key in sorted(keys) for dag_id in self.ingests]
            for run in runs:
                with self._noted():
                    self.api.wait(run, 600)
            behind = {"detect_anomalies", "report_slo", "report_data_quality"}
            if "ingest_logs" in self.ingests:
                behind |= {"report_log_volume", "detect_log_anomalies"}
            self._await("the consumers of the partitions", lambda: self._partitions_done(behind, keys), 600, every=2.0)
            failed = sum(self.api.run(run.dag_id, run.run_id).state == "failed" for run in runs)
            say(f"{len(runs)} ingest runs, {failed or 'none'} failed, {len(behind)} consumers each")

    def report(self, end: datetime) -> None:
        """Build the capacity report for the present, and send what is due."""
        day = Window(end - timedelta(days=1), end)
        self._follow(
            "Train capacity",
            "how to weight forecasts, judged on the last week",
            self.api.trigger("train_capacity_models", {"window": day.key, "days": max(28, min(56, self.days))}),
            600,
        )
        self._follow(
            "Report capacity",
            "forecast, time to exhaustion",
            self.api.trigger("report_capacity", {"window": day.key}),
            600,
        )
        self._follow(
            "Deliver reports", "e-mail to the local sink", self.api.trigger("deliver_reports", {"at_once": True}), 300
        )

    def fill(self, days: int, sources: list[str] | None) -> None:
        """Fill the gaps of the last days in an installation that runs."""
        if "scheduler" not in self.supervisor.running():
            raise StackError("Nothing runs, so nothing can be filled. Start it with `make run` first.")
        self.api.sign_in()
        run = self.api.trigger("fill_gaps", {"days": days, "sources": sources})
        self._follow("Fill gaps", f"of the last {days} days", run, 3 * 3600)

    def follow_fleet(self) -> None:
        """Keep the simulated world turning in the background."""
        if "fleet" not in self.supervisor.running():
            folder = fleet_folder(self.settings, self.config)
            command = [sys.executable, "-m", "include.demo", "follow", str(folder), "--state", str(self.fleet_state)]
            self.supervisor.start(Process("fleet", command, {}))

    def record_runs(self) -> None:
        """Write down how every DAG run ended, as Airflow's API tells it."""
        runs = [run for dag_id in self.dags for run in self._own_runs(dag_id)]
        told = [{"dag_id": run.dag_id, "run_id": run.run_id, "state": run.state} for run in runs]
        (self.settings.home / "last_run.json").write_text(json.dumps({"days": self.days, "runs": told}, indent=1))
        told_already = " ".join(self.problems)
        self.problems += [
            f"{run.dag_id} ({run.run_id}) failed."
            for run in runs
            if run.state == "failed" and run.run_id not in told_already
        ]

    def must_be_whole(self) -> None:
        """Raise a `StackError` with what went wrong on the way, each cause once, if anything did."""
        if self.problems:
            causes: dict[str, str] = {}
            for problem in self.problems:
                causes.setdefault(problem.partition("It said: ")[2] or problem, problem)
            listed = "\n".join(f"  - {problem}" for problem in causes.values())
            raise StackError(f"Not all of it worked:\n{listed}\n  Airflow has the logs: {self.settings.ui}")

    def stop(self) -> list[str]:
        """Stop every server; return their names."""
        return self.supervisor.stop()

    # Inside --------------------------------------------------------------------------------------------------------

    def _servers(self) -> list[Process]:
        return stack_environment.servers(self.settings)

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[Callable[[str], None]]:
        """Show one step on the terminal."""
        with self.terminal.step(name, what) as say:
            yield say

    def _follow(self, name: str, what: str, run: DagRun, within_seconds: float) -> None:
        with self._noted(), self.step(name, what) as say:

            def tick(now: DagRun) -> None:
                tasks = self.api.tasks(now)
                done = sum(task["state"] in ("success", "skipped", "failed") for task in tasks)
                active = sorted({task["task_id"] for task in tasks if task["state"] == "running"})
                say(f"{done}/{len(tasks)} tasks" + (f", now {', '.join(active)}" if active else ""))

            self.api.wait(run, within_seconds, tick)

    def _await(self, what: str, ready: Callable[[], bool], within_seconds: float, every: float = 0.5) -> None:
        deadline = time.monotonic() + within_seconds
        while not ready():
            dead = {server.name for server in self._servers()} - set(self.supervisor.running())
            if dead:
                name = min(dead)
                raise StackError(f"{name} stopped while starting. Its last lines:\n{self.supervisor.tail(name)}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"Waited {within_seconds:.0f} s for {what}, in vain. The logs are in {self.supervisor.logs}."
                )
            time.sleep(every)

    def _mlflow_answers(self) -> bool:
        import httpx

        try:
            return httpx.get(f"http://127.0.0.1:{self.settings.mlflow_port}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def _dags_are_read(self) -> bool:
        known = self.api.dag_ids()
        if set(self.dags) <= known:
            return True
        errors = self.api.import_errors()
        if errors:
            raise StackError(f"Airflow cannot read the DAG files: {'; '.join(errors)}")
        return False

    def _preloaded(self) -> bool:
        return "Almanac preloaded" in self.supervisor.tail("scheduler", 400)

    def _partitions_done(self, dag_ids: set[str], keys: set[str]) -> bool:
        for dag_id in dag_ids:
            runs = [run for run in self._own_runs(dag_id) if run.partition_key in keys]
            if {run.partition_key for run in runs} != keys or any(run.state not in DONE for run in runs):
                return False
        return True

    def _own_runs(self, dag_id: str) -> list[DagRun]:
        """Return the newest runs of a DAG, without those of an earlier `make run`."""
        return [run for run in self.api.runs(dag_id) if (dag_id, run.run_id) not in self._earlier]

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep an error for the end, so that the steps behind it still run."""
        try:
            yield
        except StackError as error:
            self.problems.append(str(error))

    def python(self, *arguments: str) -> None:
        """Run one of Almanac's commands to its end, in the stack's environment."""
        answer = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            said = (answer.stderr or answer.stdout).strip().splitlines()[-8:]
            raise StackError(f"`python {' '.join(arguments[:3])}` failed:\n" + "\n".join(said))


def _answers(url: str) -> bool:
    """Return whether something speaks HTTP there, whatever it says."""
    import httpx

    try:
        httpx.get(url, timeout=5, verify=False)  # noqa: S501  only whether it is there; the source checks the certificate
    except httpx.HTTPError:
        return False
    return True


def fleet_folder(settings: Settings, config: Config) -> Path:
    """Return the folder into which the simulated fleet writes and from which its source reads."""
    source = next(source for source in config.sources.values() if source.type == "fleet")
    return settings.home / (getattr(source, "path", None) or "fleet")
