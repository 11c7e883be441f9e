"""The first line of every task: which window, with which runtime."""

from datetime import timedelta

from airflow.sdk import get_current_context

from include.orchestration.context import RunWindow, run_window
from include.orchestration.runtime import Runtime, runtime
from include.settings import settings
from include.window import Grid


def here(span: timedelta | None = None) -> tuple[RunWindow, Runtime]:
    """Return the window and the runtime of the task that calls; `span` as in `run_window`."""
    run = run_window(dict(get_current_context()), Grid.of(settings().grid_minutes), span)
    return run, runtime(run.run_id)


def busy_dags(*dag_ids: str) -> list[str]:
    """Return which of these DAGs have a run that is queued or runs; asked from within a task."""
    count = get_current_context()["ti"].get_dr_count
    return [dag_id for dag_id in dag_ids if count(dag_id=dag_id, states=["queued", "running"])]
