"""Airflow's REST API, as much of it as the main job uses."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from include.stack.processes import StackError

DONE = frozenset({"success", "failed"})


@dataclass(frozen=True)
class DagRun:
    """One run of one DAG and the state in which it was last seen."""

    dag_id: str
    run_id: str
    state: str
    partition_key: str | None


class AirflowApi:
    """A signed-in client of one Airflow."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)
        self._user, self._password = user, password

    def healthy(self) -> bool:
        """Return whether database, scheduler, DAG processor and triggerer all say that they are healthy."""
        try:
            parts = self._client.get("/api/v2/monitor/health", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in names)

    def sign_in(self) -> None:
        """Fetch a token; raise a `StackError` when Airflow does not know the user."""
        answer = self._client.post("/auth/token", json={"username": self._user, "password": self._password})
        if answer.status_code not in (200, 201):
            raise StackError(f"Airflow refused the sign-in of {self._user}: {answer.status_code} {answer.text[:200]}")
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self._call("GET", "/api/v2/dags?limit=500&exclude_stale=true")["dags"]}

    def import_errors(self) -> list[str]:
        """Return what Airflow could not read, one text per file."""
        errors = self._call("GET", "/api/v2/importErrors?limit=50")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", json={"is_paused": False})

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool, or set its size."""
        pools = {pool["name"] for pool in self._call("GET", "/api/v2/pools?limit=200")["pools"]}
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        if name in pools:
            self._call("PATCH", f"/api/v2/pools/{name}?update_mask=slots", json=body)
        else:
            self._call("POST", "/api/v2/pools", json=body)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, partition_key: str | None = None) -> DagRun:
        """Start a run by hand, of a partition or with params."""
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf or {})}
        if partition_key:
            body["partition_key"] = partition_key
        return _run(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return a run as it is now."""
        return _run(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str) -> list[DagRun]:
        """Return the newest hundred runs of a DAG."""
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100&order_by=-id")
        return [_run(run) for run in answer["dag_runs"]]

    def tasks(self, run: DagRun) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances?limit=1000"
        return list(self._call("GET", path)["task_instances"])

    def wait(
        self, run: DagRun, within_seconds: float, tick: Callable[[DagRun], None] | None = None, poll: float = 1.0
    ) -> DagRun:
        """Wait until a run has ended; raise a `StackError` when it fails (naming the tasks) or takes too long."""
        deadline = time.monotonic() + within_seconds
        while run.state not in DONE:
            if time.monotonic() > deadline:
                raise StackError(f"{run.dag_id} ({run.run_id}) is still {run.state} after {within_seconds:.0f} s.")
            time.sleep(poll)
            run = self.run(run.dag_id, run.run_id)
            if tick:
                tick(run)
        if run.state == "failed":
            failed = [task for task in self.tasks(run) if task["state"] == "failed"]
            names = ", ".join(f"{task['task_id']}[{task['map_index']}]" for task in failed) or "no task"
            raise StackError(f"{run.dag_id} ({run.run_id}) failed in {names}. {self._reason(run, failed)}")
        return run

    def _reason(self, run: DagRun, failed: list[dict[str, Any]]) -> str:
        """Return the last error lines of the first failed task's log."""
        if not failed:
            return ""
        task = failed[0]
        path = (
            f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task['task_id']}/logs/"
            f"{max(task['try_number'], 1)}?map_index={task['map_index']}&full_content=true"
        )
        try:
            content = self._call("GET", path)["content"]
        except (StackError, KeyError):
            return ""
        errors = [
            str(detail.get("exc_value") or line.get("event"))
            for line in content
            if isinstance(line, dict) and line.get("level") in ("error", "critical")
            for detail in (line.get("error_detail") or [{}])[:1]
        ]
        return "It said: " + " | ".join(errors[-2:]) if errors else ""

    def _call(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        answer = self._client.request(method, path, **kwargs)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.sign_in()
            answer = self._client.request(method, path, **kwargs)
        if answer.is_error:
            raise StackError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content else {}


def _run(answer: dict[str, Any]) -> DagRun:
    return DagRun(answer["dag_id"], answer["dag_run_id"], answer["state"], answer.get("partition_key"))
