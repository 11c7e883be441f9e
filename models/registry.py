"""MLflow's registry: versions of one model, and which of them runs.

`register` makes a version with the alias `challenger` out of a training run; `judge` writes down what the gate found;
`promote` moves `champion`, and refuses without a passed gate against the champion of now; `rollback` goes back;
`notice` tells when a person has moved the alias in MLflow; `prune` deletes what policy no longer keeps. Works against
a server or a SQLite file alike; a server that does not answer is a `RegistryUnavailableError`, never an empty registry.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.base import ModelError, NotTrainedError, TrainedModel
from models.gate import Comparison
from models.store import load
from models.tracking import Sample, Training, connect, logged_run

ANOMALY, JOINT, LOG_LINES, CAPACITY = "anomaly-detector", "anomaly-joint", "anomaly-log-lines", "capacity-forecast"
MODELS = (ANOMALY, JOINT, LOG_LINES, CAPACITY)
TRAINED_BY = dict.fromkeys((ANOMALY, JOINT, LOG_LINES), "train_anomaly_models") | {CAPACITY: "train_capacity_models"}
CHALLENGER, CHAMPION = "challenger", "champion"
NONE = "none"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class PromotionRefusedError(ModelError):
    """A version that may not become champion."""


class RegistryUnavailableError(ModelError):
    """MLflow does not answer; trying again later may help."""


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    number: str
    run_id: str
    detector: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Registry:
    """One registered model of the MLflow at `url`."""

    url: str
    name: str

    def register(self, model: TrainedModel, training: Training, sample: Sample) -> Version:
        """Log a training run with its model, register it and call it `challenger`."""
        with self._client() as (mlflow, client):
            run_id, uri = logged_run(mlflow, client, self.url, self.name, model, training, sample)
            made = mlflow.register_model(uri, self.name)
            client.set_model_version_tag(self.name, made.version, "detector", model.name)
            client.set_registered_model_alias(self.name, CHALLENGER, made.version)
            return Version(str(made.version), run_id, model.name, {"detector": model.name})

    def judge(self, version: str, comparison: Comparison) -> None:
        """Write what the gate found to the version and to its run."""
        running = _number(self.champion())
        with self._client() as (_, client):
            run_id = client.get_model_version(self.name, version).run_id
            for name, value in comparison.figures().items():
                client.log_metric(run_id, name, value)
            client.log_dict(run_id, asdict(comparison), "gate.json")
            tags = {
                "gate": "accepted" if comparison.accepted else "refused",
                "gate_verdict": comparison.verdict,
                "gate_champion": running,
            }
            for key, text in tags.items():
                client.set_model_version_tag(self.name, version, key, text)

    def promote(self, version: str, by: str = "gate") -> None:
        """Make a version champion; raise `PromotionRefusedError` unless it passed the gate against the one of now.

        `by` is who said so: the gate, or a person's name.
        """
        current = _number(self.champion())
        with self._client() as (_, client):
            tags = client.get_model_version(self.name, version).tags
            if tags.get("gate") != "accepted":
                raise PromotionRefusedError(
                    f"Version {version} of {self.name} did not pass the gate: "
                    f"{tags.get('gate_verdict', 'it was never judged')}. Train another, or run the gate first."
                )
            if current == version:
                return
            if tags["gate_champion"] != current:
                raise PromotionRefusedError(
                    f"Version {version} of {self.name} was judged against champion {tags['gate_champion']}, "
                    f"but now {current} runs. Run the gate again."
                )
            self._crown(client, version, current, by)

    def decline(self, version: str, by: str) -> None:
        """Write down that a person did not want a version that had passed the gate."""
        with self._client() as (_, client):
            client.set_model_version_tag(self.name, version, "review", f"declined by {by}")

    def install_baseline(self, version: str, baseline: str) -> None:
        """Let the baseline run where nothing has ever beaten it; refused when there is a champion or it is none."""
        current = self.champion()
        with self._client() as (_, client):
            found = client.get_model_version(self.name, version).tags.get("detector")
            if current is not None or found != baseline:
                raise PromotionRefusedError(
                    f"Version {version} of {self.name} may run ungated only as the first, and as {baseline}."
                )
            self._crown(client, version, NONE, "baseline")

    def rollback(self) -> str:
        """Let the champion's predecessor run again, and return its number."""
        current = self.champion()
        before = current.tags.get("champion_before", NONE) if current else NONE
        if before == NONE:
            raise PromotionRefusedError(f"{self.name} has no earlier champion to go back to.")
        with self._client() as (_, client):
            client.set_registered_model_tag(self.name, "crowned", before)
            client.set_registered_model_alias(self.name, CHAMPION, before)
        return str(before)

    def notice(self) -> str | None:
        """Return in words that a person has moved `champion` in MLflow, once; else None.

        The move is taken as that person's decision: it is written down, and `rollback` leads back from it.
        """
        current = _number(self.champion())
        with self._client() as (_, client):
            try:
                crowned = client.get_registered_model(self.name).tags.get("crowned", NONE)
            except _mlflow_error() as error:
                if _is_absent(error):
                    return None
                raise
            if current in (crowned, NONE):
                return None
            client.set_model_version_tag(self.name, current, "champion_before", crowned)
            client.set_model_version_tag(self.name, current, "promoted_by", "a person, in MLflow")
            client.set_registered_model_tag(self.name, "crowned", current)
        return f"{self.name}: champion was moved by hand in MLflow from version {crowned} to {current}."

    def champion(self) -> Version | None:
        """Return the version that runs, or None where none ever did."""
        with self._client() as (_, client):
            try:
                found = client.get_model_version_by_alias(self.name, CHAMPION)
            except _mlflow_error() as error:
                if _is_absent(error):
                    return None
                raise
            return Version(str(found.version), found.run_id, found.tags.get("detector", ""), dict(found.tags))

    def must_have_champion(self) -> Version:
        """Return the version that runs. Raises `NotTrainedError` where there is none."""
        version = self.champion()
        if version is None:
            raise NotTrainedError(
                f"{self.name} has no champion in {self.url}. Run the DAG {TRAINED_BY[self.name]} once."
            )
        return version

    def versions(self, most: int = 10) -> list[dict[str, Any]]:
        """Return the newest versions: model, version, role, detector, trained_at, metrics, tags and run_id.

        The role is champion, challenger, or retired for one that neither alias points to.
        """
        current = _number(self.champion())
        with self._client() as (_, client):
            found = sorted(_all_versions(client, self.name), key=lambda version: -int(version.version))
            aliases = client.get_registered_model(self.name).aliases if found else {}
            role = {str(number): alias for alias, number in aliases.items()} | {current: CHAMPION}
            return [
                {
                    "model": self.name,
                    "version": str(version.version),
                    "role": role.get(str(version.version), "retired"),
                    "detector": version.tags.get("detector", ""),
                    "trained_at": datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                    "metrics": dict(client.get_run(version.run_id).data.metrics),
                    "tags": dict(version.tags),
                    "run_id": version.run_id,
                }
                for version in found[:most]
            ]

    def download(self, version: str, folder: Path) -> Path:
        """Fetch the files of a version into `folder`; return where `state.json` lies."""
        with self._client() as (mlflow, client):
            source = client.get_model_version(self.name, version).source
            path = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=self.url)
        found = sorted(Path(path).rglob("state.json"))
        if not found:
            raise ModelError(f"Version {version} of {self.name} holds no model that Almanac has saved.")
        return found[0].parent

    def load_version(self, version: str) -> Any:
        """Return the model of one version, from arrays and JSON."""
        with tempfile.TemporaryDirectory() as folder:
            return load(self.download(version, Path(folder)))

    def prune(self, keep: int) -> list[str]:
        """Delete all but the newest `keep` versions with their runs; return the numbers of those that went.

        What an alias points to, and what the champion replaced, always stays.
        """
        champion = self.champion()
        with self._client() as (_, client):
            found = sorted(_all_versions(client, self.name), key=lambda version: -int(version.version))
            if not found:
                return []
            safe = {str(number) for number in client.get_registered_model(self.name).aliases.values()}
            safe |= {champion.number, champion.tags.get("champion_before", NONE)} if champion else set()
            gone = [version for version in found[keep:] if str(version.version) not in safe]
            for version in gone:
                client.delete_model_version(self.name, version.version)
                client.delete_run(version.run_id)
            return [str(version.version) for version in gone]

    @contextmanager
    def _client(self) -> Iterator[tuple[Any, Any]]:
        """Yield mlflow and a client; what fails because nobody answers becomes a `RegistryUnavailableError`."""
        try:
            yield connect(self.url)
        except _mlflow_error() as error:
            if _is_absent(error):
                raise ModelError(f"MLflow at {self.url} says of {self.name}: {error}") from error
            raise RegistryUnavailableError(
                f"MLflow at {self.url} does not answer ({_first_line(error)}). Start it, or correct ALMANAC_MLFLOW_URL."
            ) from error

    def _crown(self, client: Any, version: str, before: str, by: str) -> None:
        client.set_model_version_tag(self.name, version, "champion_before", before)
        client.set_model_version_tag(self.name, version, "promoted_by", by)
        client.set_registered_model_tag(self.name, "crowned", version)
        client.set_registered_model_alias(self.name, CHAMPION, version)


def _all_versions(client: Any, name: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", max_results=200, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _number(version: Version | None) -> str:
    return NONE if version is None else version.number


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return MlflowException


def _is_absent(error: Exception) -> bool:
    return getattr(error, "error_code", "") in _ABSENT


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
