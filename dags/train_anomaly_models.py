"""Anomaly models, weekly: fit a challenger, back-test it against the champion and the robust baseline, gate it.

The alias `champion` in MLflow's registry moves only when the gate says so; its verdict is what the
task returns, and it stands on the model version.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from include.orchestration.schedule import MODELS, dag_defaults, weekly

DAYS = Param(
    28, type="integer", minimum=3, maximum=120, title="Days of history", description="How far back training data goes."
)


@dag(
    schedule=weekly(0, "03:00"),
    doc_md=__doc__,
    **dag_defaults("train", within=timedelta(minutes=60), params={"days": DAYS}),
)
def train_anomaly_models():
    """Wire the one step."""

    @task(outlets=[MODELS])
    def train(params: dict | None = None) -> dict:
        from include.orchestration.tasks import here
        from include.orchestration.train import train_champion

        run, rt = here()
        return train_champion(rt, run.window, days=params["days"])

    train()


train_anomaly_models()
