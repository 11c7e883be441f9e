"""Housekeeping, daily: retention, landed partitions that a newer load has superseded, and compaction."""

from datetime import timedelta

from airflow.sdk import dag, task

from include.orchestration.schedule import dag_defaults, daily


@dag(schedule=daily("02:30"), doc_md=__doc__, **dag_defaults("maintain", within=timedelta(minutes=40), windowed=False))
def maintain_warehouse():
    """Wire the steps one after the other: each takes the warehouse's lock briefly."""

    @task
    def expire() -> dict:
        from include.orchestration.maintain import expire_rows
        from include.orchestration.tasks import here

        _, rt = here()
        return expire_rows(rt)

    @task
    def prune() -> dict:
        from include.orchestration.maintain import prune_inbox, prune_landing, prune_offsets
        from include.orchestration.tasks import here

        _, rt = here()
        return prune_landing(rt) | prune_inbox(rt) | prune_offsets(rt)

    @task
    def compact() -> dict:
        from include.orchestration.maintain import compact_warehouse
        from include.orchestration.tasks import here

        _, rt = here()
        return compact_warehouse(rt)

    expire() >> prune() >> compact()


maintain_warehouse()
