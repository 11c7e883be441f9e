"""Airflow's LocalExecutor with the heavy libraries already imported.

A task that imports Great Expectations, MLflow and scikit-learn spends 5 to 10 seconds before its first line. The
scheduler imports them once, before the executor forks its workers, so that every task starts in under a second. It
only imports: at the fork the parent has one thread, because a pool of threads (DuckDB, Polars, OpenMP, torch) does not
survive in a forked child. A module that starts threads on import does not belong in the list; a test holds the list to
that. `ONE_THREAD` keeps OpenBLAS and Arrow's allocator from starting theirs; it goes into the scheduler's environment.
"""

import logging

from airflow.executors.local_executor import LocalExecutor

from include.orchestration.preload import preload, threads

log = logging.getLogger(__name__)


class PreloadedLocalExecutor(LocalExecutor):
    """A LocalExecutor whose workers are forked from a process that holds the heavy libraries."""

    def start(self) -> None:
        """Import the libraries, say how long that took and how many threads there are, then fork the workers."""
        seconds = preload()
        log.info("Almanac preloaded %d modules in %.1f s (threads: %d)", len(seconds), sum(seconds.values()), threads())
        super().start()
