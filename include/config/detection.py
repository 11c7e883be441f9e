"""How anomalies are detected: `detectors.yaml`. Without the file, the defaults below."""

import fnmatch
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from include.config.values import Model, Text, one_or_many

SeriesDetector = Literal[
    "robust_z", "seasonal", "isolation_forest", "forecast_pool", "prophet_band", "lstm_autoencoder", "ensemble"
]
Policy = Literal["auto", "review"]
Patterns = Annotated[tuple[Text, ...], BeforeValidator(one_or_many)]


class Assignment(Model):
    """Which detector judges some series, whatever the back-test would choose; every condition given must hold.

    `queries` and `services` are names, or patterns with `*`; `labels` are those of the service, such as its domain.
    """

    detector: SeriesDetector
    queries: Patterns = ()
    services: Patterns = ()
    kinds: Patterns = ()
    labels: dict[str, str] = Field(default_factory=dict)

    def fits(self, query: str, service: str, kind: str, labels: dict[str, str]) -> bool:
        """Return whether a series with these properties is meant."""
        return (
            _one_of(query, self.queries)
            and _one_of(service, self.services)
            and _one_of(kind, self.kinds)
            and self.labels.items() <= labels.items()
        )


class Detection(Model):
    """`detectors.yaml`: what is trained, which detector judges what, and who may let a new model run."""

    members: tuple[Literal["robust_z", "seasonal", "isolation_forest", "forecast_pool"], ...] = Field(
        default=("robust_z", "isolation_forest", "forecast_pool"),
        min_length=1,
        description="detectors among which the back-test chooses, per class of series",
    )
    assign: tuple[Assignment, ...] = Field(default=(), description="exceptions; the first that fits a series counts")
    together: bool = Field(default=True, description="also judge the metrics of each service together")
    log_lines: bool = Field(default=True, description="also judge log lines, where a source brings them")
    episode_budget: float = Field(
        default=0.2, gt=0, le=100, description="episodes per service and day that training allows on calm data"
    )
    service_budget: float = Field(
        default=0.5, gt=0, le=100, description="the same for the metrics of a service judged together"
    )
    recall_floor: float = Field(
        default=0.9, gt=0, le=1, description="share of the episodes called real that feedback must not lose"
    )
    promotion: Policy = Field(
        default="auto", description="auto: what passes the gate runs; review: a person approves it in Airflow first"
    )
    keep_versions: int = Field(default=10, ge=2, le=1000, description="versions of a model that stay in MLflow")
    retrain_on_drift: bool = Field(default=True, description="train anew when check_drift says so, at most once a day")

    @property
    def trained(self) -> tuple[str, ...]:
        """The detectors of series that training fits: the members, and those that an assignment names."""
        asked = (one.detector for one in self.assign if one.detector != "ensemble")
        return tuple(dict.fromkeys((*self.members, *asked)))

    def detector_of(self, query: str, service: str, kind: str, labels: dict[str, str]) -> str:
        """Return the detector that is assigned to a series, or an empty text where the back-test chooses."""
        for one in self.assign:
            if one.fits(query, service, kind, labels):
                return "" if one.detector == "ensemble" else one.detector
        return ""


def _one_of(value: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)
