"""Airflow's LocalExecutor with the heavy libraries already imported.

A task that imports Great Expectations, MLflow and scikit-learn spends 5 to 10 seconds before its first line. The
scheduler imports them once, before the executor forks its workers, so that every task starts in under a second. It
only imports: at the fork the parent has one thread, because a pool of threads (Polars, OpenMP, torch) does not survive
in a forked child. A module that starts threads on import does not belong in the list; a test holds the list to that.
"""

import importlib
import logging
import time
from pathlib import Path

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)

PRELOAD = (
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.smtp.hooks.smtp",
    "airflow.providers.standard.operators.trigger_dagrun",
    "pandas",
    "pyarrow.parquet",
    "pyarrow.compute",
    "pyarrow.dataset",
    "bottleneck",
    "scipy.stats",
    "sklearn.ensemble",
    "duckdb",
    "duckdb_sqlalchemy",
    "alembic.command",
    "upath",
    "httpx",
    "jinja2",
    "matplotlib.figure",
    "great_expectations",
    "mlflow",
    "mlflow.tracking",
)


def preload(modules: tuple[str, ...] = PRELOAD) -> dict[str, float]:
    """Import the modules; return the seconds that each took."""
    seconds = {}
    for name in modules:
        began = time.perf_counter()
        importlib.import_module(name)
        seconds[name] = time.perf_counter() - began
    return seconds


def threads() -> int:
    """Return how many threads this process has."""
    return len(list(Path("/proc/self/task").iterdir()))


class PreloadedLocalExecutor(LocalExecutor):
    """A LocalExecutor whose workers are forked from a process that holds the heavy libraries."""

    def start(self) -> None:
        """Import the libraries, say how long that took and how many threads there are, then fork the workers."""
        seconds = preload()
        log.info("Almanac preloaded %d modules in %.1f s (threads: %d)", len(seconds), sum(seconds.values()), threads())
        super().start()
