"""Anomaly models, weekly: fit a challenger, back-test it against the champion and the robust baseline, gate it.

The alias `champion` in MLflow's registry moves only when the gate says so; the verdict is in the log of `gate`, in the
model version's description and on the Models page.
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
    """Wire fit, gate and announcement."""

    @task
    def fit(params: dict | None = None) -> dict:
        from include.orchestration.tasks import here
        from include.orchestration.train import fit_challenger

        run, rt = here()
        return fit_challenger(rt, run.window, days=params["days"])

    @task(outlets=[MODELS])
    def gate(challenger: dict) -> dict:
        from include.orchestration.tasks import here
        from include.orchestration.train import gate_challenger

        _, rt = here()
        return gate_challenger(rt, challenger)

    gate(fit())


train_anomaly_models()
