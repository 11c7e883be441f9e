"""Anomaly models, weekly: fit challengers, back-test each against its champion and a naive baseline, gate it.

One mapped task per registered model. With the policy `auto` of `detectors.yaml` the alias `champion` in MLflow moves
when the gate says so; with `review`, `review_model` is started and a person approves there. What the gate found is
what the task returns, and it stands on the model version and on the Models page.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from include.orchestration.chain import start
from include.orchestration.schedule import MODELS, dag_defaults, weekly

DAYS = Param(
    28, type="integer", minimum=3, maximum=120, title="Days of history", description="How far back training data goes."
)


@dag(
    schedule=weekly(0, "03:00"),
    doc_md=__doc__,
    **dag_defaults("train", within=timedelta(minutes=90), params={"days": DAYS}),
)
def train_anomaly_models():
    """Wire the models to training, publication and review."""

    @task
    def models() -> list[str]:
        from include.orchestration.tasks import here
        from include.orchestration.train import anomaly_models

        return anomaly_models(here()[1])

    @task(map_index_template="{{ model }}", max_active_tis_per_dagrun=1)
    def train(model: str, params: dict | None = None) -> dict:
        from airflow.sdk import get_current_context

        from include.orchestration.tasks import here
        from include.orchestration.trainers import train_any

        get_current_context()["model"] = model
        run, rt = here()
        return train_any(rt, run.window, model, days=params["days"])

    @task(outlets=[MODELS])
    def publish(_: list[dict], params: dict | None = None) -> list[str]:
        from include.orchestration.tasks import here
        from include.orchestration.train import publish_models

        run, rt = here()
        return publish_models(rt, run.window.with_lookback(timedelta(days=params["days"]) - run.window.duration))

    @task
    def waiting(trained: list[dict]) -> list[dict]:
        from include.orchestration.train import waiting

        return waiting(list(trained))

    trained = train.expand(model=models())
    publish(trained)
    start("review_model").expand(conf=waiting(trained))


train_anomaly_models()
