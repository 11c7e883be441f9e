"""Fills gaps by hand: reads again what is missing, failed or short, and recomputes what hangs on it.

The Data page lists the gaps; `make gaps` does too, and `make fill` triggers this Airflow DAG. Reads go through the same
pool as all others, so a source is not asked more often than usual. Nothing that is whole is read again.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from include.orchestration.chain import chain
from include.orchestration.ingest_dag import ALLOW_SHRINK, ONLY_SOURCES
from include.orchestration.schedule import SOURCE_POOL, dag_defaults

DAYS = Param(
    7,
    type="integer",
    minimum=1,
    maximum=120,
    title="Days",
    description="How far back to look for gaps, where no window is given.",
)


@dag(
    schedule=None,
    doc_md=__doc__,
    **dag_defaults(
        "ingest",
        "gaps",
        within=timedelta(hours=3),
        params={"days": DAYS, "sources": ONLY_SOURCES, "allow_shrink": ALLOW_SHRINK},
    ),
)
def fill_gaps():
    """Wire the gaps to reads, and what they changed to detection and error budgets."""

    @task
    def plan() -> list[dict]:
        from include.orchestration.fill import last_days, plan_fill
        from include.orchestration.tasks import here

        run, rt = here()
        params = get_current_context()["params"]
        window = run.window if params["window"] else last_days(rt, params["days"])
        return plan_fill(rt, window, params["sources"])

    @task(map_index_template="{{ piece['source'] }} {{ piece['query'] }} {{ piece['window'] }}", pool=SOURCE_POOL)
    def load(piece: dict) -> dict:
        from include.orchestration.connections import credentials
        from include.orchestration.ingest import load_piece
        from include.orchestration.tasks import here

        _, rt = here()
        allow = get_current_context()["params"]["allow_shrink"]
        return load_piece(rt, piece, [piece["dataset"]], credentials, allow_shrink=allow)

    @task(trigger_rule="all_done")
    def recompute() -> list[dict]:
        from include.orchestration.fill import changed_since
        from include.orchestration.tasks import here
        from include.window import Window

        _, rt = here()
        first = changed_since(rt, ["metric_point"])
        return [{"window": Window(first, rt.grid.floor(rt.clock.now())).key}] if first else []

    changed = recompute()
    load.expand(piece=plan()) >> changed
    chain("detect_anomalies").expand(conf=changed) >> chain("report_slo").expand(conf=changed)


fill_gaps()
