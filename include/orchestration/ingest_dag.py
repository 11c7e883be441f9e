"""The one shape of an ingesting DAG: plan the reads, one mapped task per source and window, close the window.

`close_window` runs whatever happened to the reads. In a partitioned run it announces the partition, and again every
earlier one whose content a late re-read changed, with all that follow it: what hangs on them then recomputes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param, dag, get_current_context, task

from include.orchestration.schedule import SOURCE_POOL, dag_defaults, each_step

ALLOW_SHRINK = Param(
    False,
    type="boolean",
    title="Allow shrinking",
    description="Let a re-read replace more rows than it brings. Off, such a re-read is refused and history is kept.",
)
ALLOW_UNIT_CHANGE = Param(
    False,
    type="boolean",
    title="Allow a change of unit",
    description="Load series that have all changed by one factor, as if their unit had changed: somebody has looked.",
)
ONLY_SOURCES = Param(
    None,
    type=["null", "array"],
    title="Only these sources",
    description="Names from sources.yaml, one per line. Empty means all.",
)
REPLAY = Param(
    False,
    type="boolean",
    title="Replay from landing",
    description="Load the newest landed partitions again instead of asking the sources.",
)


def ingest_dag(dag_id: str, datasets: Sequence[str], outlet: Asset, doc: str) -> DAG:
    """Return the DAG that ingests `datasets` and announces its partitions on `outlet`."""

    @dag(
        dag_id=dag_id,
        schedule=each_step(),
        doc_md=doc,
        **dag_defaults(
            "ingest",
            *datasets,
            params={
                "allow_shrink": ALLOW_SHRINK,
                "allow_unit_change": ALLOW_UNIT_CHANGE,
                "sources": ONLY_SOURCES,
                "replay": REPLAY,
            },
            within=timedelta(minutes=55),
            active_runs=3,
        ),
    )
    def ingest() -> None:
        @task
        def plan() -> list[dict[str, str]]:
            from include.orchestration.ingest import plan_reads
            from include.orchestration.tasks import here

            run, rt = here()
            params = get_current_context()["params"]
            return plan_reads(rt, run.window, datasets, sources=params["sources"], with_late=run.partitioned)

        @task(map_index_template="{{ piece['source'] }} {{ piece['window'] }}", pool=SOURCE_POOL)
        def load(piece: dict[str, str]) -> dict[str, Any]:
            from include.orchestration.connections import credentials
            from include.orchestration.ingest import load_piece
            from include.orchestration.tasks import here

            _, rt = here()
            params = get_current_context()["params"]
            return load_piece(
                rt,
                piece,
                datasets,
                credentials,
                allow_shrink=params["allow_shrink"],
                allow_unit_change=params["allow_unit_change"],
                replay=params["replay"],
            )

        @task(outlets=[outlet], trigger_rule="all_done")
        def close_window(*, outlet_events: Any = None) -> dict[str, Any]:
            from include.orchestration.context import partition_key
            from include.orchestration.ingest import close
            from include.orchestration.tasks import here

            run, rt = here()
            closed = close(rt, run.window, datasets)
            if run.partitioned:
                outlet_events[outlet].add_partitions([partition_key(start) for start in closed.announce])
            outlet_events[outlet].extra.update(closed.summary())
            return closed.summary()

        # close_window succeeds whatever happened; this leaf, which no worker runs, makes a run fail whose reads failed
        load.expand(piece=plan()) >> [close_window(), EmptyOperator(task_id="all_loaded")]

    return ingest()
