"""Labels of people → a factor per class: up where noise goes and nothing real, down where real ones are missed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.feedback import class_thresholds, judged_episodes

T0 = pd.Timestamp("2026-11-05T00:00", tz="UTC")
CLASSES = {1: "latency/60", 2: "latency/60", 3: "usage/300"}


def hour(number: float, minutes: float = 10.0) -> dict[str, pd.Timestamp]:
    start = T0 + pd.Timedelta(hours=number)
    return {"first_ts": start, "last_ts": start + pd.Timedelta(minutes=minutes)}


def frames(judged: list[tuple[int, float, str]], weight: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return episodes of (subject, peak) and a label for each."""
    episodes = [{"subject_id": who, "service": "cart", "peak": peak, **hour(n)} for n, (who, peak, _) in
                enumerate(judged)]  # fmt: skip
    labels: list[dict[str, Any]] = [
        {
            "subject_kind": "series",
            "subject_id": who,
            "service": "cart",
            "verdict": verdict,
            "weight": weight,
            **hour(n),
        }
        for n, (who, _, verdict) in enumerate(judged)
    ]
    return pd.DataFrame(episodes), pd.DataFrame(labels)


def test_a_class_whose_noise_lies_below_its_real_ones_gets_a_higher_threshold() -> None:
    judged = [(1, 1.2, "noise")] * 30 + [(2, 3.0, "real")] * 30
    found = class_thresholds(*frames(judged), CLASSES)
    assert found == {"latency/60": pytest.approx(1.195, abs=0.001)}  # 1.231, shrunk by 60 / 70


def test_recall_of_real_ones_never_falls_below_the_floor() -> None:
    rng = np.random.default_rng(3)
    judged = [(1, float(peak), "noise") for peak in rng.uniform(1.0, 2.0, 60)]
    peaks = np.sort(rng.uniform(1.0, 2.0, 40))
    judged += [(1, float(peak), "real") for peak in peaks]
    factor = class_thresholds(*frames(judged), CLASSES, floor=0.9)["latency/60"]
    assert factor > 1.0
    assert (peaks >= factor).mean() >= 0.9


def test_a_few_labels_of_noise_raise_nothing() -> None:
    judged = [(1, 1.2, "noise")] * 4
    assert class_thresholds(*frames(judged), CLASSES) == {"latency/60": 1.0}


def test_labels_of_systems_weigh_less_than_those_of_people() -> None:
    judged = [(1, 1.2, "noise")] * 8
    assert class_thresholds(*frames(judged, weight=0.5), CLASSES) == {"latency/60": 1.0}
    assert class_thresholds(*frames(judged), CLASSES)["latency/60"] > 1.0


def test_a_class_that_misses_real_ones_gets_a_lower_threshold() -> None:
    judged = [(3, 0.8, "real")] * 10 + [(3, 2.0, "real")] * 10
    factor = class_thresholds(*frames(judged), CLASSES)["usage/300"]
    assert 0.8 < factor < 0.9


def test_few_labels_move_a_threshold_little() -> None:
    few = class_thresholds(*frames([(3, 0.6, "real")]), CLASSES)["usage/300"]
    many = class_thresholds(*frames([(3, 0.6, "real")] * 50), CLASSES)["usage/300"]
    assert many < few < 1.0
    assert few > 0.94


def test_a_class_without_labels_is_not_mentioned() -> None:
    found = class_thresholds(*frames([(1, 1.2, "noise")] * 9), CLASSES)
    assert "usage/300" not in found


def test_a_real_label_that_no_episode_meets_was_missed() -> None:
    episodes, labels = frames([(1, 1.5, "real"), (1, 1.4, "real")])
    judged = judged_episodes(episodes.head(1), labels)
    assert judged[["peak", "verdict"]].to_numpy().tolist() == [[1.5, "real"], [0.0, "real"]]


def test_a_label_of_a_service_is_of_every_episode_of_its_series_in_that_time() -> None:
    episodes, _ = frames([(1, 1.5, "real"), (2, 1.4, "real")])
    label = {"subject_kind": "service", "subject_id": 99, "service": "cart", "verdict": "real", "weight": 0.5,
             "first_ts": T0, "last_ts": T0 + pd.Timedelta(hours=2)}  # fmt: skip
    judged = judged_episodes(episodes, pd.DataFrame([label]))
    assert judged["subject_id"].tolist() == [1, 2]
    elsewhere = judged_episodes(episodes, pd.DataFrame([{**label, "service": "search"}]))
    assert elsewhere.empty


def test_words_about_causes_move_no_threshold() -> None:
    episodes, labels = frames([(1, 1.2, "other_cause")] * 20)
    assert class_thresholds(episodes, labels, CLASSES) == {}
