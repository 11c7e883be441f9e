"""`detectors.yaml`."""

from pathlib import Path

import pytest

from include.config import ConfigError, load_config
from include.config.detection import Assignment, Detection

ASSIGNED = """
members: [robust_z, isolation_forest]
promotion: review
assign:
  - {detector: lstm_autoencoder, services: payments-*, kinds: latency}
  - {detector: prophet_band, labels: {domain: retail}}
  - {detector: ensemble, queries: requests}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "services.yaml").write_text("services: {cart: {owner: shop}}\n")
    (folder / "detectors.yaml").write_text(text)
    return folder


def test_the_first_assignment_that_fits_a_series_counts(tmp_path: Path) -> None:
    found = load_config(written(tmp_path, ASSIGNED)).detection
    assert found.detector_of("p95", "payments-api", "latency", {}) == "lstm_autoencoder"
    assert found.detector_of("p95", "payments-api", "errors", {"domain": "retail"}) == "prophet_band"
    assert found.detector_of("requests", "cart", "traffic", {"domain": "retail"}) == "prophet_band"
    assert found.detector_of("requests", "cart", "traffic", {}) == ""
    assert found.trained == ("robust_z", "isolation_forest", "lstm_autoencoder", "prophet_band")


def test_without_the_file_everything_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "services.yaml").write_text("services: {cart: {owner: shop}}\n")
    assert load_config(tmp_path).detection == Detection()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("members: [oracle]\n", "members"),
        ("promotion: whenever\n", "promotion"),
        ("assign: [{detector: crystal_ball}]\n", "detector"),
        ("episode_budget: -1\n", "episode_budget"),
        ("surprise: 1\n", "surprise"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        load_config(written(tmp_path, text))
    assert "detectors.yaml" in str(error.value)


def test_an_assignment_without_conditions_fits_everything() -> None:
    assert Assignment(detector="robust_z").fits("q", "s", "k", {})
