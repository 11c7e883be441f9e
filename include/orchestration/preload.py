"""The heavy libraries that a scheduler imports before it forks its workers, and how many threads that leaves."""

import importlib
import logging
import time
from pathlib import Path

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
    "sqlalchemy",
    "alembic.command",
    "upath",
    "httpx",
    "jinja2",
    "matplotlib.figure",
    "great_expectations",
    "mlflow",
    "mlflow.tracking",
)

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def preload(modules: tuple[str, ...] = PRELOAD) -> dict[str, float]:
    """Import the modules; return the seconds that each took."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells hundreds of lines while it is imported
    seconds = {}
    for name in modules:
        began = time.perf_counter()
        importlib.import_module(name)
        seconds[name] = time.perf_counter() - began
    return seconds


def threads() -> int:
    """Return how many threads this process has."""
    return len(list(Path("/proc/self/task").iterdir()))
