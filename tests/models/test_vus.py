"""VUS-PR against a plain transcription of TSB-AD's definition, and in cases where it is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.vus import natural_window, segments, vus_pr


def plain(labels: np.ndarray, score: np.ndarray, window: int, quantiles: int) -> float:
    """The definition, one threshold and one tolerance at a time."""
    starts, ends = segments(labels)
    size, areas = len(labels), []
    for width in range(window + 1):
        soft = labels.astype(float)
        for a, b in zip(starts, ends, strict=True):
            for k in range(1, width // 2 + 1):
                for at in (b + k, a - k):
                    if 0 <= at < size:
                        soft[at] += (1 - k / width) ** 0.5
        soft = np.minimum(soft, 1)
        wide: list[list[int]] = []
        for a, b in zip(starts, ends, strict=True):
            low, high = max(a - width // 2, 0), min(b + width // 2, size - 1)
            if wide and low <= wide[-1][1]:
                wide[-1][1] = high
            else:
                wide.append([low, high])
        area, before = 0.0, 0.0
        for threshold in np.sort(score)[::-1][np.linspace(0, size - 1, quantiles).astype(int)]:
            hit = score >= threshold
            caught = (soft * hit).sum()
            positives = (labels.sum() + labels.sum() + (soft * hit)[~labels].sum()) / 2
            touched = np.mean([hit[a : b + 1].any() for a, b in wide])
            recall = min(caught / positives, 1) * touched
            area += (recall - before) * caught / hit.sum()
            before = recall
        areas.append(area)
    return float(np.mean(areas))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9))
def test_it_equals_the_definition(seed: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros(80, bool)
    for at in rng.integers(0, 78, 3):
        labels[at : at + rng.integers(1, 6)] = True
    score = np.round(rng.normal(size=80) + labels, 1)
    assert vus_pr(labels, score, window, 25) == pytest.approx(plain(labels, score, window, 25))


def test_a_perfect_score_reaches_one_and_a_constant_one_the_share_of_labels() -> None:
    labels = np.zeros(1_000, bool)
    labels[500:550] = True
    assert vus_pr(labels, labels.astype(float), 0) == 1.0
    assert vus_pr(labels, np.ones(1_000), 0) == pytest.approx(0.05)


def test_without_labels_there_is_no_answer() -> None:
    assert np.isnan(vus_pr(np.zeros(10, bool), np.ones(10), 3))


def test_the_natural_window_of_a_season_is_its_length() -> None:
    assert natural_window(np.sin(np.arange(5_000) * 2 * np.pi / 48)) == 48
    assert natural_window(np.ones(500)) == 125


# `generate_curve(labels, score, window, "opt", 250)[-1]` of TSB-AD 1.5 (its wheel from PyPI) on the cases below.
# Its `find_length_rank` agreed with `natural_window` on all 96 series of NAB and of the cloud monitoring data.
TSB_AD = [
    0.1839249255,
    0.1417744665,
    0.5550555275,
    0.4672153416,
    0.4860451341,
    0.2382682412,
    0.2371273794,
    0.0632225377,
    0.5238746553,
    0.5583890042,
    0.7388478581,
    0.3400158898,
]


def test_it_equals_the_reference_implementation() -> None:
    rng = np.random.default_rng(1)
    for case, expected in enumerate(TSB_AD):
        labels = np.zeros(400, bool)
        for at in rng.integers(0, 380, rng.integers(1, 5)):
            labels[at : at + rng.integers(1, 20)] = True
        if case % 3 == 0:
            labels[:4] = True
        if case % 4 == 0:
            labels[-3:] = True
        score = rng.normal(size=400) + labels * rng.uniform(0, 3)
        if case % 2:
            score = np.round(score, 1)
        assert vus_pr(labels, score, (0, 1, 5, 20, 50, 100)[case % 6]) == pytest.approx(expected, abs=1e-9)
