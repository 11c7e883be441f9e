"""The capacity model, weekly: how to weight the pool of forecasts per class of resource, and how wide its band must be.

Trained on all but the last week, judged on that week against its champion and the default pool. Promotion and review
follow the same policy as the anomaly models.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from include.orchestration.chain import start
from include.orchestration.schedule import MODELS, dag_defaults, weekly

DAYS = Param(
    56, type="integer", minimum=28, maximum=56, title="Days of history", description="How far back training data goes."
)


@dag(
    schedule=weekly(0, "04:30"),
    doc_md=__doc__,
    **dag_defaults("train", "capacity", within=timedelta(minutes=60), params={"days": DAYS}),
)
def train_capacity_models():
    """Wire training to publication and review."""

    @task
    def train(params: dict | None = None) -> dict:
        from include.orchestration.tasks import here
        from include.orchestration.train_capacity import train_capacity_model

        run, rt = here()
        return train_capacity_model(rt, run.window, days=params["days"])

    @task(outlets=[MODELS])
    def publish(_: dict) -> list[str]:
        from include.orchestration.tasks import here
        from include.orchestration.train import publish_models

        run, rt = here()
        return publish_models(rt, run.window)

    @task
    def waiting(trained: dict) -> list[dict]:
        from include.orchestration.train import waiting

        return waiting([trained])

    trained = train()
    publish(trained)
    start("review_model").expand(conf=waiting(trained))


train_capacity_models()
